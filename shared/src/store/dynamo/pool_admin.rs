//! The operator's operations.

use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::ReturnValue;

use super::{DynamoStore, Outcome, Tries, malformed};
use crate::pool::{LeaseId, Pool, PoolName, PoolSize, Shard};
use crate::store::expression::{self, Write};
use crate::store::item::{self, Item};
use crate::store::{
    Claimed, Evicted, MalformedItem, Owner, Ownership, PoolAdmin, SlotStore, StoreError,
};
use crate::time::Clock;

impl<C: Clock> DynamoStore<C> {
    /// Applies a write to each shard, from the first on, and returns the pool after that.
    async fn write_all(
        &self,
        phase: &'static str,
        pool: &PoolName,
        write: impl Fn() -> Write,
    ) -> Result<Pool, StoreError> {
        let mut all: Vec<Pool> = Vec::new();
        // The number of shards may grow meanwhile: the first one's is current.
        while all.len() < all.first().map_or(1, |first| first.shards.get() as usize) {
            let number = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let shard = Shard::new(pool.clone(), number);
            let (Outcome::Applied(seen) | Outcome::Refused(seen)) =
                self.write(phase, &shard, write()).await?;
            all.push(seen);
        }
        Pool::whole(all).ok_or_else(|| self.unknown(&Shard::first(pool)))
    }
}

impl<C: Clock> PoolAdmin for DynamoStore<C> {
    async fn define(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> Result<Pool, StoreError> {
        self.change(pool, size, shards, true).await
    }

    async fn resize(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> Result<Pool, StoreError> {
        self.change(pool, size, shards, false).await
    }

    async fn remove_unused(&self, pool: &PoolName) -> Result<bool, StoreError> {
        let current = match self.read_shards(pool).await {
            Ok(current) => current,
            Err(StoreError::UnknownPool(_)) => return Ok(true),
            // A damaged item is not part of a split pool.
            Err(StoreError::Malformed { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        if current.len() < 2 {
            return self.delete_shard(&Shard::first(pool), expression::IS_UNUSED).await;
        }
        // Drained first, so that no lease is granted while its shards are removed one by one.
        let was_draining = current.iter().any(|shard| shard.draining);
        if self.drain(pool).await?.in_use() > 0 {
            if !was_draining {
                self.resume(pool).await?;
            }
            return Ok(false);
        }
        for number in (0..).take(current.len()) {
            let shard = Shard::new(pool.clone(), number);
            if !self.delete_shard(&shard, expression::IS_UNUSED).await? {
                return Ok(false);
            }
        }
        self.shard_counts().remove(pool);
        Ok(true)
    }

    async fn drain(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.write_all("drain", pool, expression::drain).await
    }

    async fn resume(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.write_all("resume", pool, expression::resume).await
    }

    async fn evict(&self, pool: &PoolName, lease: LeaseId) -> Result<Evicted, StoreError> {
        let number = self.find(pool, lease).await?.unwrap_or_default();
        let (shard, write) = (Shard::new(pool.clone(), number), expression::remove(lease));
        let returning = ReturnValue::AllOld;
        let outcome = self.write_shard(Tries::Many, "evict", &shard, write, returning).await?;
        let (was_until, in_use) = match outcome {
            Outcome::Applied(before) => {
                (before.leases.get(&lease).copied(), before.in_use().saturating_sub(1))
            }
            Outcome::Refused(before) => (None, before.in_use()),
        };
        let is_whole = self.known_shards(pool) == Some(NonZeroU32::MIN) && number == 0;
        let in_use = if is_whole { in_use } else { self.read(pool).await?.in_use() };
        Ok(Evicted { was_until, in_use })
    }

    async fn ownership(&self, pool: &PoolName) -> Result<Option<Ownership>, StoreError> {
        let phase = "read of the owner";
        let item = self.get(Tries::Many, phase, pool, owner_key(pool), true).await?;
        item.map(|item| ownership(pool, &item)).transpose()
    }

    async fn claim(
        &self,
        pool: &PoolName,
        owner: &Owner,
        handed_to: Option<&PoolName>,
    ) -> Result<Claimed, StoreError> {
        let (write, returning) = (expression::claim(owner, handed_to), ReturnValue::None);
        match self.update(Tries::Many, "claim", pool, owner_key(pool), write, returning).await? {
            Outcome::Applied(_) => Ok(Claimed::Yes),
            Outcome::Refused(item) => {
                let other = ownership(pool, &item)?.owner;
                let missing = || malformed(pool, MalformedItem::Attribute(item::OWNER_STACK));
                other.map(Claimed::By).ok_or_else(missing)
            }
        }
    }

    async fn disown(
        &self,
        pool: &PoolName,
        owner: &Owner,
        pool_is_gone: bool,
    ) -> Result<(), StoreError> {
        // Where the condition does not hold, the pool has another owner, and keeps it.
        let (phase, key, write) = ("disowning", owner_key(pool), expression::disown(owner));
        if pool_is_gone {
            self.delete(phase, pool, key, expression::IS_OWNER, write.values).await.map(drop)
        } else {
            self.update(Tries::Many, phase, pool, key, write, ReturnValue::None).await.map(drop)
        }
    }
}

/// The key of the owner's item. No pool's name contains `#`, and no shard's number is a word.
fn owner_key(pool: &PoolName) -> String {
    format!("{pool}#owner")
}

fn ownership(pool: &PoolName, item: &Item) -> Result<Ownership, StoreError> {
    item::ownership(item).map_err(|source| malformed(pool, source))
}
