//! Pools in a DynamoDB table.

mod change;
mod known;
mod operations;
mod owners;
mod shards;
mod store;

use std::collections::HashMap;
use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};

use super::expression::Write;
use super::{MalformedItem, StoreError, item};
use crate::pool::{Pool, PoolName, Shard};
use known::KnownShards;

const KEY: &str = "RDBMSName";

/// How often a request that frees a slot, or keeps one, is tried when the table throttles or does not answer.
/// The SDK's own backoff begins with up to a second, in which the slot is out for nobody.
const PATIENT_TRIES: u32 = 6;
const PATIENT_BACKOFF: Duration = Duration::from_millis(50);

/// What DynamoDB calls its refusal to serve more
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>).
const THROTTLED: [&str; 3] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// Pools as items of one table, keyed by `RDBMSName`.
///
/// A request for a slot is not repeated where the table throttles: its caller is better refused at once,
/// and what is asked in vain is taken from the releases. Everything else is, up to five times.
#[derive(Debug, Clone)]
pub struct DynamoStore<C> {
    client: Client,
    table: String,
    clock: C,
    known: KnownShards,
}

/// How often a request is sent. One client does both, so that an instance has one connection to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tries {
    /// Once: who wants a slot is answered at once.
    One,
    /// Until it is answered, within reason.
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

/// A write that was applied (with what it returned), or refused by its condition (with the item as
/// it was).
enum Outcome {
    Applied(HashMap<String, AttributeValue>),
    Refused(HashMap<String, AttributeValue>),
}

impl<C> DynamoStore<C> {
    /// A store on `table`, judging leases by `clock`. The client's own retries are set by the store.
    pub fn new(client: Client, table: impl Into<String>, clock: C) -> Self {
        Self { client, table: table.into(), clock, known: KnownShards::default() }
    }

    /// Sends a write until it is answered.
    async fn write(
        &self,
        phase: &'static str,
        shard: &Shard,
        write: Write,
        returning: ReturnValue,
    ) -> Result<Outcome, StoreError> {
        self.send(Tries::Many, phase, shard, write, returning).await
    }

    async fn send(
        &self,
        tries: Tries,
        phase: &'static str,
        shard: &Shard,
        write: Write,
        returning: ReturnValue,
    ) -> Result<Outcome, StoreError> {
        let names = (!write.names.is_empty()).then_some(write.names);
        let values = (!write.values.is_empty()).then_some(write.values);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(shard.to_string()))
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
                // Refused without an item: there is none.
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let item = refused.item.clone();
                    item.map(Outcome::Refused).ok_or_else(|| self.unknown(shard))
                }
                _ => Err(table_error(phase, shard.pool(), error)),
            },
        }
    }

    /// Reads a shard; `None` where there is no such item.
    async fn get(
        &self,
        tries: Tries,
        shard: &Shard,
        consistent: bool,
    ) -> Result<Option<Pool>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(shard.to_string()))
            .consistent_read(consistent)
            .customize()
            .config_override(tries.config())
            .send()
            .await
            .map_err(|source| table_error("read", shard.pool(), source))?;
        match read.item {
            Some(item) => self.seen(shard, &item).map(Some),
            None => Ok(None),
        }
    }

    /// The shard that an item holds, from which it is learnt how many the pool has.
    fn seen(
        &self,
        shard: &Shard,
        item: &HashMap<String, AttributeValue>,
    ) -> Result<Pool, StoreError> {
        let pool = item::pool(item).map_err(malformed(shard.pool()))?;
        self.known.learn(shard, pool.shards);
        Ok(pool)
    }

    /// There is no such item: what was known of the pool does not hold any more.
    fn unknown(&self, shard: &Shard) -> StoreError {
        self.known.forget(shard.pool());
        StoreError::UnknownPool(shard.pool().clone())
    }
}

fn malformed(pool: &PoolName) -> impl FnOnce(MalformedItem) -> StoreError {
    let pool = pool.clone();
    |source| StoreError::Malformed { pool, source }
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
