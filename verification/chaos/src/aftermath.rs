//! When all is over: is every slot back, and no connection left?

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::pool::{Aws, SKEW_ALLOWANCE, epoch_seconds};
use crate::scene::Scene;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aftermath {
    /// Leases left behind by those who could not give back, to be taken over.
    pub(crate) left_behind: usize,
    /// Connections of the service that the server still had.
    pub(crate) connections: usize,
    /// Slots that could be had, one after the other.
    pub(crate) granted: u64,
    /// Whether one more was refused.
    pub(crate) one_more_refused: bool,
    /// `InUse` when they were all given back.
    pub(crate) in_use: u64,
}

/// Waits until the last lease is over, then takes every slot there is, and gives them back.
pub(crate) async fn look(scene: &Scene, aws: &Aws) -> Result<Aftermath> {
    let patience = scene.lease + Duration::from_secs(10);
    let since = Instant::now();
    while !scene.server.threads().is_empty() && since.elapsed() < patience {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let connections = scene.server.threads().len();

    let pool = aws.pool().await?;
    let last = pool.leases.values().max().copied().unwrap_or_default();
    while epoch_seconds() < last + SKEW_ALLOWANCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let left_behind = pool.leases.len();

    let slots = pool.max_connections;
    let lease = |n: u64| format!("chaos{n:03}");
    let acquire = async |n: u64| {
        let ask =
            json!({"op": "acquire", "lease": lease(n), "ttlSeconds": 60, "class": "priority"});
        anyhow::Ok(aws.counter(ask).await?["granted"] == true)
    };
    let mut granted = 0;
    for n in 0..slots {
        granted += u64::from(acquire(n).await?);
    }
    let one_more_refused = !acquire(slots).await?;
    for n in 0..=slots {
        aws.counter(json!({"op": "release", "lease": lease(n)})).await?;
    }
    let in_use = aws.pool().await?.in_use;
    Ok(Aftermath { left_behind, connections, granted, one_more_refused, in_use })
}
