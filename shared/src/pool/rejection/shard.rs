//! The cached state of one shard.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Tuning;
use crate::pool::{Class, LeaseId, Pool};
use crate::time::UnixSeconds;

/// The state of a pool, or of one shard, as one response showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSnapshot {
    /// Leases held, expired ones included.
    pub in_use: u32,
    /// Slots.
    pub max_connections: u32,
    /// Slots that the class may use.
    pub limit: u32,
    /// Of these, the slots that can be acquired: unused ones, and those whose lease has expired. 0 while
    /// the pool drains.
    pub free: u32,
    /// Whether the pool drains.
    pub draining: bool,
}

impl PoolSnapshot {
    /// The state of `pool` at `now`, as `class` sees it.
    #[must_use]
    pub fn of(pool: &Pool, class: Class, now: UnixSeconds) -> Self {
        let (in_use, limit) = (pool.in_use(), pool.size.limit(class));
        let expired = u32::try_from(pool.expired(now).count()).unwrap_or(u32::MAX);
        let live = in_use.saturating_sub(expired);
        let free = if pool.draining { 0 } else { limit.saturating_sub(live) };
        let max_connections = pool.size.max_connections();
        Self { in_use, max_connections, limit, free, draining: pool.draining }
    }

    /// Adds up `shards`; each unknown one counts as the average of the others. `None` if all are unknown.
    pub(super) fn whole(shards: impl ExactSizeIterator<Item = Option<Self>>) -> Option<Self> {
        let all = u64::try_from(shards.len()).unwrap_or(u64::MAX);
        let known: Vec<_> = shards.flatten().collect();
        let count = u64::try_from(known.len()).ok().filter(|count| *count > 0)?;
        let total = |field: fn(&Self) -> u32| {
            let sum: u64 = known.iter().map(|shard| u64::from(field(shard))).sum();
            u32::try_from(sum * all / count).unwrap_or(u32::MAX)
        };
        Some(Self {
            in_use: total(|shard| shard.in_use),
            max_connections: total(|shard| shard.max_connections),
            limit: total(|shard| shard.limit),
            free: total(|shard| shard.free),
            draining: known.iter().any(|shard| shard.draining),
        })
    }

    fn is_full(&self, tuning: &Tuning) -> bool {
        self.free.saturating_mul(tuning.full_threshold) < self.limit
    }
}

/// The status of a shard, by its cached state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Status {
    /// Not full within the cooldown, or never seen.
    Uncontended,
    /// Free slots, but full within the cooldown.
    Contended,
    /// Full or nearly full when it was last seen, `age` ago.
    Full { age: Duration },
}

/// The cached state of one shard.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedShard {
    seen: Option<(Duration, PoolSnapshot)>,
    full_at: Option<Duration>,
    pending: Vec<Attempt>,
}

/// A write that is in flight, or that a replica may not have applied yet.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    lease: LeaseId,
    since: Duration,
    peeked: bool,
}

impl CachedShard {
    pub(super) fn snapshot(&self) -> Option<PoolSnapshot> {
        self.seen.map(|(_, snapshot)| snapshot)
    }

    pub(super) fn status(&self, now: Duration, tuning: &Tuning) -> Status {
        let (Some(full_at), Some((seen_at, snapshot))) = (self.full_at, self.seen) else {
            return Status::Uncontended;
        };
        if snapshot.is_full(tuning) {
            Status::Full { age: now.saturating_sub(seen_at) }
        } else if seen_at.saturating_sub(full_at) < tuning.cooldown {
            Status::Contended
        } else {
            Status::Uncontended
        }
    }

    pub(super) fn record(&mut self, now: Duration, snapshot: PoolSnapshot) {
        if snapshot.free == 0 {
            self.full_at = Some(now);
        }
        self.seen = Some((now, snapshot));
    }

    pub(super) fn record_release(&mut self, now: Duration, in_use: u32) {
        if let Some((seen_at, snapshot)) = &mut self.seen {
            (*seen_at, snapshot.in_use) = (now, in_use);
            snapshot.free = snapshot.limit.saturating_sub(in_use);
        }
    }

    /// Records that a write for `lease` begins, and whether a peek came before it.
    pub(super) fn attempt(&mut self, now: Duration, lease: LeaseId, peeked: bool, tuning: &Tuning) {
        self.pending.retain(|attempt| attempt.is_recent(now, tuning));
        self.pending.push(Attempt { lease, since: now, peeked });
    }

    pub(super) fn end_attempt(&mut self, lease: LeaseId) {
        self.pending.retain(|attempt| attempt.lease != lease);
    }

    /// Whether a peek preceded the pending attempt for `lease`: then its outcome is that of a race.
    pub(super) fn has_peeked(&self, lease: LeaseId) -> bool {
        self.pending.iter().any(|attempt| attempt.lease == lease && attempt.peeked)
    }

    /// Returns the free slots without those that pending attempts of this instance will take. `leases` are
    /// those that the replica has.
    pub(super) fn unclaimed(
        &mut self,
        now: Duration,
        leases: &BTreeMap<LeaseId, UnixSeconds>,
        tuning: &Tuning,
    ) -> u32 {
        self.pending.retain(|attempt| {
            !leases.contains_key(&attempt.lease) && attempt.is_recent(now, tuning)
        });
        let pending = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        self.snapshot().map_or(0, |snapshot| snapshot.free.saturating_sub(pending))
    }
}

impl Attempt {
    fn is_recent(&self, now: Duration, tuning: &Tuning) -> bool {
        now.saturating_sub(self.since) < tuning.replication_lag
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::PoolSize;

    #[test]
    fn expired_leases_are_free_slots_and_a_pool_that_drains_has_none() {
        let mut pool = Pool::new(PoolSize::divide(5, 0, 1).expect("a size"));
        for (id, expires_at) in [("lease000", 10), ("lease001", 99), ("lease002", 99)] {
            pool.leases.insert(id.parse().expect("an id"), UnixSeconds(expires_at));
        }
        let free = |pool: &Pool, class, now| PoolSnapshot::of(pool, class, UnixSeconds(now)).free;
        assert_eq!(free(&pool, Class::Standard, 11), 1);
        assert_eq!(free(&pool, Class::Standard, 12), 2);
        assert_eq!(free(&pool, Class::Priority, 12), 3);
        pool.draining = true;
        assert_eq!(free(&pool, Class::Priority, 12), 0);
    }

    #[test]
    fn shards_not_seen_yet_count_as_the_average_of_the_others() {
        let shard = |leases| {
            let mut pool = Pool::new(PoolSize::divide(10, 0, 0).expect("a size"));
            let id = |n| format!("lease{n:03}").parse().expect("an id");
            pool.leases.extend((0..leases).map(|n| (id(n), UnixSeconds(9))));
            Some(PoolSnapshot::of(&pool, Class::Standard, UnixSeconds(0)))
        };
        assert_eq!(PoolSnapshot::whole([None; 4].into_iter()), None);
        let shards = [shard(8), None, None, shard(4)];
        let (limit, free, draining) = (40, 16, false);
        let whole = PoolSnapshot { in_use: 24, max_connections: 40, limit, free, draining };
        assert_eq!(PoolSnapshot::whole(shards.into_iter()), Some(whole));
    }
}
