//! The counter's protocol: acquire and release, as a caller says them.

use std::future::Future;
use std::num::NonZeroU32;

use anyhow::{Result, ensure};
use rds_admission::pool::{Class, LeaseId, PoolName};
use rds_admission::wire::Request;
use serde_json::Value;

use crate::decider::TTL;

/// Takes a slot of `pool` and gives it back, by what `says` answers.
pub(super) async fn pair<F>(pool: &PoolName, says: impl Fn(Value) -> F) -> Result<()>
where
    F: Future<Output = Result<Value>>,
{
    let (pool, lease) = (pool.clone(), LeaseId::random(&mut rand::rng()));
    let (class, attempt) = (Class::Standard, Some(NonZeroU32::MIN));
    let acquire = Request::Acquire { pool: pool.clone(), lease, ttl: TTL, class, attempt };
    let answer = says(acquire.payload()).await?;
    ensure!(answer["granted"] == true, "{answer}");
    let shard = answer["shard"].as_u64().and_then(|shard| u32::try_from(shard).ok());
    let answer = says(Request::Release { pool, lease, shard }.payload()).await?;
    ensure!(answer["released"] == true, "{answer}");
    Ok(())
}
