//! Ours: a slot is asked for, and given back.

use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rds_admission::pool::LeaseId;

use super::{Asked, Subject};
use crate::decider::Decider;
use crate::pools::Pools;

/// Asks a decider about pools.
pub struct Decided {
    decider: Arc<dyn Decider>,
    pools: Pools,
    asked: Asked,
}

impl Decided {
    /// Asks `decider` about `pools`.
    #[must_use]
    pub fn new(decider: Arc<dyn Decider>, pools: Pools, asked: Asked) -> Self {
        Self { decider, pools, asked }
    }
}

impl Subject for Decided {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            let (pool, lease) = (self.pools.of(caller), LeaseId::random(&mut rand::rng()));
            let slot = self.decider.acquire(pool, lease).await?;
            ensure!(slot.is_some() == (self.asked == Asked::Pair), "granted: {slot:?}");
            if let Some(slot) = slot {
                ensure!(self.decider.release(pool, slot).await?, "the lease was gone");
            }
            Ok(())
        }
        .boxed()
    }
}
