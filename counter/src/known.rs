//! Which pools there are, as far as an instance has seen.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rds_admission::pool::PoolName;

/// The pools that the table is known to hold.
///
/// Callers name pools as they like, and every pool that is measured is billed. An acquire that is
/// throttled has not seen the table; but throttled are only pools that were decided about before, and by
/// that the table's own are known from others.
#[derive(Debug, Default)]
pub(crate) struct KnownPools(Mutex<HashSet<PoolName>>);

impl KnownPools {
    /// The table has decided about `pool`.
    pub(crate) fn remember(&self, pool: &PoolName) {
        let mut known = self.known();
        if !known.contains(pool) {
            known.insert(pool.clone());
        }
    }

    /// Whether it ever did.
    pub(crate) fn contains(&self, pool: &PoolName) -> bool {
        self.known().contains(pool)
    }

    fn known(&self) -> MutexGuard<'_, HashSet<PoolName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
