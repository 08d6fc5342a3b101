//! Owners, as items beside those of their pools.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure as OnRefusal};

use super::{DynamoStore, KEY, Tries, table_error};
use crate::pool::PoolName;
use crate::store::owners::{Claimed, Owner, Owners, Ownership};
use crate::store::{MalformedItem, StoreError};
use crate::time::Clock;

/// The owner's stack, its resource there, and the pool that was handed over to.
const STACK: &str = "OwnerStack";
const RESOURCE: &str = "OwnerResource";
const HANDED_TO: &str = "HandedTo";

/// The item is that of `:resource` of `:stack`.
const THEIRS: &str = "OwnerStack = :stack AND OwnerResource = :resource";

/// The key of the item: no pool's name has a `#` in it, and no shard's number is a word.
fn key(pool: &PoolName) -> AttributeValue {
    AttributeValue::S(format!("{pool}#owner"))
}

fn text(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

type Item = HashMap<String, AttributeValue>;

fn ownership(pool: &PoolName, item: &Item) -> Result<Ownership, StoreError> {
    let read = |name: &'static str| match item.get(name).map(AttributeValue::as_s) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.clone())),
        Some(Err(_)) => Err(malformed(pool, name)),
    };
    let owner = read(STACK)?.zip(read(RESOURCE)?);
    let handed_to = read(HANDED_TO)?.map(|name| name.parse()).transpose();
    Ok(Ownership {
        owner: owner.map(|(stack, resource)| Owner { stack, resource }),
        handed_to: handed_to.map_err(|_| malformed(pool, HANDED_TO))?,
    })
}

fn malformed(pool: &PoolName, attribute: &'static str) -> StoreError {
    StoreError::Malformed { pool: pool.clone(), source: MalformedItem::Attribute(attribute) }
}

impl<C: Clock> Owners for DynamoStore<C> {
    async fn ownership(&self, pool: &PoolName) -> Result<Option<Ownership>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, key(pool))
            .consistent_read(true)
            .customize()
            .config_override(Tries::Many.config())
            .send()
            .await
            .map_err(|source| table_error("read of the owner", pool, source))?;
        read.item.map(|item| ownership(pool, &item)).transpose()
    }

    async fn claim(
        &self,
        pool: &PoolName,
        owner: &Owner,
        handed_to: Option<&PoolName>,
    ) -> Result<Claimed, StoreError> {
        let names = format!("SET {STACK} = :stack, {RESOURCE} = :resource");
        let update = match handed_to {
            Some(_) => format!("{names}, {HANDED_TO} = :to"),
            None => format!("{names} REMOVE {HANDED_TO}"),
        };
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, key(pool))
            .update_expression(update)
            .condition_expression(format!("attribute_not_exists({STACK}) OR ({THEIRS})"))
            .expression_attribute_values(":stack", text(&owner.stack))
            .expression_attribute_values(":resource", text(&owner.resource));
        let sent = match handed_to {
            Some(to) => sent.expression_attribute_values(":to", text(to)),
            None => sent,
        };
        let sent = sent
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .customize()
            .config_override(Tries::Many.config())
            .send()
            .await;
        let Err(error) = sent else { return Ok(Claimed::Yes) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let seen = ownership(pool, refused.item.as_ref().unwrap_or(&Item::new()))?;
                seen.owner.map(Claimed::By).ok_or_else(|| malformed(pool, STACK))
            }
            _ => Err(table_error("claim", pool, error)),
        }
    }

    async fn disown(
        &self,
        pool: &PoolName,
        owner: &Owner,
        pool_is_gone: bool,
    ) -> Result<(), StoreError> {
        if pool_is_gone {
            let deleted = self
                .client
                .delete_item()
                .table_name(&self.table)
                .key(KEY, key(pool))
                .condition_expression(THEIRS)
                .expression_attribute_values(":stack", text(&owner.stack))
                .expression_attribute_values(":resource", text(&owner.resource))
                .customize()
                .config_override(Tries::Many.config())
                .send()
                .await;
            return unless_refused(deleted, pool);
        }
        let emptied = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, key(pool))
            .update_expression(format!("REMOVE {STACK}, {RESOURCE}, {HANDED_TO}"))
            .condition_expression(THEIRS)
            .expression_attribute_values(":stack", text(&owner.stack))
            .expression_attribute_values(":resource", text(&owner.resource))
            .customize()
            .config_override(Tries::Many.config())
            .send()
            .await;
        unless_refused(emptied, pool)
    }
}

/// Whether an owner was given up. What the condition refuses is another's, and left to it.
fn unless_refused<T, E, R>(
    sent: Result<T, SdkError<E, R>>,
    pool: &PoolName,
) -> Result<(), StoreError>
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    match sent {
        Err(error) if error.code() != Some("ConditionalCheckFailedException") => {
            Err(table_error("disowning", pool, error))
        }
        _ => Ok(()),
    }
}
