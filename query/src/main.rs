//! Entry point of the query function: reads the environment and starts the handler.

use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use query::{Employees, lambda};
use rds_admission::backend::BackendKind;
use rds_admission::client::Admission;
use rds_admission::secret::SecretCache;
use rds_admission::session::SessionOptions;
use rds_admission::sessions::Sessions;
use rds_admission::{aws, env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    telemetry::init()?;
    let pool = env::required("POOL_NAME")?;
    let backend = BackendKind::from_env()?;
    let secret: String = env::required("SECRET_ARN")?;
    let tls = env::or("DB_TLS", SessionOptions::default().tls)?;
    let wait = Duration::from_millis(env::or("SLOT_WAIT_MS", 0)?);
    let kept = env::warm_slots()?;
    let hold: lambda::Hold = env::or("HOLD_SECONDS", lambda::Hold::default())?;

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let backend = backend.connect(&config)?;
    let secret = SecretCache::new(aws::secret_client(&config), secret);
    let options = SessionOptions { tls, ..SessionOptions::default() };
    let sessions = Sessions::new(Admission::new(backend, pool).waiting(wait), secret, options);
    let sessions = match kept {
        Some(warm) => sessions.keeping(warm),
        None => sessions,
    };
    lambda::run(Employees::new(sessions).holding(hold.into())).await
}
