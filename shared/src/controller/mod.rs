//! Decides which requests get a slot.
//!
//! A [`Controller`] answers every [`Request`](crate::wire::Request). The counter Lambda runs one; a function with access
//! to the table can run its own ([`backend`](crate::backend)). Any number of controllers share a pool without knowing
//! each other: the condition in each write keeps the limits.
//!
//! What a controller caches of a pool ([`rejection`](crate::pool::rejection)) only ever rejects an acquire, or
//! chooses the shard to try first. Only a conditional write grants a slot.

mod acquire;
mod answer;
mod cache;
mod singleflight;

pub use answer::{Decision, RequestCounts};

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;

use crate::pool::{ANONYMOUS_LEASE, LeaseId, PoolName};
use crate::store::{Released, Renewed, SlotStore, StoreError};
use crate::time::{Clock, FreezeAwareInstant, Seconds};
use cache::PoolCaches;

/// Answers requests about the pools of a store.
#[derive(Debug)]
pub struct Controller<S, C> {
    parts: Arc<Parts<S, C>>,
}

/// The parts that peeks in flight share.
#[derive(Debug)]
struct Parts<S, C> {
    store: S,
    clock: C,
    caches: PoolCaches,
    rng: Mutex<StdRng>,
    begun: FreezeAwareInstant,
    anonymous_lease: Seconds,
}

impl<S, C> Clone for Controller<S, C> {
    /// Returns a controller that shares the store and the caches.
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Returns a controller for `store`. `clock` decides which leases have expired; `rng` draws ids, chances and
    /// delays.
    pub fn new(store: S, clock: C, rng: StdRng) -> Self {
        Self::with_anonymous_lease(store, clock, rng, ANONYMOUS_LEASE)
    }

    /// Like [`new`](Self::new), with another lease duration for the article's callers, which don't choose one.
    pub fn with_anonymous_lease(store: S, clock: C, rng: StdRng, anonymous_lease: Seconds) -> Self {
        let (caches, begun) = (PoolCaches::default(), FreezeAwareInstant::now());
        let rng = Mutex::new(rng);
        Self { parts: Arc::new(Parts { store, clock, caches, rng, begun, anonymous_lease }) }
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.parts.store
    }

    /// Returns a random delay after which a rejected caller should retry, in whole milliseconds: what the wire
    /// carries, and what `Retry-After` is rounded up from, whichever backend decides.
    #[must_use]
    pub fn retry_after(&self, pool: &PoolName) -> Duration {
        let rng = &mut *self.parts.rng();
        let delay = self.parts.caches.retry_after(pool, rng);
        Duration::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
    }

    /// Releases the slot of `lease`. In a split pool, the `shard` that granted it saves a search.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be held.
    pub async fn release(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        shard: Option<u32>,
    ) -> Result<Released, StoreError> {
        let released = self.parts.store.release(pool, lease, shard).await;
        if let Err(StoreError::Throttled { .. }) = released {
            self.parts.caches.throttled(pool, self.parts.now());
        }
        let released = released?;
        Ok(Released { in_use: self.in_use_after(pool, lease, shard, released), ..released })
    }

    /// Returns the leases held in the whole pool after a release in one shard.
    fn in_use_after(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        shard: Option<u32>,
        released: Released,
    ) -> u32 {
        let shards = shards_of(&self.parts.store, pool);
        let whole = shards == NonZeroU32::MIN;
        let Some(cache) = self.parts.caches.get(pool, shards) else { return released.in_use };
        let cache = &mut cache.lock().rejection;
        if let Some(number) = shard.or(whole.then_some(0)) {
            cache.released(number as usize, self.parts.now(), lease, released.in_use);
        }
        match cache.snapshot() {
            Some(snapshot) if !whole => snapshot.in_use,
            _ => released.in_use,
        }
    }

    /// Extends `lease` to `ttl` from now. In a split pool, the `shard` that granted it saves a search.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may not have been extended.
    pub async fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        shard: Option<u32>,
    ) -> Result<Renewed, StoreError> {
        self.parts.store.renew(pool, lease, ttl, shard).await
    }
}

/// Returns the number of shards of a pool; 1 until a response has shown it.
fn shards_of<S: SlotStore>(store: &S, pool: &PoolName) -> NonZeroU32 {
    store.known_shards(pool).unwrap_or(NonZeroU32::MIN)
}

impl<S, C> Parts<S, C> {
    /// Returns the time since this controller was created, including time frozen.
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
