//! Where pools live. Every decision is one conditional write of one item.

mod dynamo;
mod expression;
mod item;
mod memory;
mod operations;
mod owners;
mod shards;

pub use dynamo::DynamoStore;
pub use item::MalformedItem;
pub use memory::MemoryStore;
pub use operations::{Evicted, Operations};
pub use owners::{Claimed, Owner, Owners, Ownership};
pub(crate) use shards::if_there;
pub use shards::{Answer, Asked, Found, Shards};

use std::future::Future;
use std::num::NonZeroU32;

use thiserror::Error;

use crate::pool::split::InvalidSplit;
use crate::pool::warm::FillLevel;
use crate::pool::{Class, LeaseId, Pool, PoolName, PoolSize};
use crate::time::{Seconds, UnixSeconds};

/// What came of an acquire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// The lease is out.
    Granted {
        /// When it expires, by the counter's clock.
        expires_at: UnixSeconds,
        /// Expired leases that were replaced to make room for it.
        taken_over: u32,
        /// Leases out now.
        in_use: u32,
        /// Slots of the pool.
        max_connections: u32,
    },
    /// No slot is free for the caller's class.
    Full {
        /// Leases out now.
        in_use: u32,
        /// Slots of the pool.
        max_connections: u32,
    },
    /// The pool is being emptied.
    Draining {
        /// Leases out now.
        in_use: u32,
        /// Slots of the pool.
        max_connections: u32,
    },
}

/// What came of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Whether this call gave the slot back; `false` when it was back already.
    pub released: bool,
    /// Leases out now.
    pub in_use: u32,
}

/// What came of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// How many expired leases were taken away.
    pub swept: u32,
    /// The pool after that.
    pub pool: Pool,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lives on.
    Until {
        /// Until then: as long as was asked for, or longer where a later renewal has come before this one.
        expires_at: UnixSeconds,
        /// How full the pool is; `None` while it drains.
        fill_level: Option<FillLevel>,
    },
    /// Somebody has taken the slot over, or it has expired and the pool, which has become smaller or drains, has
    /// none for it: the holder must drop its connection at once.
    Lost,
}

/// Why a store could not answer. Nothing was decided, except where a request was lost on its way
/// back ([`Table`](Self::Table), [`InDoubt`](Self::InDoubt)); a repeated call finds out.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The table holds no such pool.
    #[error("no pool {0} in the table")]
    UnknownPool(PoolName),
    /// The item is there but is not a pool.
    #[error("the item of pool {pool} is damaged")]
    Malformed {
        /// The pool whose item it is.
        pool: PoolName,
        /// What is wrong with it.
        source: MalformedItem,
    },
    /// The table could not be reached, or refused.
    #[error("{phase} of pool {pool} failed in the table")]
    Table {
        /// What was being done: `acquire`, `release`, …
        phase: &'static str,
        /// To which pool.
        pool: PoolName,
        /// What the table, or the way to it, said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table serves no more for now: one item takes so many writes a second.
    #[error("{phase} of pool {pool} was throttled by the table")]
    Throttled {
        /// What was being done.
        phase: &'static str,
        /// To which pool.
        pool: PoolName,
        /// What the table said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer to a write was lost, and when it was sent again the table served no more. Whether the first
    /// one was applied is not known: nobody may be told that it was not.
    #[error("{phase} of pool {pool} was throttled by the table after an answer was lost")]
    InDoubt {
        /// What was being done.
        phase: &'static str,
        /// To which pool.
        pool: PoolName,
        /// What the table said at last.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its slots can't be divided like that.
    #[error("the slots of pool {pool} can't be divided")]
    Split {
        /// Of which pool.
        pool: PoolName,
        /// Why not.
        source: InvalidSplit,
    },
    /// Others changed the pool at every try.
    #[error("{phase} of pool {pool} lost {tries} races in a row")]
    Contended {
        /// What was being done.
        phase: &'static str,
        /// To which pool.
        pool: PoolName,
        /// How often it was tried.
        tries: u32,
    },
}

/// A table of pools.
///
/// Every call may be repeated without harm: a lease's id is the key under which it is known to have
/// happened.
///
/// A pool whose slots one item can't hold well is split over several, its [shards](crate::pool::Shard).
/// Counts of leases and slots in an answer are then those of the shard that answered, and of the whole pool
/// where it was refused, swept or read.
pub trait Store: Send + Sync {
    /// Takes a slot of `pool` for `ttl`, under the id `lease`.
    ///
    /// # Errors
    /// [`StoreError`]; no lease may then be presumed.
    fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> impl Future<Output = Result<Acquired, StoreError>> + Send;

    /// Gives the slot of `lease` back.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be out.
    fn release(
        &self,
        pool: &PoolName,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Released, StoreError>> + Send;

    /// Gives back the anonymous slot that has been out longest, for a caller that can't name its own.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be out.
    fn release_oldest_anonymous(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<Released, StoreError>> + Send;

    /// Makes `lease` last for `ttl` from now. One that lasts longer already stays as it is; one that has
    /// expired is held to the limit as it is now.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then lasts as long as before.
    fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
    ) -> impl Future<Output = Result<Renewed, StoreError>> + Send;

    /// Takes expired leases away without granting anything: at the most
    /// [`Pool::MAX_TAKEOVER`] of them, in one write.
    ///
    /// Nothing depends on it, since an acquire that needs a slot takes over what has expired; but it
    /// empties a pool in which nobody does.
    ///
    /// # Errors
    /// [`StoreError`]; the leases may still be there.
    fn sweep(&self, pool: &PoolName) -> impl Future<Output = Result<Swept, StoreError>> + Send;

    /// Reads a pool as it stands.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Creates a pool, or gives it another size, over as many shards as
    /// [keep each in a write unit](crate::pool::split::shards_for). One that is there is never split while
    /// slots would have to move. Leases that are out stay out.
    ///
    /// # Errors
    /// [`StoreError`]; each shard is then as it was, as asked for, or the smaller of the two.
    fn define(
        &self,
        pool: &PoolName,
        size: PoolSize,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The same over so many shards: an item takes 1,000 writes a second, which is 500 slots taken and given
    /// back.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Split`] where slots would have to move from one shard to another.
    fn define_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: NonZeroU32,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a pool that has no lease out. Returns whether it is gone.
    ///
    /// # Errors
    /// [`StoreError`]; the pool is then as it was.
    fn remove_unused(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
