//! A table of pools, item by item.

use std::future::Future;
use std::num::NonZeroU32;

use super::{Acquired, Released, Renewed, Store, StoreError};
use crate::pool::{Class, LeaseId, Pool, PoolName, Shard};
use crate::time::{Seconds, UnixSeconds};

/// What came of asking one shard for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it came to.
    pub outcome: Answer,
    /// The shard after that.
    pub shard: Pool,
    /// Writes that this took.
    pub writes: u32,
}

impl From<Asked> for Acquired {
    /// The same of a pool, by what its shard answered.
    fn from(Asked { outcome, shard, .. }: Asked) -> Self {
        let (in_use, max_connections) = (shard.in_use(), shard.size.max_connections());
        match outcome {
            Answer::Granted { expires_at, taken_over } => {
                Self::Granted { expires_at, taken_over, in_use, max_connections }
            }
            Answer::Full => Self::Full { in_use, max_connections },
            Answer::Draining => Self::Draining { in_use, max_connections },
        }
    }
}

/// What a shard came to that was asked for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The lease is out, in this shard.
    Granted {
        /// When it expires, by the counter's clock.
        expires_at: UnixSeconds,
        /// Expired leases that were replaced to make room for it.
        taken_over: u32,
    },
    /// The shard has no slot free for the caller's class.
    Full,
    /// The pool is being emptied.
    Draining,
}

/// A lease that is out, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The number of the shard that it is in.
    pub shard: u32,
    /// When it expires.
    pub expires_at: UnixSeconds,
}

/// What a shard `said`; `None` where there is no such shard: the pool has fewer by now, or never had so many. Who
/// looks for something there goes on with the others. Without its first shard there is no pool.
pub(crate) fn if_there<T>(
    shard: &Shard,
    said: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match said {
        Err(StoreError::UnknownPool(_)) if shard.number() > 0 => Ok(None),
        said => said.map(Some),
    }
}

/// A table of pools whose shards can be asked one by one: what a
/// [`Controller`](crate::controller::Controller) decides with.
///
/// How many shards a pool has is learnt from every item that is seen, and costs no request.
pub trait Shards: Store {
    /// The number of shards that `pool` has, as far as is known. `None` before one of them was seen.
    fn known_shards(&self, pool: &PoolName) -> Option<NonZeroU32>;

    /// Takes a slot of this shard for `ttl`, under the id `lease`; `Granted` also when it is out there
    /// already.
    ///
    /// # Errors
    /// [`StoreError`]; no lease may then be presumed. [`StoreError::UnknownPool`] where there is no such
    /// shard: of one that is not the first, a pool that has fewer by now.
    fn ask(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> impl Future<Output = Result<Asked, StoreError>> + Send;

    /// Reads a shard, as it was a moment ago: by an eventually consistent read, a tenth of the price of a
    /// write.
    ///
    /// # Errors
    /// [`StoreError`].
    fn look(&self, shard: &Shard) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Where `lease` is out, if it is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find(
        &self,
        pool: &PoolName,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Option<Found>, StoreError>> + Send;

    /// Gives the slot of `lease` back, which is in this shard if it is out.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be out.
    fn release_from(
        &self,
        shard: &Shard,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Released, StoreError>> + Send;

    /// Makes `lease` last for `ttl` from now, which is in this shard if it is out.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then lasts as long as before.
    fn renew_in(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
    ) -> impl Future<Output = Result<Renewed, StoreError>> + Send;
}
