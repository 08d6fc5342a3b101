//! The query Lambda: reads its environment, builds its parts, runs.

use aws_config::BehaviorVersion;
use query::{Employees, Gate, Mode, lambda};
use rds_admission::client::{Admission, Bypass, LambdaCounter};
use rds_admission::secret::SecretCache;
use rds_admission::session::SessionOptions;
use rds_admission::{aws, env, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let pool = env::required("POOL_NAME")?;
    let mode: Mode = env::or("ADMISSION", Mode::default())?;
    let counter: String = env::required("COUNTER_FUNCTION")?;
    let secret: String = env::required("SECRET_ARN")?;
    let tls = env::or("DB_TLS", SessionOptions::default().tls)?;
    let hold: lambda::Hold = env::or("HOLD_SECONDS", lambda::Hold::default())?;

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let gate = match mode {
        Mode::On => Gate::Counter(LambdaCounter::new(aws::counter_client(&config), counter)),
        Mode::Bypass => Gate::Bypass(Bypass::default()),
    };
    let secret = SecretCache::new(aws::secret_client(&config), secret);
    let options = SessionOptions { tls, ..SessionOptions::default() };
    let employees =
        Employees::new(Admission::new(gate, pool), secret, options).holding(hold.into());
    lambda::run(employees).await
}
