//! The floor: writes that decide nothing.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Asked, Subject};
use crate::pools::Pools;
use crate::table::{KEY, Table};

/// As many writes as a decision takes, of an item of the same size: no condition, nothing returned.
#[derive(Debug)]
pub struct BareUpdate {
    table: Table,
    pools: Pools,
    asked: Asked,
}

impl BareUpdate {
    /// Two writes beside each acquire and release, one beside each refusal.
    #[must_use]
    pub fn new(table: Table, pools: Pools, asked: Asked) -> Self {
        Self { table, pools, asked }
    }

    async fn update(&self, caller: usize, value: &str) -> Result<()> {
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key(KEY, AttributeValue::S(self.pools.twin_of(caller)))
            .update_expression("SET V = :v")
            .expression_attribute_values(":v", AttributeValue::N(value.to_owned()))
            .send()
            .await
            .context("a bare update")?;
        Ok(())
    }
}

impl Subject for BareUpdate {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            self.update(caller, "1").await?;
            if self.asked == Asked::Pair {
                self.update(caller, "2").await?;
            }
            Ok(())
        }
        .boxed()
    }
}
