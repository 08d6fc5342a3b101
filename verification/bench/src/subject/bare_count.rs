//! The baseline: what the article's sample does.

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Asked, Subject};
use crate::pools::Pools;
use crate::table::{KEY, Table};

/// A count of the connections that remain: one less when one is taken, one more when it is given back. Nobody
/// knows whose they are. The sample's metrics, two calls a decision, are left out.
#[derive(Debug)]
pub struct BareCount {
    table: Table,
    pools: Pools,
    asked: Asked,
}

impl BareCount {
    /// A count for each of `pools`.
    #[must_use]
    pub fn new(table: Table, pools: Pools, asked: Asked) -> Self {
        Self { table, pools, asked }
    }

    /// Changes the count of a caller's pool, if the condition lets it. Returns whether it did.
    ///
    /// # Errors
    /// When the table fails.
    async fn change(&self, caller: usize, update: &str, condition: &str) -> Result<bool> {
        let one = AttributeValue::N("1".to_owned());
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key(KEY, AttributeValue::S(self.pools.count_of(caller)))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":one", one)
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

    /// Takes a connection for a caller. Returns whether one was left.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn take(&self, caller: usize) -> Result<bool> {
        let update = "SET RemainingConnections = RemainingConnections - :one";
        self.change(caller, update, "RemainingConnections >= :one").await
    }

    /// Gives one back. Returns whether one was out.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn give_back(&self, caller: usize) -> Result<bool> {
        let update = "SET RemainingConnections = RemainingConnections + :one";
        self.change(caller, update, "RemainingConnections < MaxConnections").await
    }
}

impl Subject for BareCount {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            let granted = self.take(caller).await?;
            ensure!(granted == (self.asked == Asked::Pair), "granted: {granted}");
            if granted {
                ensure!(self.give_back(caller).await?, "nothing was out");
            }
            Ok(())
        }
        .boxed()
    }
}
