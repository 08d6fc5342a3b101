//! Shards of a pool.

use std::fmt;
use std::num::NonZeroU32;

use super::{LeaseId, PoolName};

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

impl LeaseId {
    /// The shard, of `shards`, on which an acquire for this lease begins: a hash of the id (FNV-1a), so that
    /// leases spread evenly.
    #[must_use]
    pub fn home_shard(self, shards: usize) -> usize {
        let hash = self.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let shards = u64::try_from(shards.max(1)).unwrap_or(u64::MAX);
        usize::try_from((hash >> 32) % shards).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_first_shard_has_the_pools_own_key() {
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let shards = NonZeroU32::new(3).expect("not 0");
        let keys: Vec<_> = Shard::all(&pool, shards).map(|shard| shard.to_string()).collect();
        assert_eq!(keys, ["Prod_MySQL", "Prod_MySQL#1", "Prod_MySQL#2"]);
        assert!(keys[1].parse::<PoolName>().is_err());
    }

    #[test]
    fn leases_begin_with_every_shard_about_as_often() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut counts = [0; 17];
        for _ in 0..17_000 {
            counts[LeaseId::random(&mut rng).home_shard(counts.len())] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
