//! What a person may do, as writes of the table.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{DynamoStore, Outcome};
use crate::pool::{LeaseId, Pool, PoolName, PoolSize};
use crate::store::expression::{self, Write};
use crate::store::{Evicted, Operations, StoreError, item};
use crate::time::Clock;

impl<C: Clock> DynamoStore<C> {
    /// Writes what holds for the pool as a whole, and returns the pool after that.
    async fn set(
        &self,
        phase: &'static str,
        pool: &PoolName,
        write: Write,
    ) -> Result<Pool, StoreError> {
        let (Outcome::Applied(item) | Outcome::Refused(item)) =
            self.write(phase, pool, write, ReturnValue::AllNew).await?;
        item::pool(&item).map_err(Self::malformed(pool))
    }
}

impl<C: Clock> Operations for DynamoStore<C> {
    async fn drain(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.set("drain", pool, expression::drain()).await
    }

    async fn resume(&self, pool: &PoolName) -> Result<Pool, StoreError> {
        self.set("resume", pool, expression::resume()).await
    }

    async fn resize(&self, pool: &PoolName, size: PoolSize) -> Result<Pool, StoreError> {
        self.set("resize", pool, expression::resize(size)).await
    }

    async fn evict(&self, pool: &PoolName, lease: LeaseId) -> Result<Evicted, StoreError> {
        let write = expression::remove(lease);
        let outcome = self.write("evict", pool, write, ReturnValue::AllOld).await?;
        let (Outcome::Applied(before) | Outcome::Refused(before)) = &outcome;
        let before = item::pool(before).map_err(Self::malformed(pool))?;
        let was_until = match outcome {
            Outcome::Applied(_) => before.leases.get(&lease).copied(),
            Outcome::Refused(_) => None,
        };
        let in_use = before.in_use() - u32::from(was_until.is_some());
        Ok(Evicted { was_until, in_use })
    }
}
