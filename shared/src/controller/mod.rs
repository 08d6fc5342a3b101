//! Deciding: who gets a slot, and what the table is asked for that.
//!
//! A [`Controller`] answers every [`Request`](crate::wire::Request). The counter Lambda is one behind an
//! invoke; a function that may use the table itself can run one of its own
//! ([`client`](crate::client)). Any number of them decide about the same pools, and none knows of another:
//! what holds them together is the condition in each write.
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

/// Decides about the pools of a store.
#[derive(Debug)]
pub struct Controller<S, C> {
    parts: Arc<Parts<S, C>>,
}

/// What is shared with peeks in flight.
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
    /// The same controller, with the same caches.
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts) }
    }
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// A controller that decides in `store`, tells expired leases by `clock`, and draws ids, chances and
    /// delays from `rng`.
    pub fn new(store: S, clock: C, rng: StdRng) -> Self {
        Self::with_anonymous_lease(store, clock, rng, ANONYMOUS_LEASE)
    }

    /// The same with another lease for callers that can't say how long they live.
    pub fn with_anonymous_lease(store: S, clock: C, rng: StdRng, anonymous_lease: Seconds) -> Self {
        let (caches, begun) = (PoolCaches::default(), FreezeAwareInstant::now());
        let rng = Mutex::new(rng);
        Self { parts: Arc::new(Parts { store, clock, caches, rng, begun, anonymous_lease }) }
    }

    /// Where it decides.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.parts.store
    }

    /// When a caller that is refused without the table being asked may come back.
    #[must_use]
    pub fn retry_after(&self, pool: &PoolName) -> Duration {
        let rng = &mut *self.parts.rng();
        self.parts.caches.retry_after(pool, rng)
    }

    /// Gives the slot of `lease` back. Who knows the `shard` that it was granted in saves the search, where
    /// the pool is split.
    ///
    /// # Errors
    /// [`StoreError`]; the lease may still be out.
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
        let back = released?;
        Ok(Released { in_use: self.in_use_after(pool, lease, shard, back), ..back })
    }

    /// The leases out of the whole pool, of which one shard has answered.
    fn in_use_after(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        shard: Option<u32>,
        back: Released,
    ) -> u32 {
        let shards = shards_of(&self.parts.store, pool);
        let whole = shards == NonZeroU32::MIN;
        let Some(cache) = self.parts.caches.get(pool, shards) else { return back.in_use };
        let cache = &mut cache.lock().rejection;
        if let Some(number) = shard.or(whole.then_some(0)) {
            cache.released(number as usize, self.parts.now(), lease, back.in_use);
        }
        match cache.snapshot() {
            Some(snapshot) if !whole => snapshot.in_use,
            _ => back.in_use,
        }
    }

    /// Makes `lease` last for `ttl` from now. As [`release`](Self::release) with its `shard`.
    ///
    /// # Errors
    /// [`StoreError`]; the lease then lasts as long as before.
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

/// The shards of a pool; one, before the first was seen.
fn shards_of<S: SlotStore>(store: &S, pool: &PoolName) -> NonZeroU32 {
    store.known_shards(pool).unwrap_or(NonZeroU32::MIN)
}

impl<S, C> Parts<S, C> {
    /// The time since this controller began, frozen or not.
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn rng(&self) -> MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
