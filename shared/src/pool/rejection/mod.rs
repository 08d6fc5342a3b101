//! Skips `DynamoDB` requests that are almost certain to be rejected.
//!
//! Under overload nearly every acquire fails. A failed conditional write costs as much as ten eventually
//! consistent reads and uses up the item's 1,000 writes per second, which releases need. Each instance
//! therefore caches the last known state of the pool:
//!
//! | cached state | next acquire |
//! |---|---|
//! | not full within [`cooldown`](Tuning::cooldown) | attempts the write |
//! | free slots, but full within `cooldown` | peeks first (eventually consistent read), attempts if a slot is free |
//! | full or [nearly full](Tuning::full_threshold) | is rejected, or peeks: more likely with age, less likely with contention |
//!
//! Several instances see the same free slots and not all of them win one. An instance that sees `f` free
//! slots attempts with probability `min(1, f / (1 + r))`. `r` estimates the number of rivals: it grows
//! with each lost race and shrinks with each win. While the table throttles, an instance rejects a share
//! of its acquires without a request.
//!
//! The rule needs neither the number of instances nor any communication between them. It does no I/O:
//! callers pass the time (the elapsed time since a fixed
//! [`FreezeAwareInstant`](crate::time::FreezeAwareInstant)) and the random generator.
//!
//! # Use
//! 1. [`RejectionCache::begin`] once for each acquire of class standard, then [`RejectionCache::step`]
//!    until it is granted or rejected. Acquires of class priority, and retries that may have been granted
//!    before, bypass the cache.
//! 2. After [`Step::Attempt`]: the write, then [`RejectionCache::attempted`] or [`RejectionCache::throttled`].
//! 3. After [`Step::Peek`]: the read, shared by all acquires that want it while it is in flight, then
//!    [`RejectionCache::peeked`] or `throttled`.
//!
//! [`RejectionCache::released`] records releases. An acquire may be dropped at any point: its attempt is
//! forgotten after [`replication_lag`](Tuning::replication_lag).
//!
//! [`Controller`](crate::controller::Controller) uses it. `docs/simulation.md` shows the effect at scale.

mod load;
mod shard;
mod tuning;

pub use shard::PoolSnapshot;
pub use tuning::Tuning;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use rand::RngExt;

use crate::pool::LeaseId;
use crate::time::{UnixSeconds, saturating_times};
use load::{Contention, ThrottleBackoff};
use shard::{CachedShard, Status};

/// The next step of an acquire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Attempt the conditional write on this shard.
    Attempt(usize),
    /// Peek at this shard: an eventually consistent read.
    Peek(usize),
    /// Reject without a further request.
    Reject,
}

/// The progress of one acquire through the shards of a pool.
#[derive(Debug, Clone)]
pub struct ShardProbe {
    lease: LeaseId,
    /// Shards still to try, the next one last.
    remaining: Vec<usize>,
    has_tried: bool,
    backed_off: bool,
}

impl ShardProbe {
    /// Whether the acquire is rejected because the table throttles.
    #[must_use]
    pub fn is_backed_off(&self) -> bool {
        self.backed_off
    }
}

/// The cached state of a pool, from which hopeless acquires are rejected.
#[derive(Debug, Clone)]
pub struct RejectionCache {
    tuning: Tuning,
    shards: Vec<CachedShard>,
    contention: Contention,
    backoff: ThrottleBackoff,
}

impl RejectionCache {
    /// An empty cache for a pool of `shards` shards.
    #[must_use]
    pub fn new(shards: NonZeroU32, tuning: Tuning) -> Self {
        Self {
            tuning,
            shards: vec![CachedShard::default(); shards.get() as usize],
            contention: Contention::new(&tuning),
            backoff: ThrottleBackoff::default(),
        }
    }

    /// The number of shards.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Begins an acquire for `lease`.
    ///
    /// Under overload every shard has acquires of its own, so each acquire tries only its home shard. (If
    /// all moved on to the shard last seen with room, they would crowd there.) Otherwise it tries up to
    /// [`peeks_per_slot`](Tuning::peeks_per_slot) shards, those not known to be full first.
    pub fn begin(&mut self, now: Duration, lease: LeaseId, rng: &mut impl RngExt) -> ShardProbe {
        self.contention.count_call(now, &self.tuning);
        let backed_off = !self.backoff.admits(now, &self.tuning, rng);
        let (count, home) = (self.shards.len(), lease.home_shard(self.shards.len()));
        let mut remaining = vec![home];
        if !self.contention.is_overload(&self.tuning) {
            remaining.extend((1..count).map(|n| (home + n) % count));
            remaining.sort_by_key(|shard| {
                matches!(self.shards[*shard].status(now, &self.tuning), Status::Full { .. })
            });
            remaining.truncate(self.tuning.peeks_per_slot as usize);
        }
        remaining.reverse();
        ShardProbe { lease, remaining, has_tried: false, backed_off }
    }

    /// Returns the next step of an acquire, at first and whenever the last step found no slot.
    pub fn step(&mut self, probe: &mut ShardProbe, now: Duration, rng: &mut impl RngExt) -> Step {
        if probe.backed_off {
            return Step::Reject;
        }
        let peek_share = self.contention.peek_share(&self.tuning);
        while let Some(number) = probe.remaining.pop() {
            let Some(shard) = self.shards.get_mut(number) else { continue };
            let status = shard.status(now, &self.tuning);
            if let Status::Full { age } = status {
                let outdated = age.div_duration_f64(self.tuning.cooldown).min(1.0);
                if !rng.random_bool(peek_share) && !rng.random_bool(outdated) {
                    continue;
                }
            }
            let is_first = !std::mem::replace(&mut probe.has_tried, true);
            if is_first && status == Status::Uncontended {
                shard.attempt(now, probe.lease, false, &self.tuning);
                return Step::Attempt(number);
            }
            return Step::Peek(number);
        }
        Step::Reject
    }

    /// Records a peek for the acquires `waiting` for it. Returns how many of them, from the first, may
    /// attempt the write; the others take their next step. `leases` are those that the peek showed.
    pub fn peeked(
        &mut self,
        number: usize,
        now: Duration,
        snapshot: PoolSnapshot,
        leases: &BTreeMap<LeaseId, UnixSeconds>,
        waiting: &[LeaseId],
        rng: &mut impl RngExt,
    ) -> usize {
        let Some(shard) = self.shards.get_mut(number) else { return 0 };
        shard.record(now, snapshot);
        let mut free = shard.unclaimed(now, leases, &self.tuning);
        let rivals = match shard.status(now, &self.tuning) {
            Status::Uncontended => 0.0,
            Status::Contended | Status::Full { .. } => self.contention.rivals(),
        };
        let mut attempts = 0;
        for lease in waiting {
            if free == 0 || !rng.random_bool((f64::from(free) / (1.0 + rivals)).min(1.0)) {
                break;
            }
            shard.attempt(now, *lease, true, &self.tuning);
            (attempts, free) = (attempts + 1, free - 1);
        }
        attempts
    }

    /// Records the outcome of an attempt; `snapshot` is the shard after a grant, or the one that rejected it.
    pub fn attempted(
        &mut self,
        number: usize,
        now: Duration,
        lease: LeaseId,
        granted: bool,
        snapshot: PoolSnapshot,
    ) {
        self.contention.count_grant(granted);
        let Some(shard) = self.shards.get_mut(number) else { return };
        if shard.has_peeked(lease) {
            self.contention.end_race(granted, &self.tuning);
        }
        if !granted {
            // A granted attempt stays pending: a replica may not have the new lease yet.
            shard.end_attempt(lease);
        }
        shard.record(now, snapshot);
    }

    /// Records a release by this instance, after which `in_use` leases remain in the shard.
    pub fn released(&mut self, number: usize, now: Duration, lease: LeaseId, in_use: u32) {
        if let Some(shard) = self.shards.get_mut(number) {
            shard.end_attempt(lease);
            shard.record_release(now, in_use);
        }
    }

    /// Records that the table throttled a request for this pool.
    pub fn throttled(&mut self, now: Duration) {
        self.backoff.throttled(now, &self.tuning);
    }

    /// Returns a random delay after which a rejected caller should retry. Its mean grows with contention,
    /// between 1 s and [`max_retry_after`](Tuning::max_retry_after).
    pub fn retry_after(&self, rng: &mut impl RngExt) -> Duration {
        let (shortest, longest) = (Tuning::MIN_RETRY_AFTER, self.tuning.max_retry_after);
        let share = self.contention.peek_share(&self.tuning);
        let mean = saturating_times(shortest, 1.0 / share).clamp(shortest, longest);
        saturating_times(mean, rng.random_range(0.25..1.75))
    }

    /// Returns the last known state of the whole pool; shards not seen yet count as the average of the
    /// others. `None` before any was seen.
    #[must_use]
    pub fn snapshot(&self) -> Option<PoolSnapshot> {
        PoolSnapshot::whole(self.shards.iter().map(CachedShard::snapshot))
    }
}

#[cfg(test)]
mod tests;
