//! How many shards pools have, as far as a store has seen.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pool::{PoolName, Shard};

/// The number of shards of each pool of which one was seen. Only pools that the table holds are in it.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownShards(Arc<Mutex<HashMap<PoolName, NonZeroU32>>>);

impl KnownShards {
    /// The number of shards of a pool.
    pub(super) fn of(&self, pool: &PoolName) -> Option<NonZeroU32> {
        self.lock().get(pool).copied()
    }

    /// An item of a pool has told how many there are.
    ///
    /// While their number changes, items differ. The first one is written last when shards are added, and
    /// first when some are taken away: what it says is so, and from the others it is only learnt that there
    /// are more.
    pub(super) fn learn(&self, shard: &Shard, shards: NonZeroU32) {
        let mut known = self.lock();
        let current = known.get(shard.pool()).copied();
        let news = match current {
            Some(current) if shard.number() == 0 => current != shards,
            Some(current) => current < shards,
            None => true,
        };
        if news {
            known.insert(shard.pool().clone(), shards);
        }
    }

    /// A shard that should be there is not.
    pub(super) fn forget(&self, pool: &PoolName) {
        self.lock().remove(pool);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolName, NonZeroU32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
