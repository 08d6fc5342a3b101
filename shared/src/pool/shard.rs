//! Shards of a pool.

use std::fmt;
use std::num::NonZeroU32;

use super::PoolName;

/// An item that holds slots of a pool. A pool that is not split has one, with number 0.
///
/// Displayed as the item's key: the pool's name, from number 1 on followed by `#` and the number. No pool's
/// name contains `#`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard {
    pool: PoolName,
    number: u32,
}

impl Shard {
    /// The shard of `pool` with this number.
    #[must_use]
    pub fn new(pool: PoolName, number: u32) -> Self {
        Self { pool, number }
    }

    /// The first shard of `pool`, which every pool has.
    #[must_use]
    pub fn first(pool: &PoolName) -> Self {
        Self::new(pool.clone(), 0)
    }

    /// The shards of a `pool` that has this number of them.
    #[must_use = "iterators are lazy"]
    pub fn all(pool: &PoolName, shards: NonZeroU32) -> impl DoubleEndedIterator<Item = Self> {
        (0..shards.get()).map(|number| Self::new(pool.clone(), number))
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// The number of the shard in its pool, from 0 on.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            0 => self.pool.fmt(f),
            number => write!(f, "{}#{number}", self.pool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_shard_has_the_pools_own_key() {
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let shards = NonZeroU32::new(3).expect("not 0");
        let keys: Vec<_> = Shard::all(&pool, shards).map(|shard| shard.to_string()).collect();
        assert_eq!(keys, ["Prod_MySQL", "Prod_MySQL#1", "Prod_MySQL#2"]);
        assert!(keys[1].parse::<PoolName>().is_err());
    }
}
