//! The `rotate` Lambda: reads its environment, builds its parts, runs.

use std::process::ExitCode;

use admin::rotate::{Rotation, Vault, lambda};
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
    let vault = Vault::new(aws::secret_client(&config));
    let backend = BackendKind::via_from_env()?.connect(&config)?;
    let options = SessionOptions { tls, ..SessionOptions::default() };
    lambda::run(Rotation::new(vault, backend, pool, options)).await
}
