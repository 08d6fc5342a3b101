//! What the tests share: an embedded DynamoDB behind real HTTP, and a counter without a Lambda.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(missing_docs, clippy::missing_panics_doc)]

pub(crate) mod capacity;
pub(crate) mod counter;
pub(crate) mod dynamo;
pub(crate) mod faults;
pub(crate) mod hold;

use rds_admission::pool::{Class, LeaseId, PoolName, PoolSize, Shard};
use rds_admission::store::{Grant, SlotStore, StoreError};
use rds_admission::time::{Seconds, UnixSeconds};

pub(crate) fn pool() -> PoolName {
    "Prod_MySQL".parse().expect("a name")
}

/// The size that the template gives its database: that of a db.t2.micro.
pub(crate) fn t2_micro() -> PoolSize {
    PoolSize::divide(66, 4, 2).expect("a size")
}

pub(crate) fn lease() -> LeaseId {
    LeaseId::random(&mut rand::rng())
}

/// The outcome of an acquire in a pool's first shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquired {
    Granted { expires_at: UnixSeconds, taken_over: u32, in_use: u32, max_connections: u32 },
    Full { in_use: u32, max_connections: u32 },
    Draining { in_use: u32, max_connections: u32 },
}

/// Acquires in the first shard of `pool`.
pub(crate) async fn acquire(
    store: &impl SlotStore,
    pool: &PoolName,
    lease: LeaseId,
    ttl: Seconds,
    class: Class,
) -> Result<Acquired, StoreError> {
    let outcome = store.acquire(&Shard::first(pool), lease, ttl, class).await?;
    let (in_use, max_connections) = (outcome.shard.in_use(), outcome.shard.size.max_connections());
    Ok(match outcome.grant {
        Some(Grant { expires_at, taken_over }) => {
            Acquired::Granted { expires_at, taken_over, in_use, max_connections }
        }
        None if outcome.shard.draining => Acquired::Draining { in_use, max_connections },
        None => Acquired::Full { in_use, max_connections },
    })
}
