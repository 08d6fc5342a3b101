//! What a person may do to a pool, and a caller of the counter may not.

use std::future::Future;
use std::num::NonZeroU32;

use super::{Store, StoreError};
use crate::pool::{LeaseId, Pool, PoolName, PoolSize};
use crate::time::UnixSeconds;

/// What came of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evicted {
    /// When the lease would have expired; `None`: it was not out.
    pub was_until: Option<UnixSeconds>,
    /// Leases out now.
    pub in_use: u32,
}

/// A table of pools, for who operates them.
///
/// The counter does not ask for this trait: who may only invoke it can do none of it. Every call may be
/// repeated without harm, and none makes a pool where there is none.
pub trait Operations: Store {
    /// Grants nothing more, to either class, until [`resume`](Self::resume). Renewals and releases go on.
    /// Returns the pool after that.
    ///
    /// # Errors
    /// [`StoreError`].
    fn drain(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Grants again. Returns the pool after that.
    ///
    /// # Errors
    /// [`StoreError`].
    fn resume(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Gives a pool another size. Leases that are out stay out: while a shard has more than its share of
    /// the new size, it grants none. Returns the pool after that.
    ///
    /// # Errors
    /// [`StoreError`]; each shard is then as it was, as asked for, or the smaller of the two: together they
    /// never have more slots than before or than asked for.
    fn resize(
        &self,
        pool: &PoolName,
        size: PoolSize,
    ) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// The same, over so many shards.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Split`] where slots would have to move from one shard to another, which
    /// only a pool lets them that is drained and empty.
    fn resize_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: NonZeroU32,
    ) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Takes a lease away, whether or not it has expired. Its holder is not told, and may be connected:
    /// until it is not, the server has a connection for which no slot is counted.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be out.
    fn evict(
        &self,
        pool: &PoolName,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Evicted, StoreError>> + Send;
}
