//! The pool of a stack: whose it is, its size, its end, and how its slots go over to one of another name.

use std::num::NonZeroU32;
use std::time::Duration;

use rds_admission::pool::{Pool, PoolName, PoolSize};
use rds_admission::store::{Claimed, Owner, Ownership, PoolAdmin, StoreError};
use rds_admission::telemetry::chain;
use rds_admission::time::Deadline;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The pause between two looks at a pool that is to become empty.
const PAUSE: Duration = Duration::from_secs(1);

/// What is kept of the time for the writes that follow the wait, or undo what came before it.
const WRITES: Duration = Duration::from_secs(15);

/// Why a pool could not be prepared or removed.
#[derive(Debug, Error)]
pub enum PoolError {
    /// Another stack's resource made the pool.
    #[error(
        "pool {pool} of this table belongs to {owner}: choose another PoolName (if that stack is gone, \
         delete the table's item {pool}#owner)"
    )]
    Owned {
        /// The pool.
        pool: PoolName,
        /// Whose it is.
        owner: Owner,
    },
    /// Another resource of the stack made the pool.
    #[error(
        "pool {pool} is that of the resource {resource} of this stack, and two resources can't have one: \
         choose another PoolName"
    )]
    Sibling {
        /// The pool.
        pool: PoolName,
        /// The logical id of the resource that it belongs to.
        resource: String,
    },
    /// The pool is there, and a resource that did not have it before can't have made it.
    #[error(
        "pool {pool} is in this table already, and a version that wrote down no owner made it: update \
         the stack that it belongs to, and choose another PoolName for this one (if that stack is gone, \
         delete the table's item {pool})"
    )]
    Unowned {
        /// The pool.
        pool: PoolName,
    },
    /// Its slots can't go over to another pool while connections may be open under them.
    #[error(
        "pool {from} was not handed over to {to}: {in_use} of its leases were still out after it had been \
         drained for {waited} s, and both pools together would admit too many; {from} {now}. Drain it \
         first (slots drain --pool {from} --wait), then update the stack"
    )]
    NotEmpty {
        /// The pool that the stack has.
        from: PoolName,
        /// The one that it is to have.
        to: PoolName,
        /// The leases that are out.
        in_use: u32,
        /// How long was waited for them, in seconds.
        waited: u64,
        /// What `from` does now, in words.
        now: &'static str,
    },
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'r> {
    pub(super) pool: &'r PoolName,
    pub(super) size: PoolSize,
    pub(super) shards: Option<NonZeroU32>,
    /// The pool that the resource stands for as CloudFormation knows it.
    pub(super) before: Option<PoolName>,
}

/// The pools of one resource of a stack.
#[derive(Debug)]
pub(super) struct Pools<'s, S> {
    store: &'s S,
    owner: Owner,
}

/// A pool whose slots go over to another.
struct HandOver {
    from: PoolName,
    /// Whether it drained before, by somebody else's doing. Where an earlier try has ended in the middle, it is
    /// taken for that one's: a pool that grants against an order shows, and one that drains for good is an outage.
    was_draining: bool,
    /// Whether CloudFormation does not know of it, and so will not have it removed.
    is_left_over: bool,
}

impl<'s, S: PoolAdmin> Pools<'s, S> {
    pub(super) fn new(store: &'s S, owner: Owner) -> Self {
        Self { store, owner }
    }

    /// Makes the pool the stack's own, gives it this size, and has it grant: once every other pool that the
    /// stack has had grants nothing more and has no lease out. Returns the number of its items.
    ///
    /// # Errors
    /// [`PoolError`]; what was begun is undone. Where that fails too, or the process ends, the next request,
    /// be it the same one or the rollback, goes on from there: the owner's item says what was handed over.
    pub(super) async fn prepare(
        &self,
        wanted: Wanted<'_>,
        deadline: Deadline,
    ) -> Result<NonZeroU32, PoolError> {
        let pool = wanted.pool;
        let known = self.store.ownership(pool).await?;
        let is_there = self.is_there(pool).await?;
        let was_its_own = wanted.before.as_ref() == Some(pool);
        if known.is_none() && is_there && !was_its_own {
            return Err(PoolError::Unowned { pool: pool.clone() });
        }
        let was_ours = known.as_ref().is_some_and(|known| known.owner.is_some());
        let handed_to = known.and_then(|known| known.handed_to);
        let leaving = self.leaving(&wanted, handed_to.as_ref()).await?;
        self.claim(pool, handed_to.as_ref()).await?;
        let sized = self.take_over(&wanted, &leaving, deadline).await;
        if sized.is_err() {
            let is_new = !was_ours && !is_there;
            if let Err(error) = self.undo(&leaving, is_new.then_some(pool)).await {
                tracing::error!(cause = chain(&error), "undo");
            }
        }
        let Pool { shards, draining, .. } = sized?;
        // Whoever drained it before this resource had it, or while its slots were another's, meant another use of it.
        if draining && (!was_its_own || handed_to.is_some()) {
            self.store.resume(pool).await?;
        }
        if let Some(to) = &handed_to {
            self.claim(pool, None).await?;
            // CloudFormation has never heard of what was claimed and not made.
            if !self.is_there(to).await? {
                self.store.disown(to, &self.owner, true).await?;
            }
        }
        for left in leaving.iter().filter(|leaving| leaving.is_left_over) {
            self.remove_own(&left.from).await?;
        }
        Ok(shards)
    }

    /// Removes the pool of the resource, unless leases are out: their holders still have to give them back.
    /// What is another's is left alone. Returns whether there was one, and is no longer.
    ///
    /// `id` is the resource's, and `property` its pool by its properties: CloudFormation makes up an id for a
    /// resource whose creation was never answered.
    pub(super) async fn remove(
        &self,
        id: Option<PoolName>,
        property: Option<PoolName>,
    ) -> Result<bool, PoolError> {
        if let Some(id) = id {
            match self.store.ownership(&id).await?.and_then(|known| known.owner) {
                Some(owner) if owner == self.owner => return self.remove_own(&id).await,
                Some(_) => return Ok(false),
                None if self.is_there(&id).await? => {
                    return Ok(self.store.remove_unused(&id).await?);
                }
                None => {}
            }
        }
        let Some(pool) = property else { return Ok(false) };
        let owner = self.store.ownership(&pool).await?.and_then(|known| known.owner);
        if owner.as_ref() == Some(&self.owner) { self.remove_own(&pool).await } else { Ok(false) }
    }

    /// The stack's other pools: the one that CloudFormation knows, and one that this pool was handed over to
    /// by an update that is rolled back.
    async fn leaving(
        &self,
        wanted: &Wanted<'_>,
        handed_to: Option<&PoolName>,
    ) -> Result<Vec<HandOver>, PoolError> {
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
            leaving.push(HandOver {
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
        leaving: &[HandOver],
        deadline: Deadline,
    ) -> Result<Pool, PoolError> {
        for leaving in leaving {
            self.empty(leaving, wanted.pool, deadline).await?;
        }
        let Wanted { pool, size, shards, .. } = *wanted;
        Ok(self.store.define(pool, size, shards).await?)
    }

    /// Drains a pool, and waits until no lease of it is out: none comes in from then on.
    async fn empty(
        &self,
        HandOver { from, was_draining, .. }: &HandOver,
        to: &PoolName,
        deadline: Deadline,
    ) -> Result<(), PoolError> {
        self.claim(from, Some(to)).await?;
        let begun = std::time::Instant::now();
        let mut pool = self.store.drain(from).await?;
        while pool.in_use() > 0 {
            if deadline.left() < PAUSE + WRITES {
                let now = if *was_draining { "drains on" } else { "grants again" };
                let (from, to, in_use) = (from.clone(), to.clone(), pool.in_use());
                let waited = begun.elapsed().as_secs();
                return Err(PoolError::NotEmpty { from, to, in_use, waited, now });
            }
            tokio::time::sleep(PAUSE).await;
            match self.store.sweep(from).await {
                Ok(swept) => pool = swept.pool,
                Err(StoreError::Contended { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // Somebody has resumed it: empty is only one that drains.
            if !pool.draining {
                pool = self.store.drain(from).await?;
            }
        }
        Ok(())
    }

    /// Has the pools grant again that were to be handed over, and gives up the one that was not made.
    async fn undo(&self, leaving: &[HandOver], made: Option<&PoolName>) -> Result<(), PoolError> {
        for HandOver { from, was_draining, .. } in leaving {
            if !was_draining {
                self.store.resume(from).await?;
            }
            self.claim(from, None).await?;
        }
        if let Some(made) = made {
            let is_there = self.is_there(made).await?;
            self.store.disown(made, &self.owner, !is_there).await?;
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
        let was_there = self.is_there(pool).await?;
        let is_gone = self.store.remove_unused(pool).await?;
        self.store.disown(pool, &self.owner, is_gone).await?;
        Ok(was_there && is_gone)
    }

    /// Whether the table has the pool, be its item damaged.
    async fn is_there(&self, pool: &PoolName) -> Result<bool, PoolError> {
        match self.store.read(pool).await {
            Ok(_) | Err(StoreError::Malformed { .. }) => Ok(true),
            Err(StoreError::UnknownPool(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
