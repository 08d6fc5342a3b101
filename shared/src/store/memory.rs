//! The store without a table: the same rules on a map, for tests.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Claimed, Evicted, Grant, Owner, Ownership, PoolAdmin, Released, Renewed, ShardOutcome,
    SlotStore, StoreError, Swept,
};
use crate::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, PoolSize, Shard};
use crate::time::{Clock, Seconds, UnixSeconds};

/// Pools in memory, none of them split. Behaves as a [`DynamoStore`](super::DynamoStore) that is alone.
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
    /// Removes these leases. Returns their number.
    fn forget(&mut self, expired: &BTreeMap<LeaseId, UnixSeconds>) -> u32 {
        self.leases.retain(|lease, _| !expired.contains_key(lease));
        u32::try_from(expired.len()).unwrap_or(u32::MAX)
    }
}

impl<C: Clock> SlotStore for MemoryStore<C> {
    fn known_shards(&self, _: &PoolName) -> Option<NonZeroU32> {
        Some(NonZeroU32::MIN)
    }

    async fn acquire(
        &self,
        shard: &Shard,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<ShardOutcome, StoreError> {
        self.with(shard.pool(), |pool| {
            let mut taken_over = 0;
            let expires_at = loop {
                match pool.plan_acquire(lease, class, self.clock.now()) {
                    AcquirePlan::Full | AcquirePlan::Draining => break None,
                    AcquirePlan::Held { expires_at } => break Some(expires_at),
                    AcquirePlan::Add => break Some(self.clock.expiry(ttl)),
                    AcquirePlan::Sweep { expired } => taken_over += pool.forget(&expired),
                    AcquirePlan::TakeOver { expired } => {
                        taken_over += pool.forget(&expired);
                        break Some(self.clock.expiry(ttl));
                    }
                }
            };
            pool.leases.extend(expires_at.map(|expires_at| (lease, expires_at)));
            let grant = expires_at.map(|expires_at| Grant { expires_at, taken_over });
            ShardOutcome { grant, shard: pool.clone(), writes: 1 }
        })
    }

    async fn peek(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.read(shard.pool()).await
    }

    async fn find(&self, pool: &PoolName, lease: LeaseId) -> Result<Option<u32>, StoreError> {
        self.with(pool, |pool| pool.leases.contains_key(&lease).then_some(0))
    }

    async fn release(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        _: Option<u32>,
    ) -> Result<Released, StoreError> {
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
        _: Option<u32>,
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
}

impl<C: Clock> PoolAdmin for MemoryStore<C> {
    async fn define(
        &self,
        pool: &PoolName,
        size: PoolSize,
        _: Option<NonZeroU32>,
    ) -> Result<Pool, StoreError> {
        let mut pools = self.lock();
        let pool = pools.entry(pool.clone()).or_insert_with(|| Pool::new(size));
        pool.size = size;
        Ok(pool.clone())
    }

    async fn resize(
        &self,
        pool: &PoolName,
        size: PoolSize,
        _: Option<NonZeroU32>,
    ) -> Result<Pool, StoreError> {
        self.with(pool, |pool| {
            pool.size = size;
            pool.clone()
        })
    }

    async fn remove_unused(&self, pool: &PoolName) -> Result<bool, StoreError> {
        let mut pools = self.lock();
        if pools.get(pool).is_some_and(|pool| pool.in_use() > 0) {
            return Ok(false);
        }
        pools.remove(pool);
        Ok(true)
    }

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

    async fn evict(&self, pool: &PoolName, lease: LeaseId) -> Result<Evicted, StoreError> {
        self.with(pool, |pool| {
            let was_until = pool.leases.remove(&lease);
            Evicted { was_until, in_use: pool.in_use() }
        })
    }

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
