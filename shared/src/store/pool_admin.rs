//! What an operator, or `init`, may do with pools: more than the counter.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;

use serde::Serialize;

use super::{SlotStore, StoreError};
use crate::pool::{LeaseId, Pool, PoolName, PoolSize};
use crate::time::UnixSeconds;

/// The outcome of an eviction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evicted {
    /// When the lease would have expired; `None`: it was not held.
    pub was_until: Option<UnixSeconds>,
    /// Leases of the pool held now.
    pub in_use: u32,
}

/// A resource of a CloudFormation stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The stack's id, an ARN.
    pub stack: String,
    /// The resource's logical id in the template.
    pub resource: String,
}

impl Owner {
    /// The stack's name; its id where that is not an ARN
    /// (`arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`).
    #[must_use]
    pub fn stack_name(&self) -> &str {
        let name = self.stack.split_once(":stack/").and_then(|(_, rest)| rest.split('/').next());
        name.filter(|name| !name.is_empty()).unwrap_or(&self.stack)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.stack_name();
        write!(f, "stack {name}")?;
        if name != self.stack {
            write!(f, " ({})", self.stack)?;
        }
        Ok(())
    }
}

/// What the table holds about a pool's owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ownership {
    /// The owner; `None`: the last one has given the pool up.
    pub owner: Option<Owner>,
    /// The pool that its slots were handed over to, or were about to be.
    pub handed_to: Option<PoolName>,
}

/// The outcome of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The claimant owns the pool.
    Yes,
    /// Another stack owns it, or another resource of the same one.
    By(Owner),
}

/// A table of pools, as an operator uses it: an administrator may do all that the counter may, and also
/// create, change and remove pools. Every call may be repeated without harm.
///
/// A pool's owner is the stack resource that created it. It is stored in an item of its own,
/// `<pool>#owner`, which no decision about a slot reads or writes: the pool's own item has no byte to spare
/// (a full pool of 62 slots has the 1,024 bytes that one write unit covers). An IAM policy for the keys
/// `<pool>` and `<pool>#*` covers it. A pool can be claimed before it exists.
pub trait PoolAdmin: SlotStore {
    /// Creates a pool, or resizes it as [`resize`](Self::resize) does.
    ///
    /// # Errors
    /// As [`resize`](Self::resize).
    fn define(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Changes the size of a pool. Leases that are held stay: while a shard has more than its share of the new
    /// size, it grants none. Returns the pool after that.
    ///
    /// Without `shards`, the pool has as many as [keep each item in one write
    /// unit](crate::pool::split::shards_for), unless that would move slots between existing shards. An item
    /// takes 1,000 writes a second, which is 500 slots acquired and released.
    ///
    /// # Errors
    /// [`StoreError`]; each shard is then as before, as requested, or the smaller of the two: together they
    /// never have more slots than before or than requested. [`StoreError::Split`] where slots would have to
    /// move between shards, which is possible only in a pool that is drained and empty.
    fn resize(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Removes a pool that holds no lease. Returns whether it is gone.
    ///
    /// # Errors
    /// [`StoreError`]; the pool is then as before, or partly removed and draining.
    fn remove_unused(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Stops granting slots, to either class, until [`resume`](Self::resume). Renewals and releases go on.
    /// Returns the pool after that.
    ///
    /// # Errors
    /// [`StoreError`].
    fn drain(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Grants slots again. Returns the pool after that.
    ///
    /// # Errors
    /// [`StoreError`].
    fn resume(&self, pool: &PoolName) -> impl Future<Output = Result<Pool, StoreError>> + Send;

    /// Removes a lease, expired or not. Its holder is not notified and may be connected: until it
    /// disconnects, the server has a connection for which no slot is counted.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be held.
    fn evict(
        &self,
        pool: &PoolName,
        lease: LeaseId,
    ) -> impl Future<Output = Result<Evicted, StoreError>> + Send;

    /// Reads who owns `pool`. `None`: it never had an owner; if it exists, a version without owners created
    /// it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ownership(
        &self,
        pool: &PoolName,
    ) -> impl Future<Output = Result<Option<Ownership>, StoreError>> + Send;

    /// Makes `owner` the owner of `pool`, unless there is another one, and records which pool its slots are
    /// handed over to. Another resource of the same stack is another owner: when CloudFormation rolls back
    /// what one has claimed, the other still has the pool.
    ///
    /// # Errors
    /// [`StoreError`]; the owner is then as before, or as requested.
    fn claim(
        &self,
        pool: &PoolName,
        owner: &Owner,
        handed_to: Option<&PoolName>,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Ends the ownership of `owner`; does nothing where `pool` has another one. `pool_is_gone`: the pool was
    /// removed. One that was not may then be claimed by any owner.
    ///
    /// # Errors
    /// [`StoreError`]; the owner may still be the owner.
    fn disown(
        &self,
        pool: &PoolName,
        owner: &Owner,
        pool_is_gone: bool,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(stack: &str) -> Owner {
        Owner { stack: stack.to_owned(), resource: "Pool".to_owned() }
    }

    #[test]
    fn an_owner_is_named_by_its_stack() {
        let arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0-da77-11e4";
        assert_eq!(owner(arn).stack_name(), "orders");
        assert_eq!(owner(arn).to_string(), format!("stack orders ({arn})"));
        for odd in ["stack", "", "arn:aws:cloudformation:::stack/"] {
            assert_eq!(owner(odd).to_string(), format!("stack {odd}"));
        }
    }
}
