//! Pools in a DynamoDB table.

mod operations;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use std::collections::HashMap;

use super::expression::{self, Write};
use super::{Acquired, MalformedItem, Released, Renewed, Store, StoreError, Swept, item};
use crate::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, PoolSize};
use crate::time::{Clock, Seconds};

/// How often an acquire looks at the pool anew when others changed it between look and write.
const ACQUIRE_TRIES: u32 = 4;

/// How often a sweep looks at the pool anew. At each race somebody has taken over what had expired, or has
/// swept it.
const SWEEP_TRIES: u32 = 4;

/// How often an anonymous release looks for the oldest lease anew. At each race somebody else's
/// give-back won, so a pool of any size is through after as many tries as it has slots.
const ANONYMOUS_RELEASE_TRIES: u32 = 70;

const KEY: &str = "RDBMSName";

/// Pools as items of one table, keyed by `RDBMSName`.
#[derive(Debug, Clone)]
pub struct DynamoStore<C> {
    client: Client,
    table: String,
    clock: C,
}

/// A write that was applied (with what it returned), or refused by its condition (with the item as
/// it was).
enum Outcome {
    Applied(HashMap<String, AttributeValue>),
    Refused(HashMap<String, AttributeValue>),
}

impl<C: Clock> DynamoStore<C> {
    /// A store on `table`, judging leases by `clock`.
    pub fn new(client: Client, table: impl Into<String>, clock: C) -> Self {
        Self { client, table: table.into(), clock }
    }

    async fn write(
        &self,
        phase: &'static str,
        pool: &PoolName,
        write: Write,
        returning: ReturnValue,
    ) -> Result<Outcome, StoreError> {
        let names = (!write.names.is_empty()).then_some(write.names);
        let values = (!write.values.is_empty()).then_some(write.values);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(pool.to_string()))
            .update_expression(write.update)
            .set_condition_expression(write.condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .return_values(returning)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .send()
            .await;
        match sent {
            Ok(applied) => Ok(Outcome::Applied(applied.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                // Refused without an item: there is none.
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let item = refused.item.clone();
                    item.map(Outcome::Refused).ok_or_else(|| StoreError::UnknownPool(pool.clone()))
                }
                _ => Err(table_error(phase, pool, error)),
            },
        }
    }

    fn malformed(pool: &PoolName) -> impl FnOnce(MalformedItem) -> StoreError {
        let pool = pool.clone();
        |source| StoreError::Malformed { pool, source }
    }
}

fn table_error(
    phase: &'static str,
    pool: &PoolName,
    source: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Table { phase, pool: pool.clone(), source: Box::new(source) }
}

impl<C: Clock> Store for DynamoStore<C> {
    async fn acquire(
        &self,
        pool: &PoolName,
        lease: LeaseId,
        ttl: Seconds,
        class: Class,
    ) -> Result<Acquired, StoreError> {
        let phase = "acquire";
        let mut taken_over = 0;
        // The first try is blind: on a pool with room, which is the common case, it is also the last.
        let mut expires_at = self.clock.expiry(ttl);
        let mut next = expression::add(lease, expires_at, class);
        for _ in 0..ACQUIRE_TRIES {
            let seen = match self.write(phase, pool, next, ReturnValue::AllNew).await? {
                Outcome::Applied(item) => {
                    return granted(&item, expires_at, taken_over).map_err(Self::malformed(pool));
                }
                Outcome::Refused(item) => item::pool(&item).map_err(Self::malformed(pool))?,
            };
            let (in_use, max_connections) = (seen.in_use(), seen.size.max_connections());
            expires_at = self.clock.expiry(ttl);
            next = match seen.plan_acquire(lease, class, self.clock.now()) {
                AcquirePlan::Full => return Ok(Acquired::Full { in_use, max_connections }),
                AcquirePlan::Draining => return Ok(Acquired::Draining { in_use, max_connections }),
                AcquirePlan::Held { expires_at } => {
                    return Ok(Acquired::Granted {
                        expires_at,
                        taken_over: 0,
                        in_use,
                        max_connections,
                    });
                }
                AcquirePlan::Add => {
                    taken_over = 0;
                    expression::add(lease, expires_at, class)
                }
                AcquirePlan::TakeOver { expired } => {
                    taken_over = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                    expression::take_over(&expired, lease, expires_at, class, seen.size)
                }
            };
        }
        Err(StoreError::Contended { phase, pool: pool.clone(), tries: ACQUIRE_TRIES })
    }

    async fn release(&self, pool: &PoolName, lease: LeaseId) -> Result<Released, StoreError> {
        let write = expression::remove(lease);
        let (released, item) =
            match self.write("release", pool, write, ReturnValue::UpdatedNew).await? {
                Outcome::Applied(item) => (true, item),
                Outcome::Refused(item) => (false, item),
            };
        let in_use = item::in_use(&item).map_err(Self::malformed(pool))?;
        Ok(Released { released, in_use })
    }

    async fn release_oldest_anonymous(&self, pool: &PoolName) -> Result<Released, StoreError> {
        for _ in 0..ANONYMOUS_RELEASE_TRIES {
            let seen = self.read(pool).await?;
            let Some((oldest, _)) = seen.oldest_anonymous() else {
                return Ok(Released { released: false, in_use: seen.in_use() });
            };
            let release = self.release(pool, oldest).await?;
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
        let expires_at = self.clock.expiry(ttl);
        let write = expression::renew(lease, expires_at);
        Ok(match self.write("renew", pool, write, ReturnValue::None).await? {
            Outcome::Applied(_) => Renewed::Until(expires_at),
            Outcome::Refused(item) => {
                let seen = item::pool(&item).map_err(Self::malformed(pool))?;
                // It is out, and lasts longer: a later renewal has come before this one.
                let current = seen.leases.get(&lease).copied();
                current.map_or(Renewed::Lost, |current| {
                    Renewed::Until(Pool::renewed(current, expires_at))
                })
            }
        })
    }

    async fn sweep(&self, pool: &PoolName) -> Result<Swept, StoreError> {
        let phase = "sweep";
        let mut seen = self.read(pool).await?;
        for _ in 0..SWEEP_TRIES {
            let expired = seen.plan_sweep(self.clock.now());
            if expired.is_empty() {
                return Ok(Swept { swept: 0, pool: seen });
            }
            let write = expression::sweep(&expired);
            let outcome = self.write(phase, pool, write, ReturnValue::AllNew).await?;
            let (Outcome::Applied(item) | Outcome::Refused(item)) = &outcome;
            seen = item::pool(item).map_err(Self::malformed(pool))?;
            if matches!(outcome, Outcome::Applied(_)) {
                let swept = u32::try_from(expired.len()).unwrap_or(u32::MAX);
                return Ok(Swept { swept, pool: seen });
            }
        }
        Err(StoreError::Contended { phase, pool: pool.clone(), tries: SWEEP_TRIES })
    }

    async fn read(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(pool.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|source| table_error("read", pool, source))?;
        let item = read.item.ok_or_else(|| StoreError::UnknownPool(pool.clone()))?;
        item::pool(&item).map_err(Self::malformed(pool))
    }

    async fn define(&self, pool: &PoolName, size: PoolSize) -> Result<(), StoreError> {
        self.write("define", pool, expression::define(size), ReturnValue::None).await?;
        Ok(())
    }

    async fn remove_unused(&self, pool: &PoolName) -> Result<bool, StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(pool.to_string()))
            .condition_expression("attribute_not_exists(RDBMSName) OR InUse = :zero")
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(table_error("remove", pool, error)),
            },
        }
    }
}

fn granted(
    item: &HashMap<String, AttributeValue>,
    expires_at: crate::time::UnixSeconds,
    taken_over: u32,
) -> Result<Acquired, MalformedItem> {
    let (in_use, max_connections) = (item::in_use(item)?, item::max_connections(item)?);
    Ok(Acquired::Granted { expires_at, taken_over, in_use, max_connections })
}
