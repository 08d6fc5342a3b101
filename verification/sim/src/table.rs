//! The DynamoDB table: items, their limits, and what is billed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::num::NonZeroU32;
use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::{AcquirePlan, Class, LeaseId, Pool, PoolName, PoolSize};
use rds_admission::time::UnixSeconds;

use crate::chance::{Rng, exponential};
use crate::scenario::{Algorithm, Scenario};

/// A request to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Peek,
    Acquire,
    Renew,
    Release,
}

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The item takes no more units in this second.
    Throttled,
    /// A peek: the item as the replica had it.
    Seen(Pool),
    /// The lease is held; the item after that.
    Granted(Pool),
    /// None is free; the item before that.
    Full(Pool),
    /// The lease is back.
    Released,
    /// The lease lasts longer; the item after that.
    Renewed(Pool),
    /// The lease is not out.
    Lost,
}

/// One item: a pool, or a shard of one.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) pool: Pool,
    pub(crate) used: Used,
    /// What a write of it is billed.
    write_units: f64,
    /// What an eventually consistent read of it is billed.
    peek_units: f64,
    writes: Bucket,
    reads: Bucket,
    /// What changed, as far back as a replica may be: each lease with its expiry when it came in, without
    /// when it went.
    history: VecDeque<(Duration, LeaseId, UnixSeconds, bool)>,
    /// The leases of those out that were put aside.
    kept: BTreeSet<LeaseId>,
    /// Expired leases that were taken over, until read.
    taken_over: Vec<LeaseId>,
}

/// What an item was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Write units.
    pub(crate) writes: f64,
    /// Read units.
    pub(crate) reads: f64,
}

impl Used {
    /// What was used since it was `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { writes: self.writes - before.writes, reads: self.reads - before.reads }
    }
}

impl Item {
    /// Further back than any replica is.
    const OLDEST: Duration = Duration::from_secs(1);

    pub(crate) fn new(scenario: &Scenario, n: u32) -> Self {
        let slots = NonZeroU32::new(scenario.slots_of(n)).unwrap_or(NonZeroU32::MIN);
        let size = PoolSize::new(slots, 0)
            .unwrap_or_else(|never| unreachable!("no slot is kept back: {never}"));
        let bytes = match scenario.algorithm {
            Algorithm::BareCount => 0,
            Algorithm::Plain | Algorithm::Cached => size.item_bytes(&name()),
        };
        Self {
            pool: Pool::new(size),
            used: Used::default(),
            write_units: units(bytes, 1_024),
            peek_units: units(bytes, 4_096) / 2.0,
            writes: Bucket::per_second(scenario.cloud.writes),
            reads: Bucket::per_second(scenario.cloud.reads),
            history: VecDeque::new(),
            kept: BTreeSet::new(),
            taken_over: Vec::new(),
        }
    }

    /// An eventually consistent read by one of three replicas, of which two are behind.
    pub(crate) fn peek(&mut self, now: Duration, staleness: Duration, rng: &mut Rng) -> Reply {
        if !self.reads.take(self.peek_units, now) {
            return Reply::Throttled;
        }
        self.used.reads += self.peek_units;
        let behind = if rng.random_range(0..3) == 0 {
            Duration::ZERO
        } else {
            exponential(staleness, rng).min(Self::OLDEST)
        };
        let mut pool = self.pool.clone();
        for (at, lease, until, came) in self.history.iter().rev() {
            if *at + behind <= now {
                break;
            }
            if *came {
                pool.leases.remove(lease);
            } else {
                pool.leases.insert(*lease, *until);
            }
        }
        Reply::Seen(pool)
    }

    /// The conditional writes of an acquire. A takeover is a second one.
    pub(crate) fn acquire(&mut self, now: Duration, lease: LeaseId, until: UnixSeconds) -> Reply {
        if !self.write(now) {
            return Reply::Throttled;
        }
        loop {
            let plan = self.pool.plan_acquire(lease, Class::Standard, second(now));
            let sweeps = matches!(plan, AcquirePlan::Sweep { .. });
            match plan {
                AcquirePlan::Add => break,
                AcquirePlan::TakeOver { expired } | AcquirePlan::Sweep { expired } => {
                    if !self.write(now) {
                        return Reply::Throttled;
                    }
                    self.takes_over(now, expired);
                }
                AcquirePlan::Held { .. } | AcquirePlan::Full | AcquirePlan::Draining => {
                    return Reply::Full(self.pool.clone());
                }
            }
            if !sweeps {
                break;
            }
        }
        self.pool.leases.insert(lease, until);
        self.changed(now, lease, until, true);
        Reply::Granted(self.pool.clone())
    }

    /// The conditional write of a release.
    pub(crate) fn release(&mut self, now: Duration, lease: LeaseId) -> Reply {
        if !self.write(now) {
            return Reply::Throttled;
        }
        if let Some(until) = self.pool.leases.remove(&lease) {
            self.changed(now, lease, until, false);
        }
        Reply::Released
    }

    /// The conditional write of a renewal.
    pub(crate) fn renew(&mut self, now: Duration, lease: LeaseId, until: UnixSeconds) -> Reply {
        if !self.write(now) {
            return Reply::Throttled;
        }
        let current = self.pool.leases.get(&lease).copied();
        let current = current.filter(|&current| self.pool.may_renew(current, second(now)));
        let Some(current) = current else { return Reply::Lost };
        let renewed = Pool::renewed(current, until);
        self.changed(now, lease, current, false);
        self.pool.leases.insert(lease, renewed);
        self.changed(now, lease, renewed, true);
        Reply::Renewed(self.pool.clone())
    }

    /// The conditional write that takes away what is over, where something is.
    pub(crate) fn sweep(&mut self, now: Duration) {
        let expired = self.pool.plan_sweep(second(now));
        if !expired.is_empty() && self.write(now) {
            self.takes_over(now, expired);
        }
    }

    fn takes_over(&mut self, now: Duration, expired: BTreeMap<LeaseId, UnixSeconds>) {
        for (old, until) in expired {
            self.pool.leases.remove(&old);
            self.changed(now, old, until, false);
            self.taken_over.push(old);
        }
    }

    /// The leases that were taken over since this was asked last.
    pub(crate) fn taken_over(&mut self) -> Vec<LeaseId> {
        mem::take(&mut self.taken_over)
    }

    /// The holder of `lease` puts it aside, until its next request.
    pub(crate) fn keeps(&mut self, lease: LeaseId) {
        if self.pool.leases.contains_key(&lease) {
            self.kept.insert(lease);
        }
    }

    /// It is no longer put aside.
    pub(crate) fn uses(&mut self, lease: LeaseId) {
        self.kept.remove(&lease);
    }

    /// Leases out that were put aside.
    pub(crate) fn kept(&self) -> u32 {
        u32::try_from(self.kept.len()).unwrap_or(u32::MAX)
    }

    /// Slots that are free now.
    pub(crate) fn free(&self) -> u32 {
        self.pool.size.max_connections().saturating_sub(self.pool.in_use())
    }

    fn write(&mut self, now: Duration) -> bool {
        let taken = self.writes.take(self.write_units, now);
        if taken {
            self.used.writes += self.write_units;
        }
        taken
    }

    fn changed(&mut self, now: Duration, lease: LeaseId, until: UnixSeconds, came: bool) {
        if !came {
            self.kept.remove(&lease);
        }
        self.history.push_back((now, lease, until, came));
        while self.history.front().is_some_and(|(at, ..)| *at + Self::OLDEST < now) {
            self.history.pop_front();
        }
    }
}

/// Started blocks of this size, at least one: of the item with every slot in use, which is its state in
/// a rush.
fn units(bytes: usize, block: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(block).max(1)).unwrap_or(u32::MAX))
}

fn name() -> PoolName {
    "Prod_MySQL".parse().unwrap_or_else(|never| unreachable!("it is a name: {never}"))
}

/// The second of the simulated day at which it is `now`.
pub(crate) fn second(now: Duration) -> UnixSeconds {
    UnixSeconds(now.as_secs())
}

/// A token bucket that holds what one second brings.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    units: f64,
    at: Duration,
}

impl Bucket {
    pub(crate) fn per_second(per_second: f64) -> Self {
        Self { per_second, units: per_second, at: Duration::ZERO }
    }

    /// Takes `units` at `now`, if they are there.
    pub(crate) fn take(&mut self, units: f64, now: Duration) -> bool {
        let brought = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.units = (self.units + brought).min(self.per_second);
        self.at = now;
        let there = self.units >= units;
        if there {
            self.units -= units;
        }
        there
    }
}
