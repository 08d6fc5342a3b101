//! What a person may do, as writes of the table.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::ReturnValue;

use super::{DynamoStore, Outcome};
use crate::pool::{LeaseId, Pool, PoolName, PoolSize, Shard};
use crate::store::expression::{self, Write};
use crate::store::{Evicted, Operations, Shards, Store, StoreError};
use crate::time::Clock;

impl<C: Clock> DynamoStore<C> {
    /// Writes what holds for each shard, from the first on, and returns the pool after that.
    async fn set(
        &self,
        phase: &'static str,
        pool: &PoolName,
        write: impl Fn() -> Write,
    ) -> Result<Pool, StoreError> {
        let mut all: Vec<Pool> = Vec::new();
        let mut number = 0;
        // The number of shards may grow meanwhile: the last word is the first one's.
        while number < all.first().map_or(1, |first| first.shards.get()) {
            let shard = Shard::new(pool.clone(), number);
            let (Outcome::Applied(item) | Outcome::Refused(item)) =
                self.write(phase, &shard, write(), ReturnValue::AllNew).await?;
            all.push(self.seen(&shard, &item)?);
            number += 1;
        }
        Pool::whole(all).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }

    async fn evict_from(&self, shard: &Shard, lease: LeaseId) -> Result<Evicted, StoreError> {
        let write = expression::remove(lease);
        let outcome = self.write("evict", shard, write, ReturnValue::AllOld).await?;
        let (Outcome::Applied(before) | Outcome::Refused(before)) = &outcome;
        let before = self.seen(shard, before)?;
        let was_until = match outcome {
            Outcome::Applied(_) => before.leases.get(&lease).copied(),
            Outcome::Refused(_) => None,
        };
        let in_use = before.in_use() - u32::from(was_until.is_some());
        Ok(Evicted { was_until, in_use })
    }
}

impl<C: Clock> Operations for DynamoStore<C> {
    async fn drain(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.set("drain", pool, expression::drain).await
    }

    async fn resume(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.set("resume", pool, expression::resume).await
    }

    async fn resize(&self, pool: &PoolName, size: PoolSize) -> Result<Pool, StoreError> {
        self.change(pool, size, None, false).await
    }

    async fn resize_over(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: NonZeroU32,
    ) -> Result<Pool, StoreError> {
        self.change(pool, size, Some(shards), false).await
    }

    async fn evict(&self, pool: &PoolName, lease: LeaseId) -> Result<Evicted, StoreError> {
        let shard = self.find(pool, lease).await?.map_or(0, |found| found.shard);
        let evicted = self.evict_from(&Shard::new(pool.clone(), shard), lease).await?;
        if shard == 0 && self.known_shards(pool) == Some(NonZeroU32::MIN) {
            return Ok(evicted);
        }
        Ok(Evicted { in_use: self.read(pool).await?.in_use(), ..evicted })
    }
}
