//! Where pools live. Every decision is one conditional write of one item.

#[cfg(feature = "direct")]
mod dynamo;
#[cfg(feature = "direct")]
mod expression;
#[cfg(feature = "direct")]
mod item;
#[cfg(any(test, feature = "test-support"))]
mod memory;
mod pool_admin;
mod slot_store;

#[cfg(feature = "direct")]
pub use dynamo::DynamoStore;
#[cfg(any(test, feature = "test-support"))]
pub use memory::MemoryStore;
pub use pool_admin::{Claimed, Evicted, Owner, Ownership, PoolAdmin};
pub(crate) use slot_store::ok_if_missing_shard;
pub use slot_store::{Grant, Released, Renewed, ShardOutcome, SlotStore, Swept};

use thiserror::Error;

use crate::pool::PoolName;
use crate::pool::split::InvalidSplit;

/// A defect of an item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MalformedItem {
    /// An attribute is missing or has another type.
    #[error("attribute {0} is missing or of another type")]
    Attribute(&'static str),
    /// A lease's id or expiry is invalid.
    #[error("{0:?} is not a lease with an expiry")]
    Lease(String),
    /// The count and the leases differ.
    #[error("InUse is {in_use} but {leases} leases are held")]
    Count {
        /// The count.
        in_use: u32,
        /// The number of leases.
        leases: u32,
    },
}

/// Why a store could not answer. Nothing was decided, except where a response may have been lost
/// ([`Table`](Self::Table), [`InDoubt`](Self::InDoubt)); a repeated call finds out.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The table holds no such pool.
    #[error("no pool {0} in the table")]
    UnknownPool(PoolName),
    /// The item is there but is not a pool.
    #[error("the item of pool {pool} is damaged")]
    Malformed {
        /// The pool.
        pool: PoolName,
        /// The defect.
        source: MalformedItem,
    },
    /// The table could not be reached, or answered with an error.
    #[error("{phase} of pool {pool} failed in the table")]
    Table {
        /// The operation: `acquire`, `release`, …
        phase: &'static str,
        /// The pool.
        pool: PoolName,
        /// The error of the SDK.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table throttles: one item takes 1,000 writes a second.
    #[error("{phase} of pool {pool} was throttled by the table")]
    Throttled {
        /// The operation.
        phase: &'static str,
        /// The pool.
        pool: PoolName,
        /// The error of the SDK.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The response to a write was lost, and the table throttled the next attempt. It is unknown whether the
    /// first one was applied: the caller must not treat it as rejected.
    #[error("{phase} of pool {pool} was throttled by the table after a response was lost")]
    InDoubt {
        /// The operation.
        phase: &'static str,
        /// The pool.
        pool: PoolName,
        /// The last error of the SDK.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The slots can't be divided as requested.
    #[error("the slots of pool {pool} can't be divided")]
    Split {
        /// The pool.
        pool: PoolName,
        /// The reason.
        source: InvalidSplit,
    },
    /// Others changed the pool at every attempt.
    #[error("{phase} of pool {pool} lost {tries} races with other changes in a row")]
    Contended {
        /// The operation.
        phase: &'static str,
        /// The pool.
        pool: PoolName,
        /// The number of attempts.
        tries: u32,
    },
}
