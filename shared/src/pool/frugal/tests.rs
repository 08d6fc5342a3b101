//! What the rule does for one caller after another. What comes of it for a fleet is simulated: see the
//! crate `sim`.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::time::UnixSeconds;

mod recovery;

const LIMIT: u32 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// One instance, and its dice.
struct Instance {
    frugal: Frugal,
    dice: StdRng,
}

impl Instance {
    fn of(shards: usize) -> Self {
        let shards = NonZeroUsize::new(shards).expect("not 0");
        Self { frugal: Frugal::new(shards, Tuning::default()), dice: StdRng::seed_from_u64(1) }
    }

    /// One that sees a rush, and knows that the pool is full.
    fn in_a_rush() -> Self {
        let mut instance = Self::of(1);
        instance.thousand(Duration::ZERO);
        let lease = instance.lease();
        instance.refused(0, SECOND, lease);
        instance
    }

    fn lease(&mut self) -> LeaseId {
        LeaseId::random(&mut self.dice)
    }

    /// The first step of a new caller, and its way.
    fn caller(&mut self, now: Duration) -> (Step, Tour) {
        let lease = self.lease();
        let mut tour = self.frugal.arrives(now, lease, &mut self.dice);
        (self.frugal.step(&mut tour, now, &mut self.dice), tour)
    }

    fn looked(&mut self, now: Duration, free: u32, waiting: &[LeaseId]) -> usize {
        seen(free, &BTreeMap::new(), |seen| {
            self.frugal.looked(0, now, seen, waiting, &mut self.dice)
        })
    }

    fn granted(&mut self, now: Duration, lease: LeaseId, free: u32) {
        seen(free, &BTreeMap::new(), |seen| self.frugal.granted(0, now, lease, seen));
    }

    fn refused(&mut self, shard: usize, now: Duration, lease: LeaseId) {
        seen(0, &BTreeMap::new(), |seen| self.frugal.refused(shard, now, lease, seen));
    }

    /// The steps of a thousand callers that all come at `now`.
    fn thousand(&mut self, now: Duration) -> [usize; 3] {
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            counts[match self.caller(now).0 {
                Step::Ask(_) => 0,
                Step::Look(_) => 1,
                Step::Refuse => 2,
            }] += 1;
        }
        counts
    }
}

fn seen<R>(
    free: u32,
    leases: &BTreeMap<LeaseId, UnixSeconds>,
    told: impl FnOnce(&Sighting<'_>) -> R,
) -> R {
    told(&Sighting { free, limit: LIMIT, leases })
}

#[test]
fn a_quiet_pool_is_asked_directly() {
    let mut instance = Instance::of(1);
    for n in 0..100 {
        let now = SECOND * n;
        let (step, tour) = instance.caller(now);
        assert_eq!(step, Step::Ask(0));
        instance.granted(now, tour.lease(), 1);
    }
}

#[test]
fn a_full_pool_is_asked_by_nobody_and_looked_at_by_few() {
    let mut instance = Instance::of(1);
    let (_, tour) = instance.caller(SECOND);
    instance.refused(0, SECOND, tour.lease());
    let [asked, looked, refused] = instance.thousand(SECOND);
    assert_eq!(asked, 0);
    assert!((1..100).contains(&looked), "{looked} looked, {refused} were refused");
}

#[test]
fn the_grant_of_the_last_slot_tells_that_the_pool_is_full() {
    let mut instance = Instance::of(1);
    let (_, tour) = instance.caller(SECOND);
    instance.granted(SECOND, tour.lease(), 0);
    assert_eq!(instance.thousand(SECOND)[0], 0);
}

#[test]
fn a_memory_fades_so_that_everybody_looks_in_the_end() {
    let mut instance = Instance::of(1);
    let (_, tour) = instance.caller(SECOND);
    instance.refused(0, SECOND, tour.lease());
    let later = SECOND + Tuning::default().memory;
    assert_eq!(instance.thousand(later), [0, 1_000, 0]);
}

#[test]
fn after_a_rush_callers_look_for_a_while_and_then_ask() {
    let mut instance = Instance::of(1);
    let (_, tour) = instance.caller(SECOND);
    instance.refused(0, SECOND, tour.lease());
    let Tuning { calm, .. } = Tuning::default();
    instance.looked(SECOND * 2, 30, &[]);
    assert!(matches!(instance.caller(SECOND * 2).0, Step::Look(0)));
    instance.looked(SECOND + calm, 30, &[]);
    assert_eq!(instance.caller(SECOND + calm).0, Step::Ask(0));
}

#[test]
fn no_more_may_ask_than_there_are_free_slots() {
    let mut instance = Instance::of(1);
    let waiting: Vec<_> = (0..300).map(|_| instance.lease()).collect();
    assert_eq!(instance.looked(SECOND, 7, &waiting), 7);
    // Those seven are on their way, and the replica does not know of them yet.
    assert_eq!(instance.looked(SECOND, 7, &waiting), 0);
    let settled = SECOND + Tuning::default().late;
    assert_eq!(instance.looked(settled, 7, &waiting), 7);
}

#[test]
fn who_loses_races_asks_less_often() {
    let mut instance = Instance::in_a_rush();
    let mut may = |lost: bool, now: Duration| {
        let lease = instance.lease();
        let may = instance.looked(now, 1, &[lease]);
        if may == 1 && lost {
            instance.refused(0, now, lease);
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
fn the_rivals_of_a_rush_keep_nobody_from_a_pool_that_has_room_again() {
    let mut instance = Instance::in_a_rush();
    for _ in 0..1_000 {
        let lease = instance.lease();
        if instance.looked(SECOND, 1, &[lease]) == 1 {
            instance.refused(0, SECOND, lease);
        }
    }
    let mut asked = |free| {
        let looks = (0..1_000).map(|_| {
            let lease = instance.lease();
            let may = instance.looked(SECOND, free, &[lease]);
            instance.frugal.released(0, SECOND, lease, LIMIT - free);
            may
        });
        looks.sum::<usize>()
    };
    assert!(asked(3) < 200);
    for free in [LIMIT / 4, LIMIT] {
        assert_eq!(asked(free), 1_000);
    }
}

#[test]
fn a_table_that_throttles_is_spared_until_it_recovers() {
    let mut instance = Instance::of(1);
    for n in 0..5 {
        instance.frugal.throttled(SECOND + Tuning::default().once * n);
    }
    let [asked, ..] = instance.thousand(SECOND);
    assert!((10..60).contains(&asked), "{asked} of 1,000, and not 1,000 / 2^5");
    for _ in 0..100 {
        let lease = instance.lease();
        instance.granted(SECOND, lease, 30);
    }
    assert_eq!(instance.thousand(SECOND)[0], 1_000);
}

#[test]
fn a_caller_finds_the_shard_that_has_room() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        if shard != 5 {
            instance.refused(shard, SECOND, lease);
        }
    }
    assert_eq!(instance.caller(SECOND).0, Step::Ask(5));
}

#[test]
fn a_caller_who_finds_a_shard_full_looks_at_the_next_before_it_asks() {
    let mut instance = Instance::of(17);
    let (step, mut tour) = instance.caller(SECOND);
    let Step::Ask(shard) = step else { panic!("{step:?}") };
    instance.refused(shard, SECOND, tour.lease());
    let next = instance.frugal.step(&mut tour, SECOND, &mut instance.dice);
    assert_eq!(next, Step::Look((shard + 1) % 17));
}

#[test]
fn in_a_rush_a_caller_tries_one_shard() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        instance.refused(shard, SECOND, lease);
    }
    instance.thousand(SECOND);
    for _ in 0..1_000 {
        let (step, mut tour) = instance.caller(SECOND);
        if let Step::Look(_) = step {
            assert_eq!(instance.frugal.step(&mut tour, SECOND, &mut instance.dice), Step::Refuse);
        }
    }
}

#[test]
fn refused_callers_are_spread_and_wait_longer_in_a_longer_queue() {
    let mut instance = Instance::of(1);
    let mean = |instance: &mut Instance| {
        let pauses: Vec<_> =
            (0..1_000).map(|_| instance.frugal.retry_after(&mut instance.dice)).collect();
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
