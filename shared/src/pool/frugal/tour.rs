//! A caller's way through the shards of a pool.

use crate::pool::LeaseId;

/// How far a caller is.
#[derive(Debug, Clone)]
pub struct Tour {
    pub(super) lease: LeaseId,
    /// Whether this is one of the callers of a rush that look.
    pub(super) willing: bool,
    /// Whether anything is asked of the table for it.
    pub(super) let_through: bool,
    /// Shards that were considered: each once for those with room, and once more for the others.
    pub(super) considered: usize,
    /// Shards that a request was made to.
    pub(super) tried: usize,
    first: usize,
}

impl Tour {
    pub(super) fn new(lease: LeaseId, first: usize, let_through: bool, willing: bool) -> Self {
        Self { lease, willing, let_through, considered: 0, tried: 0, first }
    }

    /// The shard, of so many, that a lease begins with: always the same one, and any as often as another
    /// (FNV-1a).
    #[must_use]
    pub fn first(lease: LeaseId, shards: usize) -> usize {
        let hash = lease.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let shards = u64::try_from(shards.max(1)).unwrap_or(u64::MAX);
        usize::try_from((hash >> 32) % shards).unwrap_or_default()
    }

    /// Whether anything is asked of the table for it. Not for every caller of one that throttles.
    #[must_use]
    pub fn is_let_through(&self) -> bool {
        self.let_through
    }

    /// The lease that is wanted.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// The shard that is considered next, of `shards`, when the tour goes through the first `round` of
    /// them.
    pub(super) fn shard(&self, shards: usize, round: usize) -> usize {
        (self.first + self.considered % round.max(1)) % shards.max(1)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn leases_begin_with_every_shard_about_as_often() {
        let mut dice = StdRng::seed_from_u64(1);
        let mut counts = [0; 17];
        for _ in 0..17_000 {
            counts[Tour::first(LeaseId::random(&mut dice), counts.len())] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
