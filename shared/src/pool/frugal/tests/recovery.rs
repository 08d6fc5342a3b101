//! What the rule remembers after a long time, and that nothing leaves its range.

use super::*;

/// The pauses that many refused callers are asked for: the shortest and the longest.
fn pauses(instance: &mut Instance) -> (Duration, Duration) {
    let pauses: Vec<_> =
        (0..1_000).map(|_| instance.frugal.retry_after(&mut instance.dice)).collect();
    let (least, most) = (pauses.iter().min().copied(), pauses.iter().max().copied());
    (least.unwrap_or_default(), most.unwrap_or_default())
}

/// The leases of a shard of one slot, which this lease holds.
fn held_by(lease: LeaseId) -> BTreeMap<LeaseId, UnixSeconds> {
    BTreeMap::from([(lease, UnixSeconds(9))])
}

/// Such a shard.
fn one_slot(leases: &BTreeMap<LeaseId, UnixSeconds>) -> Sighting<'_> {
    Sighting { free: 0, limit: 1, leases }
}

#[test]
fn thousands_of_callers_without_a_grant_are_asked_for_a_pause_within_its_bounds() {
    let mut instance = Instance::of(1);
    let (first, second) = (instance.lease(), instance.lease());
    // The slot was held for 200 s, and was seen all the time.
    instance.frugal.granted(0, Duration::ZERO, first, &one_slot(&held_by(first)));
    for n in 1..20 {
        let asking = instance.lease();
        instance.frugal.refused(0, SECOND * 10 * n, asking, &one_slot(&held_by(first)));
    }
    let now = SECOND * 200;
    instance.frugal.granted(0, now, second, &one_slot(&held_by(second)));
    for _ in 0..3_000 {
        instance.caller(now);
        let pause = instance.frugal.retry_after(&mut instance.dice);
        assert!(pause <= Tuning::PAUSES.1 * 7 / 4, "{pause:?}");
    }
    assert!(pauses(&mut instance).0 >= Tuning::PAUSES.1 / 4);
}

#[test]
fn an_hour_in_which_nothing_was_seen_says_nothing_of_how_long_slots_are_held() {
    for between in [SECOND * 20, SECOND * 3_600] {
        let mut instance = Instance::of(1);
        let (first, second) = (instance.lease(), instance.lease());
        instance.frugal.granted(0, SECOND, first, &one_slot(&held_by(first)));
        instance.frugal.granted(0, SECOND + between, second, &one_slot(&held_by(second)));
        let longest = pauses(&mut instance).1;
        assert!(longest < SECOND * 2, "{longest:?} after {between:?}");
    }
}

#[test]
fn after_an_hour_everybody_is_let_through_whoever_comes() {
    for throttles in [1, 9, 1_000] {
        let mut instance = Instance::of(1);
        for n in 0..throttles {
            instance.frugal.throttled(SECOND + Tuning::default().once * n);
        }
        for minute in 60..90 {
            let now = SECOND * 60 * minute;
            let (step, tour) = instance.caller(now);
            assert_eq!(step, Step::Ask(0), "minute {minute} after {throttles}");
            instance.granted(now, tour.lease(), 30);
        }
    }
}

#[test]
fn the_share_of_a_table_that_throttled_doubles_with_every_relief_that_has_passed() {
    let Tuning { once, relief, .. } = Tuning::default();
    let mut instance = Instance::of(1);
    for n in 0..5 {
        instance.frugal.throttled(SECOND + once * n);
    }
    let throttled_at = SECOND + once * 4;
    for (reliefs, expected) in [(1, 62), (3, 250), (4, 500)] {
        let mut instance = Instance { frugal: instance.frugal.clone(), ..Instance::of(1) };
        let [asked, ..] = instance.thousand(throttled_at + relief * reliefs);
        assert!(asked.abs_diff(expected) < expected / 3, "{asked} after {reliefs} reliefs");
    }
    // One that is throttled an hour later is the first of its kind.
    let later = SECOND * 3_600;
    instance.frugal.throttled(later);
    let [asked, ..] = instance.thousand(later);
    assert!((400..600).contains(&asked), "{asked}");
}

#[test]
fn a_rush_is_over_when_nobody_has_come_for_a_while() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        instance.refused(shard, SECOND, lease);
    }
    instance.thousand(SECOND);
    assert!(pauses(&mut instance).1 > SECOND * 10);
    // An hour later all shards are tried again, and pauses are short.
    let now = SECOND * 3_600;
    let lease = instance.lease();
    let mut tour = instance.frugal.arrives(now, lease, &mut instance.dice);
    let mut looked = Vec::new();
    while let Step::Look(shard) = instance.frugal.step(&mut tour, now, &mut instance.dice) {
        looked.push(shard);
        seen(0, &BTreeMap::new(), |seen| {
            instance.frugal.looked(shard, now, seen, &[lease], &mut instance.dice)
        });
    }
    assert_eq!(looked.len(), Tuning::default().tries);
    let longest = pauses(&mut instance).1;
    assert!(longest < SECOND * 2, "{longest:?}");
}

#[test]
fn the_rivals_of_a_rush_are_forgotten_with_it() {
    let mut instance = Instance::in_a_rush();
    let asked = |instance: &mut Instance, now, lose: bool| {
        let looks = (0..1_000).map(|_| {
            let lease = instance.lease();
            let may = instance.looked(now, 1, &[lease]);
            if may == 1 && lose {
                instance.refused(0, now, lease);
            }
            instance.frugal.released(0, now, lease, LIMIT - 1);
            may
        });
        looks.sum::<usize>()
    };
    asked(&mut instance, SECOND, true);
    let rush = asked(&mut instance, SECOND, false);
    // In the next one an hour later it is as at first.
    let now = SECOND * 3_600;
    instance.thousand(now);
    instance.looked(now, 0, &[]);
    let next = asked(&mut instance, now, false);
    let first = asked(&mut Instance::in_a_rush(), SECOND, false);
    assert!(rush < 100 && next > 150 && next.abs_diff(first) < 50, "{rush}, {next}, {first}");
}

#[test]
fn whatever_is_seen_and_whenever_nothing_is_out_of_range() {
    let moments = [Duration::ZERO, SECOND, SECOND * 100_000, Duration::MAX / 2, Duration::MAX];
    let limits = [0, 1, 60, u32::MAX];
    let mut dice = StdRng::seed_from_u64(7);
    for round in 0..40 {
        let mut instance = Instance::of(1 + round % 3);
        let mut pick = |from: &[Duration]| from[dice.random_range(0..from.len())];
        for step in 0..60_u32 {
            let now = pick(&moments);
            let lease = instance.lease();
            let limit = limits[step as usize % limits.len()];
            let free = limits[round % limits.len()].min(limit);
            let leases = if step % 4 == 0 { BTreeMap::new() } else { held_by(lease) };
            let seen = Sighting { free, limit, leases: &leases };
            let Instance { frugal, dice } = &mut instance;
            let mut tour = frugal.arrives(now, lease, dice);
            let number = match frugal.step(&mut tour, now, dice) {
                Step::Ask(number) | Step::Look(number) => number,
                Step::Refuse => 0,
            };
            match step % 5 {
                0 => frugal.granted(number, now, lease, &seen),
                1 => frugal.refused(number, now, lease, &seen),
                2 => frugal.throttled(now),
                3 => frugal.released(number, now, lease, free),
                _ => drop(frugal.looked(number, now, &seen, &[lease], dice)),
            }
            for _ in 0..step * 10 {
                frugal.arrives(now, lease, dice);
            }
            let pause = frugal.retry_after(dice);
            assert!(
                pause >= Tuning::PAUSES.0 / 4 && pause <= Tuning::PAUSES.1 * 7 / 4,
                "{pause:?}"
            );
        }
    }
}
