//! What the counter may do with pools.

use std::future::Future;
use std::num::NonZeroU32;

use super::StoreError;
use crate::pool::warm::FillLevel;
use crate::pool::{Class, LeaseId, Pool, PoolName, Shard};
use crate::time::{Seconds, UnixSeconds};

/// What one shard answered to an acquire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardOutcome {
    /// The lease; `None`: no slot was granted, because the shard drains ([`Pool::draining`]) or has no slot free
    /// for the class.
    pub grant: Option<Grant>,
    /// The shard after that.
    pub shard: Pool,
    /// Conditional writes that this took.
    pub writes: u32,
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// When it expires, by the store's clock.
    pub expires_at: UnixSeconds,
    /// Expired leases that were replaced to make room for it.
    pub taken_over: u32,
}

/// The outcome of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Whether this call released the slot; `false` when the lease was not held any more.
    pub released: bool,
    /// Leases held now, in the shard that answered.
    pub in_use: u32,
}

/// The outcome of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The number of expired leases that were removed.
    pub swept: u32,
    /// The pool after that.
    pub pool: Pool,
}

/// The outcome of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease is still held.
    Until {
        /// When it expires: as requested, or later where a renewal that was requested later has arrived first.
        expires_at: UnixSeconds,
        /// How full the shard is; `None` while it drains.
        fill_level: Option<FillLevel>,
    },
    /// The slot was taken over, or the lease has expired and the pool, which has shrunk or drains, has no slot
    /// for it. The holder must drop its connection at once.
    Lost,
}

/// A table of pools, as the counter uses it: it acquires and releases slots, and can neither create, change
/// nor remove a pool. An operator's part is [`PoolAdmin`](super::PoolAdmin).
///
/// Every call may be repeated without harm: the lease's id identifies it.
///
/// A pool whose slots one item can't hold well is split over several, its [shards](Shard). A store learns
/// their number from every item that it reads or writes, at no extra request.
pub trait SlotStore: Send + Sync {
    /// The number of shards of `pool`; `None` before the store has read or written one of them.
    fn known_shards(&self, pool: &PoolName) -> Option<NonZeroU32>;

    /// Acquires a slot of `shard` for `ttl`, under the id `lease`. Granted, with its old expiry, also when the
    /// shard holds that lease already.
    ///
    /// # Errors
    /// [`StoreError`]; no lease may then be presumed. [`StoreError::UnknownPool`] where there is no such
    /// shard: where it is not the first one, the pool has fewer by now.
    fn acquire(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> impl Future<Output = Result<ShardOutcome, StoreError>> + Send;

    /// Reads a shard as it was shortly before: with an eventually consistent read, at a tenth of the price of
    /// a write.
    ///
    /// # Errors
    /// [`StoreError`].
    fn peek(&self, shard: &Shard) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// The number of the shard that holds `lease`, if one does.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find(
        &self,
        pool: &PoolName,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Option<u32>, StoreError>> + Send;

    /// Releases the slot of `lease`. `shard` is where it was granted, if the caller knows; without it, a split
    /// pool may have to be searched.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be held.
    fn release(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        shard: Option<u32>,
    ) -> impl Future<Output = Result<Released, StoreError>> + Send;

    /// Makes `lease` last for `ttl` from now; `shard` as in [`release`](Self::release). A lease that lasts
    /// longer already stays as it is. One that has expired is subject to the pool's current limit.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then lasts as long as before.
    fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        shard: Option<u32>,
    ) -> impl Future<Output = Result<Renewed, StoreError>> + Send;

    /// Releases the anonymous lease that has been held longest, for a caller that can't name its own.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be held.
    fn release_oldest_anonymous(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<Released, StoreError>> + Send;

    /// Removes expired leases: at most [`Pool::MAX_TAKEOVER`] of each shard.
    ///
    /// Nothing depends on it, since an acquire that needs a slot replaces expired leases; but it empties an
    /// idle pool.
    ///
    /// # Errors
    /// [`StoreError`]; the leases may still be there.
    fn sweep(&self, pool: &PoolName) -> impl Future<Output = Result<Swept, StoreError>> + Send;

    /// Reads the whole pool, with strongly consistent reads.
    ///
    /// # Errors
    /// [`StoreError`].
    fn read(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;
}

/// Turns the error for a missing shard into `None`: the pool has fewer shards by now. A pool without its first
/// shard does not exist, so that stays an error.
pub(crate) fn ok_if_missing_shard<T>(
    shard: &Shard,
    result: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match result {
        Err(StoreError::UnknownPool(_)) if shard.number() > 0 => Ok(None),
        result => result.map(Some),
    }
}
