//! The rule for one acquire after another. The crate `sim` simulates a fleet.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

mod recovery;

const LIMIT: u32 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// One instance and its random generator.
struct Instance {
    cache: RejectionCache,
    rng: StdRng,
}

impl Instance {
    fn of(shards: u32) -> Self {
        let shards = NonZeroU32::new(shards).expect("not 0");
        let cache = RejectionCache::new(shards, Tuning::default());
        Self { cache, rng: StdRng::seed_from_u64(1) }
    }

    /// An overloaded instance that knows that the pool is full.
    fn overloaded() -> Self {
        let mut instance = Self::of(1);
        instance.thousand(Duration::ZERO);
        let lease = instance.lease();
        instance.rejected(0, SECOND, lease);
        instance
    }

    fn lease(&mut self) -> LeaseId {
        LeaseId::random(&mut self.rng)
    }

    /// The first step of a new acquire.
    fn caller(&mut self, now: Duration) -> (Step, ShardProbe) {
        let lease = self.lease();
        let mut probe = self.cache.begin(now, lease, &mut self.rng);
        (self.cache.step(&mut probe, now, &mut self.rng), probe)
    }

    fn peeked(&mut self, now: Duration, free: u32, waiting: &[LeaseId]) -> usize {
        self.cache.peeked(0, now, snapshot(free), &BTreeMap::new(), waiting, &mut self.rng)
    }

    fn granted(&mut self, now: Duration, lease: LeaseId, free: u32) {
        self.cache.attempted(0, now, lease, true, snapshot(free));
    }

    fn rejected(&mut self, shard: usize, now: Duration, lease: LeaseId) {
        self.cache.attempted(shard, now, lease, false, snapshot(0));
    }

    /// The first steps of 1,000 acquires at `now`: attempts, peeks, rejections.
    fn thousand(&mut self, now: Duration) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            counts[match self.caller(now).0 {
                Step::Attempt(_) => 0,
                Step::Peek(_) => 1,
                Step::Reject => 2,
            }] += 1;
        }
        counts
    }
}

fn snapshot(free: u32) -> PoolSnapshot {
    let (limit, max_connections) = (LIMIT, LIMIT);
    PoolSnapshot { in_use: LIMIT - free, max_connections, limit, free, draining: false }
}

#[test]
fn an_uncontended_pool_is_attempted_at_once() {
    let mut instance = Instance::of(1);
    for n in 0..100 {
        let now = SECOND * n;
        let (step, probe) = instance.caller(now);
        assert_eq!(step, Step::Attempt(0));
        instance.granted(now, probe.lease, 1);
    }
}

#[test]
fn a_full_pool_is_never_attempted_and_rarely_peeked() {
    let mut instance = Instance::of(1);
    let (_, probe) = instance.caller(SECOND);
    instance.rejected(0, SECOND, probe.lease);
    let [asked, looked, refused] = instance.thousand(SECOND);
    assert_eq!(asked, 0);
    assert!((1..100).contains(&looked), "{looked} looked, {refused} were refused");
}

#[test]
fn the_grant_of_the_last_slot_marks_the_pool_full() {
    let mut instance = Instance::of(1);
    let (_, probe) = instance.caller(SECOND);
    instance.granted(SECOND, probe.lease, 0);
    assert_eq!(instance.thousand(SECOND)[0], 0);
}

#[test]
fn after_the_cooldown_every_acquire_peeks_at_a_full_pool() {
    let mut instance = Instance::of(1);
    let (_, probe) = instance.caller(SECOND);
    instance.rejected(0, SECOND, probe.lease);
    let later = SECOND + Tuning::default().cooldown;
    assert_eq!(instance.thousand(later), [0, 1_000, 0]);
}

#[test]
fn after_an_overload_acquires_peek_until_the_cooldown_has_passed() {
    let mut instance = Instance::of(1);
    let (_, probe) = instance.caller(SECOND);
    instance.rejected(0, SECOND, probe.lease);
    let Tuning { cooldown, .. } = Tuning::default();
    instance.peeked(SECOND * 2, 30, &[]);
    assert!(matches!(instance.caller(SECOND * 2).0, Step::Peek(0)));
    instance.peeked(SECOND + cooldown, 30, &[]);
    assert_eq!(instance.caller(SECOND + cooldown).0, Step::Attempt(0));
}

#[test]
fn no_more_attempts_than_free_slots() {
    let mut instance = Instance::of(1);
    let waiting: Vec<_> = (0..300).map(|_| instance.lease()).collect();
    assert_eq!(instance.peeked(SECOND, 7, &waiting), 7);
    // Those seven are on their way, and the replica does not know of them yet.
    assert_eq!(instance.peeked(SECOND, 7, &waiting), 0);
    let settled = SECOND + Tuning::default().replication_lag;
    assert_eq!(instance.peeked(settled, 7, &waiting), 7);
}

#[test]
fn lost_races_make_attempts_rarer_and_wins_more_frequent() {
    let mut instance = Instance::overloaded();
    let mut may = |lost: bool, now: Duration| {
        let lease = instance.lease();
        let may = instance.peeked(now, 1, &[lease]);
        if may == 1 && lost {
            instance.rejected(0, now, lease);
        } else if may == 1 {
            instance.granted(now, lease, 0);
        }
        may
    };
    let mut asked = |lost, from: u32| (from..from + 1_000).map(|n| may(lost, SECOND * n)).sum();
    let losing: usize = asked(true, 2);
    let winning: usize = asked(false, 1_002);
    assert!(losing < 100 && winning > 200, "{losing} of 1,000 while losing, {winning} after");
}

#[test]
fn estimated_rivals_fade_once_the_pool_has_room() {
    let mut instance = Instance::overloaded();
    for _ in 0..1_000 {
        let lease = instance.lease();
        if instance.peeked(SECOND, 1, &[lease]) == 1 {
            instance.rejected(0, SECOND, lease);
        }
    }
    let attempts = |free: u32, wins: bool| {
        let mut instance = Instance { cache: instance.cache.clone(), ..Instance::of(1) };
        let peeks = (0..1_000).map(|_| {
            let lease = instance.lease();
            let attempts = instance.peeked(SECOND, free, &[lease]);
            if wins && attempts == 1 {
                instance.granted(SECOND, lease, free - 1);
            }
            instance.cache.released(0, SECOND, lease, LIMIT - free);
            attempts
        });
        peeks.sum::<usize>()
    };
    assert!(attempts(3, false) < 200);
    // Nearly all attempts at once in an empty pool, and within a few wins in one with a quarter free.
    assert!(attempts(LIMIT, false) > 900);
    assert!(attempts(LIMIT, true) > 990);
    assert!(attempts(LIMIT / 4, true) > 950);
}

#[test]
fn a_throttling_table_gets_fewer_requests_until_it_recovers() {
    let mut instance = Instance::of(1);
    for n in 0..5 {
        instance.cache.throttled(SECOND + Tuning::default().throttle_window * n);
    }
    let [asked, ..] = instance.thousand(SECOND);
    assert!((10..60).contains(&asked), "{asked} of 1,000, and not 1,000 / 2^5");
    let recovered = SECOND * 2 + Tuning::default().throttle_recovery * 5;
    assert_eq!(instance.thousand(recovered)[0], 1_000);
}

#[test]
fn an_acquire_finds_the_shard_with_room() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        if shard != 5 {
            instance.rejected(shard, SECOND, lease);
        }
    }
    assert_eq!(instance.caller(SECOND).0, Step::Attempt(5));
}

#[test]
fn after_a_full_shard_an_acquire_peeks_at_the_next() {
    let mut instance = Instance::of(17);
    let (step, mut probe) = instance.caller(SECOND);
    let Step::Attempt(shard) = step else { panic!("{step:?}") };
    instance.rejected(shard, SECOND, probe.lease);
    let next = instance.cache.step(&mut probe, SECOND, &mut instance.rng);
    assert_eq!(next, Step::Peek((shard + 1) % 17));
}

#[test]
fn under_overload_an_acquire_tries_one_shard() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        instance.rejected(shard, SECOND, lease);
    }
    instance.thousand(SECOND);
    for _ in 0..1_000 {
        let (step, mut probe) = instance.caller(SECOND);
        if let Step::Peek(_) = step {
            assert_eq!(instance.cache.step(&mut probe, SECOND, &mut instance.rng), Step::Reject);
        }
    }
}

#[test]
fn retry_delays_are_spread_and_grow_with_contention() {
    let mut instance = Instance::of(1);
    let mean = |instance: &mut Instance| {
        let pauses: Vec<_> =
            (0..1_000).map(|_| instance.cache.retry_after(&mut instance.rng)).collect();
        let (least, most) = (pauses.iter().min().copied(), pauses.iter().max().copied());
        let (least, most) = (least.unwrap_or_default(), most.unwrap_or_default());
        assert!(most > least * 4, "{least:?} to {most:?}");
        pauses.iter().sum::<Duration>() / 1_000
    };
    let quiet = mean(&mut instance);
    instance.thousand(SECOND);
    let rush = mean(&mut instance);
    assert!(quiet < SECOND * 2 && rush > SECOND * 10, "{quiet:?}, {rush:?}");
}
