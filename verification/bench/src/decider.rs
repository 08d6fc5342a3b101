//! Deciders: the store alone, or behind a controller.

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::pool::{Class, LeaseId, PoolName, Shard};
use rds_admission::store::{DynamoStore, SlotStore as _};
use rds_admission::time::{Seconds, SystemClock};
use rds_admission::wire::{AcquireAnswer, Granted};

use crate::table::Table;

/// The length of the leases: that of a query that may take 30 s.
pub const TTL: Seconds = Seconds(35);

/// A granted slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The lease.
    pub lease: LeaseId,
    /// Its shard, where the pool is split and the decider names it.
    pub shard: Option<u32>,
}

/// Grants and releases slots, as one process does, with that process's cache.
pub trait Decider: Send + Sync {
    /// Acquires a slot of `pool` under the new id `lease`. `None` when rejected.
    fn acquire<'a>(
        &'a self,
        pool: &'a PoolName,
        lease: LeaseId,
    ) -> BoxFuture<'a, Result<Option<Slot>>>;

    /// Releases a slot. Returns whether its lease was held.
    fn release<'a>(&'a self, pool: &'a PoolName, slot: Slot) -> BoxFuture<'a, Result<bool>>;
}

/// The store alone: every acquire is a conditional write.
#[derive(Debug)]
pub struct StoreDecider(DynamoStore<SystemClock>);

impl StoreDecider {
    /// A store on `table`.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        Self(table.store())
    }
}

impl Decider for StoreDecider {
    fn acquire<'a>(
        &'a self,
        pool: &'a PoolName,
        lease: LeaseId,
    ) -> BoxFuture<'a, Result<Option<Slot>>> {
        async move {
            let outcome = self.0.acquire(&Shard::first(pool), lease, TTL, Class::Standard).await?;
            Ok(outcome.grant.map(|_| Slot { lease, shard: None }))
        }
        .boxed()
    }

    fn release<'a>(&'a self, pool: &'a PoolName, slot: Slot) -> BoxFuture<'a, Result<bool>> {
        async move { Ok(self.0.release(pool, slot.lease, slot.shard).await?.released) }.boxed()
    }
}

/// A controller: may reject from its cache, without the table.
#[derive(Debug)]
pub struct ControllerDecider(Controller<DynamoStore<SystemClock>, SystemClock>);

impl ControllerDecider {
    /// A controller on `table`, with an empty cache.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let rng = StdRng::from_rng(&mut rand::rng());
        Self(Controller::new(table.store(), SystemClock, rng))
    }
}

impl Decider for ControllerDecider {
    fn acquire<'a>(
        &'a self,
        pool: &'a PoolName,
        lease: LeaseId,
    ) -> BoxFuture<'a, Result<Option<Slot>>> {
        async move {
            let decision = self.0.acquire(pool, lease, TTL, Class::Standard, true).await?;
            Ok(match decision.answer {
                AcquireAnswer::Granted(Granted { shard, .. }) => Some(Slot { lease, shard }),
                AcquireAnswer::Refused(_) => None,
            })
        }
        .boxed()
    }

    fn release<'a>(&'a self, pool: &'a PoolName, slot: Slot) -> BoxFuture<'a, Result<bool>> {
        async move { Ok(self.0.release(pool, slot.lease, slot.shard).await?.released) }.boxed()
    }
}
