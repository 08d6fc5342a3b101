//! Writes to compare with: updates that decide nothing, and the bare count of the article's sample.

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Operation, Subject};
use crate::pools::Pools;
use crate::table::{KEY, Table, number};

/// The baseline: as many writes as the operation takes, of an item of the same size, without a condition and
/// without returned values.
#[derive(Debug)]
pub struct BareUpdate {
    table: Table,
    pools: Pools,
    operation: Operation,
}

impl BareUpdate {
    /// Two writes for each pair, one for each rejection.
    #[must_use]
    pub fn new(table: Table, pools: Pools, operation: Operation) -> Self {
        Self { table, pools, operation }
    }

    async fn update(&self, caller: usize, value: u32) -> Result<()> {
        update(&self.table, self.pools.twin_of(caller))
            .update_expression("SET V = :v")
            .expression_attribute_values(":v", number(value))
            .send()
            .await
            .context("a bare update")?;
        Ok(())
    }
}

impl Subject for BareUpdate {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            self.update(caller, 1).await?;
            if self.operation == Operation::Pair {
                self.update(caller, 2).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// The article's sample: a count of the remaining connections, without an owner for each. Its metrics, two
/// calls a decision, are left out.
#[derive(Debug)]
pub struct BareCount {
    table: Table,
    pools: Pools,
    operation: Operation,
}

impl BareCount {
    /// A count for each of `pools`.
    #[must_use]
    pub fn new(table: Table, pools: Pools, operation: Operation) -> Self {
        Self { table, pools, operation }
    }

    /// Changes the count of a caller's pool. Returns whether the condition held.
    async fn change(&self, caller: usize, change: &str, condition: &str) -> Result<bool> {
        let sent = update(&self.table, self.pools.count_of(caller))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error).context("changing a count"),
            },
        }
    }
}

impl Subject for BareCount {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            let take = "SET RemainingConnections = RemainingConnections - :one";
            let granted = self.change(caller, take, "RemainingConnections >= :one").await?;
            ensure!(granted == (self.operation == Operation::Pair), "granted: {granted}");
            if granted {
                let give = "SET RemainingConnections = RemainingConnections + :one";
                let below = "RemainingConnections < MaxConnections";
                ensure!(self.change(caller, give, below).await?, "no connection was in use");
            }
            Ok(())
        }
        .boxed()
    }
}

fn update(table: &Table, item: String) -> UpdateItemFluentBuilder {
    table.client.update_item().table_name(&table.name).key(KEY, AttributeValue::S(item))
}
