//! The store's two writes, sent by the SDK alone.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rds_admission::pool::LeaseId;
use rds_admission::time::{Clock as _, SystemClock};

use super::Subject;
use crate::decider::TTL;
use crate::pools::Pools;
use crate::table::{KEY, Table, number};

/// How much of the store's writes is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The update: the lease's entry and the count.
    Changed,
    /// With the condition.
    Guarded,
    /// With the returned item: the complete request.
    Returned,
}

/// Acquires and releases a slot as the store does in a pool with free slots, without reading the response.
#[derive(Debug)]
pub struct OwnWrites {
    table: Table,
    pools: Pools,
    step: Step,
}

impl OwnWrites {
    /// Sends the writes up to `step`.
    #[must_use]
    pub fn new(table: Table, pools: Pools, step: Step) -> Self {
        Self { table, pools, step }
    }

    fn update(
        &self,
        caller: usize,
        lease: LeaseId,
        update: &str,
        condition: &str,
    ) -> UpdateItemFluentBuilder {
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key(KEY, AttributeValue::S(self.pools.of(caller).to_string()))
            .update_expression(update)
            .expression_attribute_names("#lease", lease.to_string())
            .expression_attribute_values(":one", number(1));
        let sent = if self.step >= Step::Guarded {
            sent.condition_expression(condition)
                .return_values_on_condition_check_failure(OnRefusal::AllOld)
        } else {
            sent
        };
        if self.step >= Step::Returned { sent.return_values(ReturnValue::AllNew) } else { sent }
    }
}

impl Subject for OwnWrites {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            let lease = LeaseId::random(&mut rand::rng());
            let expiry = AttributeValue::N(SystemClock.expiry(TTL).to_string());
            self.update(
                caller,
                lease,
                "SET Leases.#lease = :expiry, InUse = InUse + :one",
                "attribute_exists(RDBMSName) AND attribute_not_exists(Drain) \
                 AND InUse < StandardLimit AND attribute_not_exists(Leases.#lease)",
            )
            .expression_attribute_values(":expiry", expiry)
            .send()
            .await
            .context("acquiring a slot")?;
            self.update(
                caller,
                lease,
                "REMOVE Leases.#lease SET InUse = InUse - :one",
                "attribute_exists(Leases.#lease)",
            )
            .send()
            .await
            .context("releasing it")?;
            Ok(())
        }
        .boxed()
    }
}
