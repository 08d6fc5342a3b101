//! The counter Lambda's entry point: reads the environment and serves invocations.

use std::num::NonZeroU32;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use counter::{Counter, Limiter, lambda};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::pool::ANONYMOUS_LEASE;
use rds_admission::store::DynamoStore;
use rds_admission::time::{Seconds, SystemClock};
use rds_admission::{aws, env, telemetry};

const DECISIONS_PER_SECOND: NonZeroU32 = NonZeroU32::new(100).unwrap();

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::ended(serve().await)
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    telemetry::init()?;
    let table: String = env::required("TABLE_NAME")?;
    let decisions = env::or("DECISIONS_PER_SECOND", DECISIONS_PER_SECOND)?;
    let anonymous_lease = Seconds(env::or("ANONYMOUS_LEASE_SECONDS", ANONYMOUS_LEASE.0)?);

    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let store = DynamoStore::new(aws::table_client(&config), table, SystemClock);
    let rng = StdRng::from_rng(&mut rand::rng());
    let limiter = Limiter::per_second(decisions);
    let controller = Controller::with_anonymous_lease(store, SystemClock, rng, anonymous_lease);
    lambda::run(Counter::new(controller, limiter)).await
}
