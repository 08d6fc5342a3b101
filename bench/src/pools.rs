//! Pools of a filling, and callers spread over them so that none is refused.

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::pool::{Class, LeaseId, MAX_LEASE, PoolName, PoolSize};
use rds_admission::store::{Acquired, Store as _};

use crate::table::{Table, number};

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

async fn fill_one(table: &Table, pool: &PoolName, filling: Filling, callers: u32) -> Result<()> {
    let store = table.store();
    store.define(pool, PoolSize::divide(SLOTS, 0, 0)?).await?;
    for _ in 0..filling.standing {
        let lease = LeaseId::random(&mut rand::rng());
        let acquired = store.acquire(pool, lease, MAX_LEASE, Class::Standard).await?;
        ensure!(matches!(acquired, Acquired::Granted { .. }), "the pool is full already");
    }
    let mut item = table.item(pool.as_str()).await?;
    let leases = item.get_mut("Leases").and_then(|leases| match leases {
        AttributeValue::M(leases) => Some(leases),
        _ => None,
    });
    let leases = leases.context("an item without leases")?;
    for _ in filling.standing..filling.typical(callers) {
        leases.insert(LeaseId::random(&mut rand::rng()).to_string(), number(1_764_000_035));
    }
    table.put(&twin(pool), item).await?;
    let remaining = SLOTS - filling.standing;
    let count = [("MaxConnections", SLOTS), ("RemainingConnections", remaining)];
    let count = count.map(|(name, n)| (name.to_owned(), number(n)));
    table.put(&bare_count(pool), count.into()).await
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
