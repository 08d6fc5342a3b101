//! The pools of a stack: ownership, definition, removal, and the handover of slots when a pool is renamed.

use std::num::NonZeroU32;
use std::time::Duration;

use rds_admission::pool::{Pool, PoolName, PoolSize};
use rds_admission::store::{Claimed, Owner, Ownership, PoolAdmin, StoreError};
use rds_admission::telemetry::chain;
use rds_admission::time::Deadline;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Time between two reads of a pool that is being emptied.
const PAUSE: Duration = Duration::from_secs(1);

/// Time reserved for the writes after the wait, or for undoing those before it.
const WRITES: Duration = Duration::from_secs(15);

#[derive(Debug, Error)]
pub(super) enum PoolError {
    #[error(
        "pool {pool} of this table belongs to {owner}: choose another PoolName (if that stack is gone, \
         delete the table's item {pool}#owner)"
    )]
    Owned { pool: PoolName, owner: Owner },
    /// Another resource of this stack owns the pool.
    #[error(
        "pool {pool} belongs to the resource {resource} of this stack, and two resources can't share one: \
         choose another PoolName"
    )]
    Sibling { pool: PoolName, resource: String },
    /// The pool has no owner, and is not the resource's according to CloudFormation.
    #[error(
        "pool {pool} exists in this table, created by a version that stored no owner: update the stack that it \
         belongs to, and choose another PoolName for this one (if that stack is gone, delete the table's item \
         {pool})"
    )]
    Unowned { pool: PoolName },
    /// Connections may be open under the leases, so the slots can't go to another pool.
    #[error(
        "pool {from} was not handed over to {to}: {in_use} of its leases were still held after {waited} s of \
         draining, and both pools together would admit too many; {from} {now}. Drain it first (slots drain \
         --pool {from} --wait), then update the stack"
    )]
    NotEmpty {
        from: PoolName,
        to: PoolName,
        in_use: u32,
        /// In seconds.
        waited: u64,
        /// The state of `from` afterwards, in words.
        now: &'static str,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The pool that the template asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'r> {
    pub(super) pool: &'r PoolName,
    pub(super) size: PoolSize,
    pub(super) shards: Option<NonZeroU32>,
    /// The resource's pool before the request, according to CloudFormation.
    pub(super) before: Option<PoolName>,
}

/// The pools of one resource of a stack.
#[derive(Debug)]
pub(super) struct Pools<'s, S> {
    store: &'s S,
    owner: Owner,
}

/// A pool whose slots are handed over to another.
struct Handover {
    from: PoolName,
    /// Whether an operator drained it before. False if an earlier handover was interrupted, which may have drained
    /// it: a pool that is resumed against an order is noticed, one that drains for good is an outage.
    was_draining: bool,
    /// Whether CloudFormation does not know of it, and so will not delete it.
    is_left_over: bool,
}

impl<'s, S: PoolAdmin> Pools<'s, S> {
    pub(super) fn new(store: &'s S, owner: Owner) -> Self {
        Self { store, owner }
    }

    /// Claims and defines the pool, after the stack's other pools are drained and empty. Returns the number of its
    /// items.
    ///
    /// An error undoes what was done. If that fails too, or the process ends, the next request (a retry or the
    /// rollback) continues: the owner's item records the handover.
    pub(super) async fn prepare(
        &self,
        wanted: Wanted<'_>,
        deadline: Deadline,
    ) -> Result<NonZeroU32, PoolError> {
        let pool = wanted.pool;
        let known = self.store.ownership(pool).await?;
        let exists = self.exists(pool).await?;
        let was_its_own = wanted.before.as_ref() == Some(pool);
        if known.is_none() && exists && !was_its_own {
            return Err(PoolError::Unowned { pool: pool.clone() });
        }
        let was_ours = known.as_ref().is_some_and(|known| known.owner.is_some());
        let handed_to = known.and_then(|known| known.handed_to);
        let leaving = self.leaving(&wanted, handed_to.as_ref()).await?;
        self.claim(pool, handed_to.as_ref()).await?;
        let sized = self.take_over(&wanted, &leaving, deadline).await;
        if sized.is_err() {
            let is_new = !was_ours && !exists;
            if let Err(error) = self.undo(&leaving, is_new.then_some(pool)).await {
                tracing::error!(cause = chain(&error), "undo");
            }
        }
        let Pool { shards, draining, .. } = sized?;
        // A drain from before this resource owned the pool, or from the handover.
        if draining && (!was_its_own || handed_to.is_some()) {
            self.store.resume(pool).await?;
        }
        if let Some(to) = &handed_to {
            self.claim(pool, None).await?;
            // Claimed but not defined: CloudFormation does not know of it.
            if !self.exists(to).await? {
                self.store.disown(to, &self.owner, true).await?;
            }
        }
        for left in leaving.iter().filter(|leaving| leaving.is_left_over) {
            self.remove_own(&left.from).await?;
        }
        Ok(shards)
    }

    /// Removes the resource's pool, unless leases are held or another owns it. Returns whether it was removed.
    ///
    /// `id` is the pool by the resource's id, and `property` by its properties: CloudFormation invents an id if the
    /// creation got no response.
    pub(super) async fn remove(
        &self,
        id: Option<PoolName>,
        property: Option<PoolName>,
    ) -> Result<bool, PoolError> {
        if let Some(id) = id {
            match self.store.ownership(&id).await?.and_then(|known| known.owner) {
                Some(owner) if owner == self.owner => return self.remove_own(&id).await,
                Some(_) => return Ok(false),
                None if self.exists(&id).await? => {
                    return Ok(self.store.remove_unused(&id).await?);
                }
                None => {}
            }
        }
        let Some(pool) = property else { return Ok(false) };
        let owner = self.store.ownership(&pool).await?.and_then(|known| known.owner);
        if owner.as_ref() == Some(&self.owner) { self.remove_own(&pool).await } else { Ok(false) }
    }

    /// Returns the stack's other pools: the one that CloudFormation knows, and the one that an update which is now
    /// rolled back handed this pool over to.
    async fn leaving(
        &self,
        wanted: &Wanted<'_>,
        handed_to: Option<&PoolName>,
    ) -> Result<Vec<Handover>, PoolError> {
        let before = wanted.before.as_ref();
        let mut names: Vec<_> = before.into_iter().chain(handed_to).collect();
        names.dedup();
        let mut leaving = Vec::new();
        for from in names.into_iter().filter(|name| *name != wanted.pool) {
            let known = self.store.ownership(from).await?;
            let Ownership { owner, handed_to } = known.unwrap_or_default();
            let is_ours = owner.is_none_or(|owner| owner == self.owner);
            let seen = match self.store.read(from).await {
                Ok(seen) if is_ours => seen,
                Ok(_) | Err(StoreError::UnknownPool(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            leaving.push(Handover {
                from: from.clone(),
                was_draining: seen.draining && handed_to.is_none(),
                is_left_over: before != Some(from),
            });
        }
        Ok(leaving)
    }

    async fn take_over(
        &self,
        wanted: &Wanted<'_>,
        leaving: &[Handover],
        deadline: Deadline,
    ) -> Result<Pool, PoolError> {
        for leaving in leaving {
            self.empty(leaving, wanted.pool, deadline).await?;
        }
        let Wanted { pool, size, shards, .. } = *wanted;
        Ok(self.store.define(pool, size, shards).await?)
    }

    /// Drains a pool and waits until no lease is held.
    async fn empty(
        &self,
        Handover { from, was_draining, .. }: &Handover,
        to: &PoolName,
        deadline: Deadline,
    ) -> Result<(), PoolError> {
        self.claim(from, Some(to)).await?;
        let start = std::time::Instant::now();
        let mut pool = self.store.drain(from).await?;
        while pool.in_use() > 0 {
            if deadline.left() < PAUSE + WRITES {
                let now = if *was_draining { "is still draining" } else { "grants again" };
                let (from, to, in_use) = (from.clone(), to.clone(), pool.in_use());
                let waited = start.elapsed().as_secs();
                return Err(PoolError::NotEmpty { from, to, in_use, waited, now });
            }
            tokio::time::sleep(PAUSE).await;
            match self.store.sweep(from).await {
                Ok(swept) => pool = swept.pool,
                Err(StoreError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // An operator has resumed it.
            if !pool.draining {
                pool = self.store.drain(from).await?;
            }
        }
        Ok(())
    }

    /// Resumes the pools that were to be handed over, and releases the claim on a new pool.
    async fn undo(&self, leaving: &[Handover], new: Option<&PoolName>) -> Result<(), PoolError> {
        for Handover { from, was_draining, .. } in leaving {
            if !was_draining {
                self.store.resume(from).await?;
            }
            self.claim(from, None).await?;
        }
        if let Some(new) = new {
            let exists = self.exists(new).await?;
            self.store.disown(new, &self.owner, !exists).await?;
        }
        Ok(())
    }

    async fn claim(&self, pool: &PoolName, handed_to: Option<&PoolName>) -> Result<(), PoolError> {
        match self.store.claim(pool, &self.owner, handed_to).await? {
            Claimed::Yes => Ok(()),
            Claimed::By(owner) if owner.stack == self.owner.stack => {
                Err(PoolError::Sibling { pool: pool.clone(), resource: owner.resource })
            }
            Claimed::By(owner) => Err(PoolError::Owned { pool: pool.clone(), owner }),
        }
    }

    async fn remove_own(&self, pool: &PoolName) -> Result<bool, PoolError> {
        let was_there = self.exists(pool).await?;
        let is_gone = self.store.remove_unused(pool).await?;
        self.store.disown(pool, &self.owner, is_gone).await?;
        Ok(was_there && is_gone)
    }

    /// Whether the pool exists, even if its item is malformed.
    async fn exists(&self, pool: &PoolName) -> Result<bool, PoolError> {
        match self.store.read(pool).await {
            Ok(_) | Err(StoreError::Malformed { .. }) => Ok(true),
            Err(StoreError::UnknownPool(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
