//! The rules for granting and renewing leases: pure functions of the pool's state and the time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::warm::FillLevel;
use super::{Class, LeaseId, PoolSize};
use crate::time::{SKEW_ALLOWANCE, UnixSeconds};

/// The state of a pool, or of a shard of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Its slots, and how many of them each class may take.
    pub size: PoolSize,
    /// The leases that are held, each with its expiry.
    pub leases: BTreeMap<LeaseId, UnixSeconds>,
    /// Whether no lease is granted, until an operator resumes the pool.
    pub draining: bool,
    /// The number of shards of the pool.
    pub shards: NonZeroU32,
}

/// The decision about an acquire, given the state of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcquirePlan {
    /// A slot is free: add the lease.
    Add,
    /// The lease is held already: an earlier attempt of the same call was granted.
    Held {
        /// When that lease expires.
        expires_at: UnixSeconds,
    },
    /// All slots are taken, but these leases have expired: replace them, if each still has exactly the expiry
    /// that was read. The lease itself may be one of them.
    TakeOver {
        /// The expired leases, with the expiry that was read. Never empty.
        expired: BTreeMap<LeaseId, UnixSeconds>,
    },
    /// All slots are taken, and more leases must be removed than one write can replace: remove these, if each
    /// still has exactly the expiry that was read, and plan again.
    Sweep {
        /// [`Pool::MAX_TAKEOVER`] expired leases, with the expiry that was read.
        expired: BTreeMap<LeaseId, UnixSeconds>,
    },
    /// All slots are taken.
    Full,
    /// The pool drains: no slot is granted, to either class.
    Draining,
}

impl Pool {
    /// The most expired leases that one write replaces or removes: what fits easily into a DynamoDB expression
    /// of 4 KB
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
    pub const MAX_TAKEOVER: usize = 60;

    /// An empty pool.
    #[must_use]
    pub fn new(size: PoolSize) -> Self {
        let shards = NonZeroU32::MIN;
        Self { size, leases: BTreeMap::new(), draining: false, shards }
    }

    /// The pool that consists of these shards; `None` when there is none. It drains when one of them does, so
    /// that a drain that stopped half-way shows.
    #[must_use]
    pub fn whole(shards: impl IntoIterator<Item = Self>) -> Option<Self> {
        shards.into_iter().reduce(|mut whole, shard| {
            whole.size = whole.size.and(shard.size);
            whole.leases.extend(shard.leases);
            whole.draining |= shard.draining;
            whole
        })
    }

    /// The number of leases held, expired ones included.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        u32::try_from(self.leases.len()).unwrap_or(u32::MAX)
    }

    /// How full it is, for a holder that may keep its slot; `None` while it drains.
    #[must_use]
    pub fn fill_level(&self) -> Option<FillLevel> {
        let fill_level =
            FillLevel { in_use: self.in_use(), standard_limit: self.size.standard_slots() };
        (!self.draining).then_some(fill_level)
    }

    /// Whether a lease with this expiry has expired at `now` by every clock within [`SKEW_ALLOWANCE`].
    #[must_use]
    pub fn has_expired(expires_at: UnixSeconds, now: UnixSeconds) -> bool {
        now >= expires_at.plus(SKEW_ALLOWANCE)
    }

    /// The leases held that have expired at `now`.
    pub fn expired(&self, now: UnixSeconds) -> impl Iterator<Item = (LeaseId, UnixSeconds)> {
        self.leases
            .iter()
            .map(|(lease, expires_at)| (*lease, *expires_at))
            .filter(move |(_, expires_at)| Self::has_expired(*expires_at, now))
    }

    /// The anonymous lease that has been held longest.
    #[must_use]
    pub fn oldest_anonymous(&self) -> Option<(LeaseId, UnixSeconds)> {
        self.leases
            .iter()
            .filter(|(lease, _)| lease.is_anonymous())
            .map(|(lease, expires_at)| (*lease, *expires_at))
            .min_by_key(|(_, expires_at)| *expires_at)
    }

    /// Decides an acquire of `lease` by a caller of `class` at `now`.
    #[must_use]
    pub fn plan_acquire(&self, lease: LeaseId, class: Class, now: UnixSeconds) -> AcquirePlan {
        let known = self.leases.get(&lease).copied();
        // A repeated call gets its lease, also where no further one is granted.
        if let Some(expires_at) = known.filter(|&expiry| !Self::has_expired(expiry, now)) {
            return AcquirePlan::Held { expires_at };
        }
        if self.draining {
            return AcquirePlan::Draining;
        }
        let limit = self.size.limit(class) as usize;
        let own: BTreeMap<_, _> = known.map(|expiry| (lease, expiry)).into_iter().collect();
        if self.leases.len() - own.len() < limit {
            // If the caller's own lease has expired, only that one is replaced: the others may still be renewed.
            return if own.is_empty() {
                AcquirePlan::Add
            } else {
                AcquirePlan::TakeOver { expired: own }
            };
        }
        if self.leases.len() - self.expired(now).count() >= limit {
            return AcquirePlan::Full;
        }
        let others = self.expired(now).filter(|(other, _)| *other != lease);
        let expired: BTreeMap<_, _> =
            own.into_iter().chain(others).take(Self::MAX_TAKEOVER).collect();
        if self.leases.len() - expired.len() < limit {
            AcquirePlan::TakeOver { expired }
        } else {
            AcquirePlan::Sweep { expired: self.plan_sweep(now) }
        }
    }

    /// The expired leases that one write removes, each if it still has exactly the expiry that was read. Empty
    /// when none has expired.
    #[must_use]
    pub fn plan_sweep(&self, now: UnixSeconds) -> BTreeMap<LeaseId, UnixSeconds> {
        self.expired(now).take(Self::MAX_TAKEOVER).collect()
    }

    /// Whether a lease that expires at `current` may be renewed at `now`. One that has expired is treated as a
    /// new one: it is not renewed while the pool drains, or holds more leases than it has slots, expired ones
    /// included.
    #[must_use]
    pub fn may_renew(&self, current: UnixSeconds, now: UnixSeconds) -> bool {
        let fits = self.in_use() <= self.size.max_connections();
        !Self::has_expired(current, now) || (fits && !self.draining)
    }

    /// The expiry after a renewal until `asked` of a lease that expires at `current`. A delayed renewal does not
    /// shorten a later one.
    #[must_use]
    pub fn renewed(current: UnixSeconds, asked: UnixSeconds) -> UnixSeconds {
        current.max(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Seconds;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    fn lease(n: u32) -> LeaseId {
        format!("lease{n:03}").parse().expect("an id")
    }

    /// A pool of 3 slots, one of them for class priority, with leases of these expiries.
    fn pool(expiries: &[u64]) -> Pool {
        let size = PoolSize::divide(3, 0, 1).expect("a size");
        let numbered = (0..).map(lease).zip(expiries.iter().copied().map(UnixSeconds));
        Pool { leases: numbered.collect(), ..Pool::new(size) }
    }

    #[test]
    fn each_class_is_granted_slots_up_to_its_limit() {
        let plan = |pool: &Pool, class| pool.plan_acquire(lease(9), class, NOW);
        assert_eq!(plan(&pool(&[2_000]), Class::Standard), AcquirePlan::Add);
        assert_eq!(plan(&pool(&[2_000; 2]), Class::Standard), AcquirePlan::Full);
        assert_eq!(plan(&pool(&[2_000; 2]), Class::Priority), AcquirePlan::Add);
        assert_eq!(plan(&pool(&[2_000; 3]), Class::Priority), AcquirePlan::Full);
    }

    #[test]
    fn a_lease_expires_only_after_the_skew_allowance() {
        let at = |now| pool(&[1_000; 2]).plan_acquire(lease(9), Class::Standard, UnixSeconds(now));
        assert_eq!(at(1_001), AcquirePlan::Full);
        assert!(matches!(at(1_002), AcquirePlan::TakeOver { expired } if expired.len() == 2));
    }

    #[test]
    fn a_repeated_acquire_is_the_same_one() {
        let pool = pool(&[2_000, 2_000, 2_000]);
        let again = pool.plan_acquire(lease(0), Class::Standard, NOW);
        assert_eq!(again, AcquirePlan::Held { expires_at: UnixSeconds(2_000) });
    }

    #[test]
    fn a_lease_that_came_back_after_its_own_expiry_takes_itself_over() {
        let pool = pool(&[900, 900]);
        for class in [Class::Standard, Class::Priority] {
            let again = pool.plan_acquire(lease(0), class, NOW);
            let expired = BTreeMap::from([(lease(0), UnixSeconds(900))]);
            assert_eq!(again, AcquirePlan::TakeOver { expired });
        }
    }

    #[test]
    fn a_lease_that_came_back_after_its_own_expiry_is_held_to_the_limit() {
        let again = |expiries: &[u64], class| pool(expiries).plan_acquire(lease(0), class, NOW);
        // Two other leases are live, and the standard limit is 2.
        assert_eq!(again(&[900, 2_000, 2_000], Class::Standard), AcquirePlan::Full);
        assert!(matches!(
            again(&[900, 2_000, 2_000], Class::Priority),
            AcquirePlan::TakeOver { .. }
        ));
        // More leases than slots: the pool was larger.
        assert_eq!(again(&[900, 2_000, 2_000, 2_000], Class::Priority), AcquirePlan::Full);
        assert_eq!(again(&[900, 900, 900, 2_000, 2_000], Class::Standard), AcquirePlan::Full);
        // Replacing the other expired leases makes room.
        let expired = [0, 1, 2].map(|n| (lease(n), UnixSeconds(900))).into();
        let plan = again(&[900, 900, 900, 2_000], Class::Standard);
        assert_eq!(plan, AcquirePlan::TakeOver { expired });
        // A live lease is held, above any limit.
        let held = AcquirePlan::Held { expires_at: UnixSeconds(2_000) };
        assert_eq!(again(&[2_000; 5], Class::Standard), held);
    }

    #[test]
    fn more_expired_leases_than_a_write_replaces_are_swept_until_there_is_room() {
        for (out, asks) in [(62, lease(99)), (62, lease(61)), (130, lease(200)), (122, lease(0))] {
            let mut pool = pool(&vec![900; out]);
            let mut sweeps = 0;
            let expired = loop {
                match pool.plan_acquire(asks, Class::Standard, NOW) {
                    AcquirePlan::Sweep { expired } => {
                        assert_eq!(expired.len(), Pool::MAX_TAKEOVER);
                        pool.leases.retain(|lease, _| !expired.contains_key(lease));
                        sweeps += 1;
                    }
                    AcquirePlan::TakeOver { expired } => break expired,
                    other => panic!("{other:?} with {out} out"),
                }
            };
            assert_eq!(sweeps, (out - 2) / Pool::MAX_TAKEOVER);
            assert!(expired.len() <= Pool::MAX_TAKEOVER);
            assert!(pool.leases.len() - expired.len() < 2);
        }
    }

    #[test]
    fn nothing_is_swept_where_that_makes_no_room() {
        let mut crowded = pool(&[900; 70]);
        crowded.leases.extend((70..72).map(|n| (lease(n), UnixSeconds(2_000))));
        assert_eq!(crowded.plan_acquire(lease(99), Class::Standard, NOW), AcquirePlan::Full);
        let priority = crowded.plan_acquire(lease(99), Class::Priority, NOW);
        assert!(matches!(priority, AcquirePlan::Sweep { .. }), "{priority:?}");
    }

    #[test]
    fn replacing_expired_leases_must_bring_the_class_below_its_limit() {
        let pool = pool(&[900, 2_000, 2_000]);
        assert_eq!(pool.plan_acquire(lease(9), Class::Standard, NOW), AcquirePlan::Full);
    }

    #[test]
    fn a_draining_pool_grants_nothing_to_either_class() {
        let drained = |expiries: &[u64]| Pool { draining: true, ..pool(expiries) };
        for expiries in [&[][..], &[2_000], &[2_000; 3], &[900; 3]] {
            for class in [Class::Standard, Class::Priority] {
                let plan = drained(expiries).plan_acquire(lease(9), class, NOW);
                assert_eq!(plan, AcquirePlan::Draining, "{expiries:?}");
            }
        }
        let again = |expiry| drained(&[expiry]).plan_acquire(lease(0), Class::Standard, NOW);
        // An earlier attempt of the same call was granted.
        assert_eq!(again(2_000), AcquirePlan::Held { expires_at: UnixSeconds(2_000) });
        assert_eq!(again(900), AcquirePlan::Draining);
    }

    #[test]
    fn a_sweep_takes_what_has_expired_and_no_more_than_a_write_holds() {
        assert_eq!(pool(&[999, 2_000]).plan_sweep(NOW), BTreeMap::new());
        let expired = BTreeMap::from([(lease(0), UnixSeconds(998))]);
        assert_eq!(pool(&[998, 999, 2_000]).plan_sweep(NOW), expired);
        assert_eq!(pool(&[900; 100]).plan_sweep(NOW).len(), Pool::MAX_TAKEOVER);
    }

    #[test]
    fn a_renewal_only_lengthens() {
        let (sooner, later) = (UnixSeconds(10), UnixSeconds(20));
        assert_eq!(Pool::renewed(sooner, later), later);
        assert_eq!(Pool::renewed(later, sooner), later);
    }

    #[test]
    fn the_oldest_anonymous_lease_is_the_one_that_expires_first() {
        let mut pool = pool(&[500]);
        assert_eq!(pool.oldest_anonymous(), None);
        let anonymous = |id| LeaseId::from_stored(id).expect("an id");
        pool.leases.insert(anonymous("~aaaaaaa"), NOW.plus(Seconds(2)));
        pool.leases.insert(anonymous("~bbbbbbb"), NOW.plus(Seconds(1)));
        let oldest = pool.oldest_anonymous().map(|(lease, _)| lease);
        assert_eq!(oldest, Some(anonymous("~bbbbbbb")));
    }
}
