//! Pools of a given occupancy, and callers spread over them so that none is rejected.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::pool::{LeaseId, MAX_LEASE, PoolName, PoolSize};
use rds_admission::store::PoolAdmin as _;
use rds_admission::time::{Clock as _, SystemClock};

use crate::table::{Item, Table, number};

/// Slots of a pool: the most that fit into the kilobyte of one write unit.
pub const SLOTS: u32 = 60;

/// How full a pool is, and how many callers share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Its name in tables.
    pub name: &'static str,
    /// Leases held throughout.
    pub standing: u32,
    /// Most callers of one pool.
    pub callers: u32,
}

impl Occupancy {
    /// Few slots are in use.
    pub const QUIET: Self = Self { name: "quiet", standing: 8, callers: 16 };
    /// All but five are in use.
    pub const NEARLY_FULL: Self = Self { name: "nearly full", standing: 55, callers: 5 };
    /// All are in use: every caller is rejected, so any number of callers may share the pool.
    pub const FULL: Self = Self { name: "full", standing: SLOTS, callers: u32::MAX };

    /// The average number of leases held: a caller holds one half of the time.
    fn typical(&self, callers: u32) -> u32 {
        (self.standing + callers.min(self.callers) / 2).min(SLOTS)
    }
}

/// Pools, each beside an item of the same size for bare updates and an item with a bare count.
#[derive(Debug, Clone)]
pub struct Pools {
    names: Vec<PoolName>,
    callers: usize,
}

impl Pools {
    /// Creates enough pools in `table` for `callers`.
    ///
    /// # Errors
    /// When the table fails.
    pub async fn fill(table: &Table, occupancy: Occupancy, callers: u32) -> Result<Self> {
        let pools = callers.div_ceil(occupancy.callers.min(callers).max(1));
        let mut names = Vec::new();
        for n in 0..pools {
            let pool: PoolName = format!("Prod_MySQL.{n:03}").parse()?;
            fill_one(table, &pool, occupancy, callers).await.with_context(|| pool.to_string())?;
            names.push(pool);
        }
        Ok(Self { names, callers: occupancy.callers as usize })
    }

    /// A pool that exists already, without the items beside it.
    #[must_use]
    pub fn one(pool: PoolName) -> Self {
        Self { names: vec![pool], callers: usize::MAX }
    }

    /// The pool of a caller.
    #[must_use]
    pub fn of(&self, caller: usize) -> &PoolName {
        &self.names[caller / self.callers % self.names.len()]
    }

    /// The item that bare updates write beside a caller's pool: its name is as long, and its content as large.
    #[must_use]
    pub fn twin_of(&self, caller: usize) -> String {
        twin(self.of(caller))
    }

    /// The item with the bare count of a caller's pool.
    #[must_use]
    pub fn count_of(&self, caller: usize) -> String {
        bare_count(self.of(caller))
    }
}

fn twin(pool: &PoolName) -> String {
    pool.as_str().replace("MySQL", "Floor")
}

fn bare_count(pool: &PoolName) -> String {
    pool.as_str().replace("MySQL", "Count")
}

/// Creates the pool with the store, then puts the leases into its item with one write.
async fn fill_one(
    table: &Table,
    pool: &PoolName,
    occupancy: Occupancy,
    callers: u32,
) -> Result<()> {
    table.store().define(pool, PoolSize::divide(SLOTS, 0, 0)?, None).await?;
    let empty = table.item(pool.as_str()).await?;
    let typical = occupancy.typical(callers);
    table.put(pool.as_str(), with_leases(empty.clone(), occupancy.standing)).await?;
    table.put(&twin(pool), with_leases(empty, typical)).await?;
    let remaining = SLOTS - occupancy.standing;
    let count = [("MaxConnections", SLOTS), ("RemainingConnections", remaining)];
    let count = count.map(|(name, n)| (name.to_owned(), number(n)));
    table.put(&bare_count(pool), count.into()).await
}

/// Adds leases that outlast the measurement to a pool's item.
fn with_leases(mut item: Item, leases: u32) -> Item {
    let expires_at = AttributeValue::N(SystemClock.expiry(MAX_LEASE).to_string());
    let lease = |_| (LeaseId::random(&mut rand::rng()).to_string(), expires_at.clone());
    item.insert("Leases".to_owned(), AttributeValue::M((0..leases).map(lease).collect()));
    item.insert("InUse".to_owned(), number(leases));
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_caller_finds_its_pool_full() {
        for occupancy in [Occupancy::QUIET, Occupancy::NEARLY_FULL] {
            assert!(occupancy.standing + occupancy.callers <= SLOTS, "{}", occupancy.name);
        }
    }
}
