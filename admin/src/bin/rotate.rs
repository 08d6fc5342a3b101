//! The `rotate` Lambda: reads its environment, builds its parts, runs.

use admin::rotate::{Rotation, Vault, lambda};
use aws_config::BehaviorVersion;
use rds_admission::client::LambdaCounter;
use rds_admission::session::SessionOptions;
use rds_admission::{aws, env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let pool = env::required("POOL_NAME")?;
    let counter: String = env::required("COUNTER_FUNCTION")?;
    let tls = env::or("DB_TLS", SessionOptions::default().tls)?;

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let vault = Vault::new(aws::secret_client(&config));
    let counter = LambdaCounter::new(aws::counter_client(&config), counter);
    let options = SessionOptions { tls, ..SessionOptions::default() };
    lambda::run(Rotation::new(vault, counter, pool, options)).await
}
