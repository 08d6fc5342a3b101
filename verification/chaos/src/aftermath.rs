//! Checks after the run: every slot is free again, and no connection is left.

use std::time::{Duration, Instant};

use anyhow::Result;
use rds_admission::time::{Clock as _, SKEW_ALLOWANCE, SystemClock};
use serde_json::json;

use crate::pool::Aws;
use crate::run_context::RunContext;

/// The state after the run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aftermath {
    /// Leases that were never released.
    pub(crate) left_behind: usize,
    /// Connections of the service left on the server.
    pub(crate) connections: usize,
    /// Slots granted, one after the other.
    pub(crate) granted: u64,
    /// Whether one more acquire was rejected.
    pub(crate) one_more_rejected: bool,
    /// `InUse` after all were released.
    pub(crate) in_use: u64,
}

/// Waits for the last lease's expiry, then acquires and releases all slots.
pub(crate) async fn check(context: &RunContext, aws: &Aws) -> Result<Aftermath> {
    let patience = context.lease + Duration::from_secs(10);
    let since = Instant::now();
    while !context.server.threads().is_empty() && since.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let connections = context.server.threads().len();

    let pool = aws.pool().await?;
    let last = pool.leases.values().max().copied().unwrap_or_default();
    while SystemClock.now().0 < last + u64::from(SKEW_ALLOWANCE.0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left_behind = pool.leases.len();

    let slots = pool.max_connections;
    let lease = |n: u64| format!("chaos{n:03}");
    let acquire = async |n: u64| {
        let payload =
            json!({"op": "acquire", "lease": lease(n), "ttlSeconds": 60, "class": "priority"});
        anyhow::Ok(aws.counter(payload).await?["granted"] == true)
    };
    let mut granted = 0;
    for n in 0..slots {
        granted += u64::from(acquire(n).await?);
    }
    let one_more_rejected = !acquire(slots).await?;
    for n in 0..=slots {
        aws.counter(json!({"op": "release", "lease": lease(n)})).await?;
    }
    let in_use = aws.pool().await?.in_use;
    Ok(Aftermath { left_behind, connections, granted, one_more_rejected, in_use })
}
