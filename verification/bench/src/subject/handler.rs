//! The counter's whole handler: payload in, payload out, and the line that is logged.

use anyhow::{Result, anyhow};
use counter::{Counter, lambda};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use rds_admission::store::DynamoStore;
use rds_admission::time::SystemClock;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::{Subject, protocol};
use crate::pools::Pools;

/// All of the counter but the Runtime API.
#[derive(Debug)]
pub struct Handler {
    counter: Counter<DynamoStore<SystemClock>, SystemClock>,
    pools: Pools,
}

impl Handler {
    /// Asks `counter` about `pools`.
    #[must_use]
    pub fn new(counter: Counter<DynamoStore<SystemClock>, SystemClock>, pools: Pools) -> Self {
        Self { counter, pools }
    }

    async fn says(&self, payload: Value) -> Result<Value> {
        let event = LambdaEvent::new(to_raw_value(&payload)?, Context::default());
        let answer = lambda::invocation(&self.counter, event).await;
        answer.map_err(|failed| anyhow!("{}: {}", failed.error_type, failed.error_message))
    }
}

impl Subject for Handler {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        protocol::pair(self.pools.of(caller), |payload| self.says(payload)).boxed()
    }
}

/// Has log lines made, and thrown away. To be called once, before a [`Handler`] is measured.
pub fn log_to_nowhere() {
    // A second subscriber is refused; the first one serves as well.
    let _ = tracing_subscriber::fmt().with_writer(std::io::sink).try_init();
}
