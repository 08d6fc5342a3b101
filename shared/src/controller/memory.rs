//! What a controller remembers of each pool.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;

use super::looks::Waiting;
use crate::pool::frugal::{Frugal, Tuning};
use crate::pool::{Pool, PoolName};

/// The memory of every pool that was asked for a slot.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<HashMap<PoolName, Shared>>);

/// The memory of a pool, as its callers share it. Never held across an await.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Memory>>);

/// The memory of a pool.
#[derive(Debug)]
pub(super) struct Memory {
    /// What its callers do next.
    pub(super) frugal: Frugal,
    /// For each shard, the callers that wait for the look at it that is under way.
    pub(super) looking: Vec<Option<Waiting>>,
    shards: Vec<Option<Seen>>,
}

/// A shard as it was seen last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    in_use: u32,
    max_connections: u32,
    draining: bool,
}

/// A pool as it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) in_use: u32,
    pub(super) max_connections: u32,
    pub(super) draining: bool,
}

impl Memories {
    /// What is remembered of `pool`. Nothing any more, when it has another number of shards by now.
    pub(super) fn of(&self, pool: &PoolName, shards: NonZeroU32) -> Shared {
        self.known(pool, shards).unwrap_or_else(|| {
            let memory = Shared(Arc::new(Mutex::new(Memory::new(shards))));
            self.lock().insert(pool.clone(), memory.clone());
            memory
        })
    }

    /// The same, if there is anything.
    pub(super) fn known(&self, pool: &PoolName, shards: NonZeroU32) -> Option<Shared> {
        let memory = self.lock().get(pool).cloned();
        memory.filter(|memory| memory.lock().shards.len() == shards.get() as usize)
    }

    /// There is no such pool.
    pub(super) fn forget(&self, pool: &PoolName) {
        self.lock().remove(pool);
    }

    /// The table throttled a request of `pool`.
    pub(super) fn throttled(&self, pool: &PoolName, now: Duration) {
        if let Some(memory) = self.lock().get(pool) {
            memory.lock().frugal.throttled(now);
        }
    }

    /// When a refused caller of `pool` may come back.
    pub(super) fn retry_after(&self, pool: &PoolName, dice: &mut impl RngExt) -> Duration {
        match self.lock().get(pool) {
            Some(memory) => memory.lock().frugal.retry_after(dice),
            None => Frugal::new(std::num::NonZeroUsize::MIN, Tuning::default()).retry_after(dice),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolName, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn new(shards: NonZeroU32) -> Self {
        let count = std::num::NonZeroUsize::try_from(shards).unwrap_or(std::num::NonZeroUsize::MIN);
        Self {
            frugal: Frugal::new(count, Tuning::default()),
            looking: (0..count.get()).map(|_| None).collect(),
            shards: vec![None; count.get()],
        }
    }

    /// A shard was seen.
    pub(super) fn saw(&mut self, shard: usize, pool: &Pool) {
        if let Some(seen) = self.shards.get_mut(shard) {
            let (in_use, max_connections) = (pool.in_use(), pool.size.max_connections());
            *seen = Some(Seen { in_use, max_connections, draining: pool.draining });
        }
    }

    /// A slot of a shard that was seen came back, and left so many out.
    pub(super) fn gave_back(&mut self, shard: usize, in_use: u32) {
        if let Some(Some(seen)) = self.shards.get_mut(shard) {
            seen.in_use = in_use;
        }
    }

    /// The pool as it was seen last: of a pool that is split, each shard when it was. Those that were not
    /// seen are taken to be as the others are on average. `None` before any was seen.
    pub(super) fn known(&self) -> Option<Known> {
        let seen: Vec<_> = self.shards.iter().flatten().collect();
        let of = u64::try_from(seen.len()).ok().filter(|of| *of > 0)?;
        let all = u64::try_from(self.shards.len()).unwrap_or(u64::MAX);
        let whole = |count: fn(&Seen) -> u32| {
            let sum: u64 = seen.iter().map(|seen| u64::from(count(seen))).sum();
            u32::try_from(sum * all / of).unwrap_or(u32::MAX)
        };
        Some(Known {
            in_use: whole(|seen| seen.in_use),
            max_connections: whole(|seen| seen.max_connections),
            draining: seen.iter().any(|seen| seen.draining),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::PoolSize;
    use crate::time::UnixSeconds;

    fn shard(leases: u32) -> Pool {
        let mut pool = Pool::new(PoolSize::divide(10, 0, 0).expect("a size"));
        let id = |n| format!("lease{n:03}").parse().expect("an id");
        pool.leases.extend((0..leases).map(|n| (id(n), UnixSeconds(9))));
        pool
    }

    #[test]
    fn shards_that_were_not_seen_are_as_the_others() {
        let mut memory = Memory::new(NonZeroU32::new(4).expect("not 0"));
        assert_eq!(memory.known(), None);
        memory.saw(3, &shard(4));
        memory.saw(0, &shard(8));
        let known = Known { in_use: 24, max_connections: 40, draining: false };
        assert_eq!(memory.known(), Some(known));
    }

    #[test]
    fn a_pool_of_another_number_of_shards_is_another_one() {
        let (pool, memories) = ("p".parse().expect("a name"), Memories::default());
        let one = memories.of(&pool, NonZeroU32::MIN);
        one.lock().saw(0, &shard(1));
        assert!(memories.of(&pool, NonZeroU32::MIN).lock().known().is_some());
        let two = NonZeroU32::new(2).expect("not 0");
        assert!(memories.of(&pool, two).lock().known().is_none());
    }
}
