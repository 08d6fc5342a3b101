//! Changing the size of a pool: a write for each shard.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::{DynamoStore, Outcome, Tries};
use crate::pool::split::{self, InvalidSplit, ShardUsage, Share, ShareWrite};
use crate::pool::{Pool, PoolName, PoolSize, Shard};
use crate::store::StoreError;
use crate::store::expression::{self, Target};
use crate::time::Clock;

/// How often a change plans from the current pool when others change it at the same time.
const TRIES: u32 = 8;

impl<C: Clock> DynamoStore<C> {
    /// Changes the size of a pool, and its number of shards to `shards`. Without that number, it keeps its
    /// shards, and gets more where it outgrows them. Creates the pool if `or_create`.
    ///
    /// It may stop after any write: [`split::writes`] orders them so that this adds no slot. The next attempt
    /// plans from what it finds.
    pub(super) async fn change(
        &self,
        pool: &PoolName,
        size: PoolSize,
        shards: Option<NonZeroU32>,
        or_create: bool,
    ) -> Result<Pool, StoreError> {
        for _ in 0..TRIES {
            let current = match self.read_shards(pool).await {
                Ok(current) => current,
                Err(StoreError::UnknownPool(_)) if or_create => Vec::new(),
                Err(error) => return Err(error),
            };
            if let Some(changed) = self.try_change(pool, &current, size, shards).await? {
                return Ok(changed);
            }
        }
        Err(StoreError::Contended { phase: "change", pool: pool.clone(), tries: TRIES })
    }

    /// Returns `None` where another change was made at the same time.
    async fn try_change(
        &self,
        pool: &PoolName,
        current: &[Pool],
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> Result<Option<Pool>, StoreError> {
        // Where no lease is held, and none is granted, slots may move.
        let empty = current.iter().all(|shard| shard.draining && shard.in_use() == 0);
        let sizes = divided(pool, current, size, shards, empty)
            .map_err(|source| StoreError::Split { pool: pool.clone(), source })?;
        // Shards are removed only on request.
        let beyond = match shards {
            Some(shards) => self.beyond(pool, shards).await?,
            None => Vec::new(),
        };
        let draining = current.iter().any(|shard| shard.draining);
        let before: Vec<_> = current.iter().map(Share::from).collect();
        let mut items: BTreeMap<_, _> = (0..).zip(current.iter().cloned()).collect();
        for ShareWrite { number, share } in split::writes(&before, &sizes) {
            let (item, target) = (Shard::new(pool.clone(), number), Target { share, draining });
            let write = match items.get(&number) {
                Some(seen) => expression::change(seen, target, empty),
                None => expression::create(target),
            };
            match self.write("change", &item, write).await? {
                Outcome::Applied(written) => items.insert(number, written),
                Outcome::Refused(_) => return Ok(None),
            };
        }
        // The last one first: should this stop, the next attempt finds those that are left next to the others.
        for item in beyond.iter().rev() {
            self.delete_shard(item, expression::IS_UNUSED_AND_DRAINS).await?;
        }
        Ok(Pool::whole(items.into_values().take(sizes.len())))
    }

    /// The items from number `shards` on: those that the pool is about to lose, and those that an earlier
    /// attempt has left. Shards are removed only while the pool drains, so these drain too. One that does not is
    /// being added by another change.
    async fn beyond(&self, pool: &PoolName, shards: NonZeroU32) -> Result<Vec<Shard>, StoreError> {
        let mut items = Vec::new();
        for number in shards.get().. {
            let item = Shard::new(pool.clone(), number);
            match self.get_shard(Tries::Many, &item, true).await? {
                Some(seen) if seen.draining => items.push(item),
                _ => break,
            }
        }
        Ok(items)
    }
}

/// The size that each shard is to have. Slots may move between shards where the pool is `empty` and stays so.
fn divided(
    pool: &PoolName,
    current: &[Pool],
    size: PoolSize,
    shards: Option<NonZeroU32>,
    empty: bool,
) -> Result<Vec<PoolSize>, InvalidSplit> {
    let by_size = split::shards_for(size, pool);
    let as_many = u32::try_from(current.len()).ok().and_then(NonZeroU32::new);
    let as_many = as_many.unwrap_or(NonZeroU32::MIN);
    if empty {
        return split::divide(size, shards.unwrap_or(as_many.max(by_size)));
    }
    let usage: Vec<_> = current
        .iter()
        .map(|shard| ShardUsage { size: shard.size, in_use: shard.in_use() })
        .collect();
    let more = by_size.get().saturating_sub(as_many.get());
    let grows = more <= split::new_slots(&usage, size);
    let by_growth = if grows { as_many.max(by_size) } else { as_many };
    split::change(&usage, size, shards.unwrap_or(by_growth))
}
