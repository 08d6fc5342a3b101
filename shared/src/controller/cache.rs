//! The cached state of each pool.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;

use super::singleflight::Waiters;
use crate::pool::PoolName;
use crate::pool::rejection::{RejectionCache, Tuning};

/// The caches of all pools that acquires were received for.
#[derive(Debug, Default)]
pub(super) struct PoolCaches(Mutex<HashMap<PoolName, SharedCache>>);

/// The cache of a pool, shared by its acquires. Never locked across an await.
#[derive(Debug, Clone)]
pub(super) struct SharedCache(Arc<Mutex<PoolCache>>);

/// The cache of a pool.
#[derive(Debug)]
pub(super) struct PoolCache {
    pub(super) rejection: RejectionCache,
    /// For each shard, the acquires that wait for the peek in flight.
    pub(super) peeks: Vec<Option<Waiters>>,
}

impl PoolCaches {
    /// Returns the cache of `pool`: a new one if there is none, or one for another number of shards.
    pub(super) fn of(&self, pool: &PoolName, shards: NonZeroU32) -> SharedCache {
        self.get(pool, shards).unwrap_or_else(|| {
            let rejection = RejectionCache::new(shards, Tuning::default());
            let peeks = (0..shards.get()).map(|_| None).collect();
            let cache = SharedCache(Arc::new(Mutex::new(PoolCache { rejection, peeks })));
            self.lock().insert(pool.clone(), cache.clone());
            cache
        })
    }

    /// Returns the cache of `pool`, if there is one for this number of shards.
    pub(super) fn get(&self, pool: &PoolName, shards: NonZeroU32) -> Option<SharedCache> {
        let cache = self.lock().get(pool).cloned();
        cache.filter(|cache| cache.lock().peeks.len() == shards.get() as usize)
    }

    /// Removes the cache of a pool that does not exist.
    pub(super) fn remove(&self, pool: &PoolName) {
        self.lock().remove(pool);
    }

    /// Records that the table throttled a request for `pool`.
    pub(super) fn throttled(&self, pool: &PoolName, now: Duration) {
        if let Some(cache) = self.lock().get(pool) {
            cache.lock().rejection.throttled(now);
        }
    }

    /// Returns a random delay after which a rejected caller of `pool` should retry.
    pub(super) fn retry_after(&self, pool: &PoolName, rng: &mut impl RngExt) -> Duration {
        match self.lock().get(pool) {
            Some(cache) => cache.lock().rejection.retry_after(rng),
            None => RejectionCache::new(NonZeroU32::MIN, Tuning::default()).retry_after(rng),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolName, SharedCache>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedCache {
    pub(super) fn lock(&self) -> MutexGuard<'_, PoolCache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rejection::PoolSnapshot;
    use crate::pool::{Class, Pool, PoolSize};
    use crate::time::UnixSeconds;

    #[test]
    fn another_number_of_shards_gets_a_new_cache() {
        let (pool, caches) = ("p".parse().expect("a name"), PoolCaches::default());
        let one = caches.of(&pool, NonZeroU32::MIN);
        let shard = Pool::new(PoolSize::divide(10, 0, 0).expect("a size"));
        let snapshot = PoolSnapshot::of(&shard, Class::Standard, UnixSeconds(9));
        let lease = "lease000".parse().expect("an id");
        one.lock().rejection.attempted(0, Duration::ZERO, lease, true, snapshot);
        assert!(caches.of(&pool, NonZeroU32::MIN).lock().rejection.snapshot().is_some());
        let two = NonZeroU32::new(2).expect("not 0");
        assert!(caches.of(&pool, two).lock().rejection.snapshot().is_none());
    }
}
