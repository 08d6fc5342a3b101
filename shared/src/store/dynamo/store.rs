//! A pool's decisions: those of its shards, one after the other.

use aws_sdk_dynamodb::types::ReturnValue;
use futures::future::try_join_all;

use super::{DynamoStore, Outcome};
use crate::pool::frugal::Tour;
use crate::pool::{Class, LeaseId, Pool, PoolName, PoolSize, Shard};
use crate::store::expression;
use crate::store::{
    Acquired, Answer, Released, Renewed, Shards, Store, StoreError, Swept, if_there,
};
use crate::time::{Clock, Seconds};

/// How often a sweep looks at the item anew. At each race somebody has taken over what had expired, or has
/// swept it.
const SWEEP_TRIES: u32 = 4;

/// How often an anonymous release looks for the oldest lease anew. At each race somebody else's
/// give-back won, so a pool of any size is through after as many tries as it has slots.
const ANONYMOUS_RELEASE_TRIES: u32 = 70;

impl<C: Clock> DynamoStore<C> {
    /// Whether a pool is known to have more than one shard.
    fn is_split(&self, pool: &PoolName) -> bool {
        self.known_shards(pool).is_some_and(|shards| shards.get() > 1)
    }

    /// The shards of a pool in the order in which a lease goes through them, as far as is known.
    fn tour(&self, pool: &PoolName, lease: LeaseId) -> impl Iterator<Item = Shard> + use<C> {
        let shards = self.known_shards(pool).map_or(1, std::num::NonZeroU32::get);
        let first = u32::try_from(Tour::first(lease, shards as usize)).unwrap_or_default();
        let pool = pool.clone();
        (0..shards).map(move |n| Shard::new(pool.clone(), (first + n) % shards))
    }

    async fn sweep_shard(&self, shard: &Shard) -> Result<Swept, StoreError> {
        let phase = "sweep";
        let mut seen = self.read_shard(shard).await?;
        for _ in 0..SWEEP_TRIES {
            let expired = seen.plan_sweep(self.clock.now());
            if expired.is_empty() {
                return Ok(Swept { swept: 0, pool: seen });
            }
            let write = expression::sweep(&expired);
            let outcome = self.write(phase, shard, write, ReturnValue::AllNew).await?;
            let (Outcome::Applied(item) | Outcome::Refused(item)) = &outcome;
            seen = self.seen(shard, item)?;
            if matches!(outcome, Outcome::Applied(_)) {
                let swept = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                return Ok(Swept { swept, pool: seen });
            }
        }
        Err(StoreError::Contended { phase, pool: shard.pool().clone(), tries: SWEEP_TRIES })
    }

    /// Goes through the shards until one grants. What it finds of those before is in no answer.
    async fn acquire_on_tour(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Acquired, StoreError> {
        let mut refused = Vec::new();
        for shard in self.tour(pool, lease) {
            let asked = self.ask(&shard, lease, ttl, class).await;
            let Some(asked) = if_there(&shard, asked)? else { continue };
            match asked.outcome {
                Answer::Granted { .. } => return Ok(asked.into()),
                Answer::Full => refused.push(asked.shard),
                Answer::Draining => {
                    refused.push(asked.shard);
                    break;
                }
            }
        }
        let whole = Pool::whole(refused).ok_or_else(|| StoreError::UnknownPool(pool.clone()))?;
        let (in_use, max_connections) = (whole.in_use(), whole.size.max_connections());
        Ok(if whole.draining {
            Acquired::Draining { in_use, max_connections }
        } else {
            Acquired::Full { in_use, max_connections }
        })
    }
}

impl<C: Clock> Store for DynamoStore<C> {
    async fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Acquired, StoreError> {
        if self.known_shards(pool).is_none() {
            self.read_shard(&Shard::first(pool)).await?;
        }
        if self.is_split(pool)
            && let Some(found) = self.find(pool, lease).await?
        {
            // It asks where the lease is out: what has expired there takes itself over.
            let shard = Shard::new(pool.clone(), found.shard);
            let asked = self.ask(&shard, lease, ttl, class).await?;
            if let Answer::Granted { .. } = asked.outcome {
                return Ok(asked.into());
            }
        }
        self.acquire_on_tour(pool, lease, ttl, class).await
    }

    async fn release(&self, pool: &PoolName, lease: LeaseId) -> Result<Released, StoreError> {
        let Some(first) = self.tour(pool, lease).next() else {
            return Err(StoreError::UnknownPool(pool.clone()));
        };
        let mut back = match if_there(&first, self.release_from(&first, lease).await)? {
            Some(back) if back.released || !self.is_split(pool) => return Ok(back),
            Some(back) => back,
            None => Released { released: false, in_use: 0 },
        };
        // In a tour it may have come into any.
        for (number, seen) in (0..).zip(self.read_shards(pool).await?) {
            if seen.leases.contains_key(&lease) {
                let now = self.release_from(&Shard::new(pool.clone(), number), lease).await?;
                back = Released { released: back.released || now.released, ..now };
            }
        }
        Ok(back)
    }

    async fn release_oldest_anonymous(&self, pool: &PoolName) -> Result<Released, StoreError> {
        for _ in 0..ANONYMOUS_RELEASE_TRIES {
            let shards = self.read_shards(pool).await?;
            let in_use = shards.iter().map(Pool::in_use).sum();
            let oldest = (0..)
                .zip(&shards)
                .filter_map(|(number, seen)| Some((number, seen.oldest_anonymous()?)))
                .min_by_key(|(_, (_, expires_at))| *expires_at);
            let Some((number, (oldest, _))) = oldest else {
                return Ok(Released { released: false, in_use });
            };
            let release = self.release_from(&Shard::new(pool.clone(), number), oldest).await?;
            if release.released {
                return Ok(release);
            }
        }
        let phase = "release";
        Err(StoreError::Contended { phase, pool: pool.clone(), tries: ANONYMOUS_RELEASE_TRIES })
    }

    async fn renew(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
    ) -> Result<Renewed, StoreError> {
        let Some(first) = self.tour(pool, lease).next() else {
            return Err(StoreError::UnknownPool(pool.clone()));
        };
        match if_there(&first, self.renew_in(&first, lease, ttl).await)? {
            None => {}
            Some(Renewed::Lost) if self.is_split(pool) => {}
            Some(renewed) => return Ok(renewed),
        }
        match self.find(pool, lease).await? {
            Some(found) => self.renew_in(&Shard::new(pool.clone(), found.shard), lease, ttl).await,
            None => Ok(Renewed::Lost),
        }
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Swept, StoreError> {
        let first = self.sweep_shard(&Shard::first(pool)).await?;
        let others = Shard::all(pool, first.pool.shards).skip(1);
        let others = others.map(|shard| async move { self.sweep_shard(&shard).await });
        let mut all = try_join_all(others).await?;
        all.insert(0, first);
        let swept = all.iter().map(|shard| shard.swept).sum();
        let whole = Pool::whole(all.into_iter().map(|shard| shard.pool));
        whole.map(|pool| Swept { swept, pool }).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }

    async fn read(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        let shards = self.read_shards(pool).await?;
        Pool::whole(shards).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }

    async fn define(&self, pool: &PoolName, size: PoolSize) -> Result<(), StoreError> {
        self.change(pool, size, None, true).await.map(drop)
    }

    async fn define_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: std::num::NonZeroU32,
    ) -> Result<(), StoreError> {
        self.change(pool, size, Some(shards), true).await.map(drop)
    }

    async fn remove_unused(&self, pool: &PoolName) -> Result<bool, StoreError> {
        self.remove(pool).await
    }
}
