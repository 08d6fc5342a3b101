//! Pools of a filling, and callers spread over them so that none is refused.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::pool::{LeaseId, MAX_LEASE, PoolName, PoolSize};
use rds_admission::store::Store as _;
use rds_admission::time::{Clock as _, SystemClock};

use crate::table::{Item, Table, number};

/// Slots of a pool: what fills the kilobyte of one write unit.
pub const SLOTS: u32 = 60;

/// How full a pool is, and how many callers share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filling {
    /// Its name in tables.
    pub name: &'static str,
    /// Leases that stay out all the time.
    pub standing: u32,
    /// Callers of one pool, at the most.
    pub callers: u32,
}

impl Filling {
    /// Few slots are out.
    pub const QUIET: Self = Self { name: "quiet", standing: 8, callers: 16 };
    /// All but five are.
    pub const NEARLY_FULL: Self = Self { name: "nearly full", standing: 55, callers: 5 };
    /// All are: everybody is refused, so that any number of callers may share it.
    pub const FULL: Self = Self { name: "full", standing: SLOTS, callers: u32::MAX };

    /// Leases out at an instant, on average: a caller has one half of the time.
    fn typical(&self, callers: u32) -> u32 {
        (self.standing + callers.min(self.callers) / 2).min(SLOTS)
    }
}

/// Pools, each with a twin: an item of the same size for bare updates, and one with a bare count.
#[derive(Debug, Clone)]
pub struct Pools {
    names: Vec<PoolName>,
    callers: usize,
}

impl Pools {
    /// Makes as many pools in `table` as it takes that `callers` find room.
    ///
    /// # Errors
    /// When the table refuses.
    pub async fn fill(table: &Table, filling: Filling, callers: u32) -> Result<Self> {
        let pools = callers.div_ceil(filling.callers.min(callers).max(1));
        let mut names = Vec::new();
        for n in 0..pools {
            let pool: PoolName = format!("Prod_MySQL.{n:03}").parse()?;
            fill_one(table, &pool, filling, callers).await.with_context(|| pool.to_string())?;
            names.push(pool);
        }
        Ok(Self { names, callers: filling.callers as usize })
    }

    /// A pool that is there already, without twins.
    #[must_use]
    pub fn one(pool: PoolName) -> Self {
        Self { names: vec![pool], callers: usize::MAX }
    }

    /// The pool of a caller.
    #[must_use]
    pub fn of(&self, caller: usize) -> &PoolName {
        &self.names[caller / self.callers % self.names.len()]
    }

    /// The item beside a caller's pool that bare updates write: as long a name, and as much in it.
    #[must_use]
    pub fn twin_of(&self, caller: usize) -> String {
        twin(self.of(caller))
    }

    /// The item beside a caller's pool that holds the same pool as a bare count.
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

/// The pool as the store makes it, but for the leases: they are put into the item by hand, which spares a write
/// for each.
async fn fill_one(table: &Table, pool: &PoolName, filling: Filling, callers: u32) -> Result<()> {
    table.store().define(pool, PoolSize::divide(SLOTS, 0, 0)?).await?;
    let empty = table.item(pool.as_str()).await?;
    let typical = filling.typical(callers);
    table.put(pool.as_str(), with_leases(empty.clone(), filling.standing)).await?;
    table.put(&twin(pool), with_leases(empty, typical)).await?;
    let remaining = SLOTS - filling.standing;
    let count = [("MaxConnections", SLOTS), ("RemainingConnections", remaining)];
    let count = count.map(|(name, n)| (name.to_owned(), number(n)));
    table.put(&bare_count(pool), count.into()).await
}

/// A pool's item with so many leases in it, which don't expire before the measurement is over.
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
        for filling in [Filling::QUIET, Filling::NEARLY_FULL] {
            assert!(filling.standing + filling.callers <= SLOTS, "{}", filling.name);
        }
    }
}
