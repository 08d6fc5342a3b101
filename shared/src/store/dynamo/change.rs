//! Another size for a pool, or its end: a write for each shard.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{DynamoStore, KEY, Outcome, Tries, table_error};
use crate::pool::split::{self, Held, InvalidSplit, Share, ShareWrite};
use crate::pool::{Pool, PoolName, PoolSize, Shard};
use crate::store::expression::{self, Target};
use crate::store::{Operations, StoreError};
use crate::time::Clock;

/// How often a change looks at the pool anew when somebody else changes it at the same time.
const TRIES: u32 = 8;

/// An item has no lease, or is gone.
const UNUSED: &str = "attribute_not_exists(RDBMSName) OR InUse = :zero";
/// The same of one that grants none either.
const NO_LONGER_OF_A_POOL: &str =
    "attribute_not_exists(RDBMSName) OR (InUse = :zero AND attribute_exists(Drain))";

impl<C: Clock> DynamoStore<C> {
    /// Gives a pool another size, over so many shards; if none is said, over as many as it has, and more
    /// where it grows out of them. Creates it if `or_create`.
    ///
    /// It may stop after any write: [`split::writes`] has the order in which that adds no slot. The next try
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

    /// `None`: somebody else changes it.
    async fn try_change(
        &self,
        pool: &PoolName,
        current: &[Pool],
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> Result<Option<Pool>, StoreError> {
        // Where no lease is out, and none comes in, slots may move.
        let empty = current.iter().all(|shard| shard.draining && shard.in_use() == 0);
        let sizes = divided(pool, current, size, shards, empty)
            .map_err(|source| StoreError::Split { pool: pool.clone(), source })?;
        // There are fewer only where that is asked for.
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
            match self.write("change", &item, write, ReturnValue::AllNew).await? {
                Outcome::Applied(written) => {
                    items.insert(number, self.seen(&item, &written)?);
                }
                Outcome::Refused(_) => return Ok(None),
            }
        }
        // The last one first: what may be left is then next to the others, where the next try finds it.
        for item in beyond.iter().rev() {
            self.delete(item, NO_LONGER_OF_A_POOL).await?;
        }
        Ok(Pool::whole(items.into_values().take(sizes.len())))
    }

    /// The items beyond so many: those that the pool is about to lose, and those that an earlier try has left
    /// there. A pool has fewer only while it drains, so that they do. One that does not is just being added by
    /// somebody else.
    async fn beyond(&self, pool: &PoolName, shards: NonZeroU32) -> Result<Vec<Shard>, StoreError> {
        let mut items = Vec::new();
        for number in shards.get().. {
            let item = Shard::new(pool.clone(), number);
            match self.get(Tries::Many, &item, true).await? {
                Some(seen) if seen.draining => items.push(item),
                _ => break,
            }
        }
        Ok(items)
    }

    /// Removes a pool that has no lease out. One that is split is drained first, so that none comes in
    /// while its shards go one after the other.
    pub(super) async fn remove(&self, pool: &PoolName) -> Result<bool, StoreError> {
        let current = match self.read_shards(pool).await {
            Ok(current) => current,
            Err(StoreError::UnknownPool(_)) => return Ok(true),
            // What is damaged is no pool that could be split.
            Err(StoreError::Malformed { .. }) => {
                return self.delete(&Shard::first(pool), UNUSED).await;
            }
            Err(error) => return Err(error),
        };
        if let [_] = current.as_slice() {
            return self.delete(&Shard::first(pool), UNUSED).await;
        }
        let was_draining = current.iter().any(|shard| shard.draining);
        if self.drain(pool).await?.in_use() > 0 {
            if !was_draining {
                self.resume(pool).await?;
            }
            return Ok(false);
        }
        for number in (0..).take(current.len()) {
            if !self.delete(&Shard::new(pool.clone(), number), UNUSED).await? {
                return Ok(false);
            }
        }
        self.known.forget(pool);
        Ok(true)
    }

    /// Removes an item if it is so. Returns whether it is gone.
    async fn delete(&self, shard: &Shard, condition: &str) -> Result<bool, StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(shard.to_string()))
            .condition_expression(condition)
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
            .customize()
            .config_override(Tries::Many.config())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(table_error("remove", shard.pool(), error)),
            },
        }
    }
}

/// The size that each shard is to have; of any division where the pool is `empty`, and stays so.
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
    let held: Vec<_> =
        current.iter().map(|shard| Held { size: shard.size, in_use: shard.in_use() }).collect();
    let more = by_size.get().saturating_sub(as_many.get());
    let by_growth = if more <= split::spare(&held, size) { as_many.max(by_size) } else { as_many };
    split::change(&held, size, shards.unwrap_or(by_growth))
}
