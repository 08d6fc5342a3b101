//! The store without a table: the same rules on a map, for tests and simulations.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Acquired, Answer, Asked, Claimed, Evicted, Found, Operations, Owner, Owners, Ownership,
    Released, Renewed, Shards, Store, StoreError, Swept,
};
use crate::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, PoolSize, Shard};
use crate::time::{Clock, Seconds, UnixSeconds};

/// Pools in memory, none of them split. Behaves as [`DynamoStore`](super::DynamoStore) does when it is
/// alone.
#[derive(Debug)]
pub struct MemoryStore<C> {
    clock: C,
    pools: Mutex<HashMap<PoolName, Pool>>,
    owners: Mutex<HashMap<PoolName, Ownership>>,
}

impl<C: Clock> MemoryStore<C> {
    /// An empty store that judges leases by `clock`.
    pub fn new(clock: C) -> Self {
        Self { clock, pools: Mutex::default(), owners: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolName, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<PoolName, Ownership>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, pool: &PoolName, act: impl FnOnce(&mut Pool) -> T) -> Result<T, StoreError> {
        let mut pools = self.lock();
        pools.get_mut(pool).map(act).ok_or_else(|| StoreError::UnknownPool(pool.clone()))
    }
}

impl Pool {
    /// Removes these leases. Returns how many there are.
    fn forget(&mut self, expired: &BTreeMap<LeaseId, UnixSeconds>) -> u32 {
        self.leases.retain(|lease, _| !expired.contains_key(lease));
        u32::try_from(expired.len()).unwrap_or(u32::MAX)
    }
}

impl<C: Clock> Store for MemoryStore<C> {
    async fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Acquired, StoreError> {
        Ok(self.ask(&Shard::first(pool), lease, ttl, class).await?.into())
    }

    async fn release(&self, pool: &PoolName, lease: LeaseId) -> Result<Released, StoreError> {
        self.with(pool, |pool| {
            let released = pool.leases.remove(&lease).is_some();
            Released { released, in_use: pool.in_use() }
        })
    }

    async fn release_oldest_anonymous(&self, pool: &PoolName) -> Result<Released, StoreError> {
        self.with(pool, |pool| {
            let oldest = pool.oldest_anonymous();
            let released = oldest.is_some_and(|(lease, _)| pool.leases.remove(&lease).is_some());
            Released { released, in_use: pool.in_use() }
        })
    }

    async fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Renewed, StoreError> {
        let (now, asked) = (self.clock.now(), self.clock.expiry(ttl));
        self.with(pool, |pool| {
            let current = pool.leases.get(&lease).copied();
            let Some(current) = current.filter(|&current| pool.may_renew(current, now)) else {
                return Renewed::Lost;
            };
            let expires_at = Pool::renewed(current, asked);
            pool.leases.insert(lease, expires_at);
            Renewed::Until { expires_at, fill_level: pool.fill_level() }
        })
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Swept, StoreError> {
        self.with(pool, |pool| {
            let expired = pool.plan_sweep(self.clock.now());
            let swept = pool.forget(&expired);
            Swept { swept, pool: pool.clone() }
        })
    }

    async fn read(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.with(pool, |pool| pool.clone())
    }

    async fn define(&self, pool: &PoolName, size: PoolSize) -> Result<(), StoreError> {
        let mut pools = self.lock();
        pools.entry(pool.clone()).or_insert_with(|| Pool::new(size)).size = size;
        Ok(())
    }

    async fn define_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        _: NonZeroU32,
    ) -> Result<(), StoreError> {
        self.define(pool, size).await
    }

    async fn remove_unused(&self, pool: &PoolName) -> Result<bool, StoreError> {
        let mut pools = self.lock();
        if pools.get(pool).is_some_and(|pool| pool.in_use() > 0) {
            return Ok(false);
        }
        pools.remove(pool);
        Ok(true)
    }
}

impl<C: Clock> Operations for MemoryStore<C> {
    async fn drain(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.with(pool, |pool| {
            pool.draining = true;
            pool.clone()
        })
    }

    async fn resume(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.with(pool, |pool| {
            pool.draining = false;
            pool.clone()
        })
    }

    async fn resize(&self, pool: &PoolName, size: PoolSize) -> Result<Pool, StoreError> {
        self.with(pool, |pool| {
            pool.size = size;
            pool.clone()
        })
    }

    async fn resize_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        _: NonZeroU32,
    ) -> Result<Pool, StoreError> {
        self.resize(pool, size).await
    }

    async fn evict(&self, pool: &PoolName, lease: LeaseId) -> Result<Evicted, StoreError> {
        self.with(pool, |pool| {
            let was_until = pool.leases.remove(&lease);
            Evicted { was_until, in_use: pool.in_use() }
        })
    }
}

impl<C: Clock> Owners for MemoryStore<C> {
    async fn ownership(&self, pool: &PoolName) -> Result<Option<Ownership>, StoreError> {
        Ok(self.owners().get(pool).cloned())
    }

    async fn claim(
        &self,
        pool: &PoolName,
        owner: &Owner,
        handed_to: Option<&PoolName>,
    ) -> Result<Claimed, StoreError> {
        let mut owners = self.owners();
        let known = owners.entry(pool.clone()).or_default();
        if let Some(other) = known.owner.as_ref().filter(|other| *other != owner) {
            return Ok(Claimed::By(other.clone()));
        }
        *known = Ownership { owner: Some(owner.clone()), handed_to: handed_to.cloned() };
        Ok(Claimed::Yes)
    }

    async fn disown(
        &self,
        pool: &PoolName,
        owner: &Owner,
        pool_is_gone: bool,
    ) -> Result<(), StoreError> {
        let mut owners = self.owners();
        if owners.get(pool).is_some_and(|known| known.owner.as_ref() == Some(owner)) {
            if pool_is_gone {
                owners.remove(pool);
            } else {
                owners.insert(pool.clone(), Ownership::default());
            }
        }
        Ok(())
    }
}

impl<C: Clock> Shards for MemoryStore<C> {
    fn known_shards(&self, _: &PoolName) -> Option<NonZeroU32> {
        Some(NonZeroU32::MIN)
    }

    async fn ask(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Asked, StoreError> {
        self.with(shard.pool(), |pool| {
            let mut taken_over = 0;
            let outcome = loop {
                match pool.plan_acquire(lease, class, self.clock.now()) {
                    AcquirePlan::Full => break Answer::Full,
                    AcquirePlan::Draining => break Answer::Draining,
                    AcquirePlan::Held { expires_at } => {
                        break Answer::Granted { expires_at, taken_over };
                    }
                    AcquirePlan::Add => {
                        break Answer::Granted { expires_at: self.clock.expiry(ttl), taken_over };
                    }
                    AcquirePlan::Sweep { expired } => taken_over += pool.forget(&expired),
                    AcquirePlan::TakeOver { expired } => {
                        taken_over += pool.forget(&expired);
                        break Answer::Granted { expires_at: self.clock.expiry(ttl), taken_over };
                    }
                }
            };
            if let Answer::Granted { expires_at, .. } = outcome {
                pool.leases.insert(lease, expires_at);
            }
            Asked { outcome, shard: pool.clone(), writes: 1 }
        })
    }

    async fn look(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.read(shard.pool()).await
    }

    async fn find(&self, pool: &PoolName, lease: LeaseId) -> Result<Option<Found>, StoreError> {
        self.with(pool, |pool| {
            let expires_at = *pool.leases.get(&lease)?;
            Some(Found { shard: 0, expires_at })
        })
    }

    async fn release_from(&self, shard: &Shard, lease: LeaseId) -> Result<Released, StoreError> {
        self.release(shard.pool(), lease).await
    }

    async fn renew_in(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Renewed, StoreError> {
        self.renew(shard.pool(), lease, ttl).await
    }
}
