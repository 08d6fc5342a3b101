//! The `rotate` Lambda: reads its environment and runs.

use std::process::ExitCode;

use admin::rotate::{Rotation, lambda};
use aws_config::BehaviorVersion;
use rds_admission::backend::BackendKind;
use rds_admission::session::SessionOptions;
use rds_admission::{aws, env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    telemetry::init()?;
    let pool = env::required("POOL_NAME")?;
    let tls = env::or("DB_TLS", SessionOptions::default().tls)?;

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let backend = BackendKind::via_from_env()?.connect(&config)?;
    let options = SessionOptions { tls, ..SessionOptions::default() };
    lambda::run(Rotation::new(aws::secret_client(&config), backend, pool, options)).await
}
