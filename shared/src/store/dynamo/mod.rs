//! Pools in a DynamoDB table.

mod change;
mod pool_admin;
mod slot_store;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use futures::future::try_join_all;

use super::expression::Write;
use super::item::{self, Item};
use super::{MalformedItem, StoreError};
use crate::pool::{Pool, PoolName, Shard};

const KEY: &str = "RDBMSName";

/// How often a request that frees or keeps a slot is sent when the table throttles or does not answer. The
/// SDK's own backoff begins with up to a second, in which the slot stays unusable.
const PATIENT_TRIES: u32 = 6;
const PATIENT_BACKOFF: Duration = Duration::from_millis(50);

/// How often the shards of a pool are read again when one of them is missing.
const READ_TRIES: u32 = 4;

/// DynamoDB's error codes for throttling
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
const THROTTLED: [&str; 3] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// Pools as items of one table, keyed by `RDBMSName`.
///
/// A throttled acquire is not retried: its caller is better rejected at once, and each failed attempt uses
/// write units that releases need. Every other request is, up to five times.
#[derive(Debug, Clone)]
pub struct DynamoStore<C> {
    client: Client,
    table: String,
    clock: C,
    /// The number of shards of each pool of which one was seen.
    shard_counts: Arc<Mutex<HashMap<PoolName, NonZeroU32>>>,
}

/// How often a request is sent. One client serves both, so that an instance has one connection to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    /// Once: an acquire is answered at once.
    One,
    /// Until it is answered, at most [`PATIENT_TRIES`] times.
    Many,
}

impl Tries {
    fn config(self) -> aws_sdk_dynamodb::config::Builder {
        aws_sdk_dynamodb::Config::builder().retry_config(match self {
            Self::One => RetryConfig::disabled(),
            Self::Many => RetryConfig::standard()
                .with_max_attempts(PATIENT_TRIES)
                .with_initial_backoff(PATIENT_BACKOFF),
        })
    }
}

/// The result of a conditional write.
enum Outcome<T> {
    /// It was applied, and returned this.
    Applied(T),
    /// Its condition did not hold; this is the item that it met.
    Refused(T),
}

impl<C> DynamoStore<C> {
    /// A store on `table` that judges leases by `clock`. The store sets the client's retries itself.
    pub fn new(client: Client, table: impl Into<String>, clock: C) -> Self {
        Self { client, table: table.into(), clock, shard_counts: Arc::default() }
    }

    /// Writes a shard, with retries, and returns it as it is after that.
    async fn write(
        &self,
        phase: &'static str,
        shard: &Shard,
        write: Write,
    ) -> Result<Outcome<Pool>, StoreError> {
        self.write_shard(Tries::Many, phase, shard, write, ReturnValue::AllNew).await
    }

    async fn write_shard(
        &self,
        tries: Tries,
        phase: &'static str,
        shard: &Shard,
        write: Write,
        returning: ReturnValue,
    ) -> Result<Outcome<Pool>, StoreError> {
        let key = shard.to_string();
        match self.update(tries, phase, shard.pool(), key, write, returning).await? {
            Outcome::Applied(item) => self.seen(shard, &item).map(Outcome::Applied),
            Outcome::Refused(item) if item.is_empty() => Err(self.unknown(shard)),
            Outcome::Refused(item) => self.seen(shard, &item).map(Outcome::Refused),
        }
    }

    /// Writes an item. Where there is none, a refused write returns an empty one.
    async fn update(
        &self,
        tries: Tries,
        phase: &'static str,
        pool: &PoolName,
        key: String,
        write: Write,
        returning: ReturnValue,
    ) -> Result<Outcome<Item>, StoreError> {
        let names = (!write.names.is_empty()).then_some(write.names);
        let values = (!write.values.is_empty()).then_some(write.values);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key))
            .update_expression(write.update)
            .set_condition_expression(write.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(returning)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .customize()
            .config_override(tries.config())
            .send()
            .await;
        match sent {
            Ok(applied) => Ok(Outcome::Applied(applied.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Outcome::Refused(refused.item.clone().unwrap_or_default()))
                }
                _ => Err(table_error(phase, pool, error)),
            },
        }
    }

    /// Deletes an item if the condition holds. Returns whether it is gone.
    async fn delete(
        &self,
        phase: &'static str,
        pool: &PoolName,
        key: String,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<bool, StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key))
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .customize()
            .config_override(Tries::Many.config())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(table_error(phase, pool, error)),
            },
        }
    }

    /// Deletes a shard if a condition on its `:zero` leases holds. Returns whether it is gone.
    async fn delete_shard(&self, shard: &Shard, condition: &str) -> Result<bool, StoreError> {
        let zero = (":zero".to_owned(), AttributeValue::N("0".to_owned()));
        self.delete("remove", shard.pool(), shard.to_string(), condition, [zero].into()).await
    }

    /// Reads an item; `None` where there is no such item.
    async fn get(
        &self,
        tries: Tries,
        phase: &'static str,
        pool: &PoolName,
        key: String,
        consistent: bool,
    ) -> Result<Option<Item>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key))
            .consistent_read(consistent)
            .customize()
            .config_override(tries.config())
            .send()
            .await
            .map_err(|source| table_error(phase, pool, source))?;
        Ok(read.item)
    }

    /// Reads a shard; `None` where there is no such item.
    async fn get_shard(
        &self,
        tries: Tries,
        shard: &Shard,
        consistent: bool,
    ) -> Result<Option<Pool>, StoreError> {
        let item = self.get(tries, "read", shard.pool(), shard.to_string(), consistent).await?;
        item.map(|item| self.seen(shard, &item)).transpose()
    }

    /// Reads a shard that should be there, as it is now.
    async fn read_shard(&self, shard: &Shard) -> Result<Pool, StoreError> {
        self.get_shard(Tries::Many, shard, true).await?.ok_or_else(|| self.unknown(shard))
    }

    /// Reads all shards as they are now, from the first on.
    async fn read_shards(&self, pool: &PoolName) -> Result<Vec<Pool>, StoreError> {
        let mut tries = 1;
        loop {
            let first = self.read_shard(&Shard::first(pool)).await?;
            let shards = Shard::all(pool, first.shards).skip(1);
            let others = shards.map(|shard| async move { self.read_shard(&shard).await });
            match try_join_all(others).await {
                Ok(others) => return Ok(std::iter::once(first).chain(others).collect()),
                // The pool has fewer by now, or one of them was deleted by hand.
                Err(StoreError::UnknownPool(_)) if tries < READ_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The shard that an item holds. Learns the pool's number of shards from it.
    ///
    /// While that number changes, items differ. The first one is written last when shards are added, and first
    /// when some are removed: its number counts, and the others only show that there are more.
    fn seen(&self, shard: &Shard, item: &Item) -> Result<Pool, StoreError> {
        let pool = item::pool(item).map_err(|source| malformed(shard.pool(), source))?;
        let mut counts = self.shard_counts();
        let learnt = match counts.get(shard.pool()) {
            Some(known) if shard.number() == 0 => *known != pool.shards,
            Some(known) => *known < pool.shards,
            None => true,
        };
        if learnt {
            counts.insert(shard.pool().clone(), pool.shards);
        }
        Ok(pool)
    }

    /// The error for a missing item, whose pool's number of shards is not known any more.
    fn unknown(&self, shard: &Shard) -> StoreError {
        self.shard_counts().remove(shard.pool());
        StoreError::UnknownPool(shard.pool().clone())
    }

    fn shard_counts(&self) -> MutexGuard<'_, HashMap<PoolName, NonZeroU32>> {
        self.shard_counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn malformed(pool: &PoolName, source: MalformedItem) -> StoreError {
    StoreError::Malformed { pool: pool.clone(), source }
}

fn table_error<E, R>(phase: &'static str, pool: &PoolName, source: SdkError<E, R>) -> StoreError
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let throttled = source.code().is_some_and(|code| THROTTLED.contains(&code));
    let (pool, source) = (pool.clone(), Box::new(source));
    if throttled {
        StoreError::Throttled { phase, pool, source }
    } else {
        StoreError::Table { phase, pool, source }
    }
}
