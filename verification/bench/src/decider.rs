//! Who decides: the store, or a controller with a memory.

use anyhow::Result;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::pool::{Class, LeaseId, PoolName};
use rds_admission::store::{Acquired, DynamoStore, Store as _};
use rds_admission::time::{Seconds, SystemClock};
use rds_admission::wire::{AcquireAnswer, Granted};

use crate::table::Table;

/// The lease that callers ask for: that of a query that may take 30 s.
pub const TTL: Seconds = Seconds(35);

/// A slot that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its lease.
    pub lease: LeaseId,
    /// The shard that it is in, where the pool is split and the decider says so.
    pub shard: Option<u32>,
}

/// Who decides, with a memory of its own where it has one: a process.
pub trait Decider: Send + Sync {
    /// Takes a slot of `pool` under the id `lease`, never asked for before. `None` when it is refused.
    fn acquire<'a>(
        &'a self,
        pool: &'a PoolName,
        lease: LeaseId,
    ) -> BoxFuture<'a, Result<Option<Slot>>>;

    /// Gives it back. Returns whether it was out.
    fn release<'a>(&'a self, pool: &'a PoolName, slot: Slot) -> BoxFuture<'a, Result<bool>>;
}

/// The store: every acquire is a conditional write.
#[derive(Debug)]
pub struct Plain(DynamoStore<SystemClock>);

impl Plain {
    /// Decides in `table`.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        Self(table.store())
    }
}

impl Decider for Plain {
    fn acquire<'a>(
        &'a self,
        pool: &'a PoolName,
        lease: LeaseId,
    ) -> BoxFuture<'a, Result<Option<Slot>>> {
        async move {
            let acquired = self.0.acquire(pool, lease, TTL, Class::Standard).await?;
            let granted = matches!(acquired, Acquired::Granted { .. });
            Ok(granted.then_some(Slot { lease, shard: None }))
        }
        .boxed()
    }

    fn release<'a>(&'a self, pool: &'a PoolName, slot: Slot) -> BoxFuture<'a, Result<bool>> {
        async move { Ok(self.0.release(pool, slot.lease).await?.released) }.boxed()
    }
}

/// A controller: what it remembers may refuse without the table.
#[derive(Debug)]
pub struct Controlled(Controller<DynamoStore<SystemClock>, SystemClock>);

impl Controlled {
    /// Decides in `table`, and remembers nothing yet.
    #[must_use]
    pub fn new(table: &Table) -> Self {
        let dice = StdRng::from_rng(&mut rand::rng());
        Self(Controller::new(table.store(), SystemClock, dice))
    }
}

impl Decider for Controlled {
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
