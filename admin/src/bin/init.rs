//! The `init` Lambda: reads its environment and runs.

use std::process::ExitCode;

use admin::init::{Database, Init};
use admin::{cloudformation, init};
use aws_config::BehaviorVersion;
use lambda_runtime::Error;
use rds_admission::secret::SecretCache;
use rds_admission::session::SessionOptions;
use rds_admission::store::DynamoStore;
use rds_admission::time::SystemClock;
use rds_admission::{env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), Error> {
    // An error here becomes the response to CloudFormation, which would otherwise wait. Boxed because it is large.
    let init = Box::pin(init::lambda::start(build())).await;
    init::lambda::run(init, cloudformation::Responder::new()?).await
}

async fn build() -> Result<Init<DynamoStore<SystemClock>>, Error> {
    telemetry::init()?;
    let table: String = env::required("TABLE_NAME")?;
    let secret: String = env::required("SECRET_ARN")?;
    let tls = env::or("DB_TLS", SessionOptions::default().tls)?;

    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(&aws), table, SystemClock);
    let secret = SecretCache::new(aws_sdk_secretsmanager::Client::new(&aws), secret);
    let options = SessionOptions { tls, ..SessionOptions::default() };
    Ok(Init::new(store, Database::new(secret, options)))
}
