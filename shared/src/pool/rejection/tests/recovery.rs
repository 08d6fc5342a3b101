//! State after a long time, and ranges.

use super::*;
use crate::time::UnixSeconds;

/// The shortest and the longest of many retry delays.
fn delays(instance: &mut Instance) -> (Duration, Duration) {
    let delays: Vec<_> =
        (0..1_000).map(|_| instance.cache.retry_after(&mut instance.rng)).collect();
    let (least, most) = (delays.iter().min().copied(), delays.iter().max().copied());
    (least.unwrap_or_default(), most.unwrap_or_default())
}

/// A full shard of one slot.
const ONE_SLOT: PoolSnapshot =
    PoolSnapshot { in_use: 1, max_connections: 1, limit: 1, free: 0, draining: false };

#[test]
fn retry_delays_stay_within_their_bounds_without_any_grant() {
    let mut instance = Instance::of(1);
    // The slot was held for 200 s.
    let first = instance.lease();
    instance.cache.attempted(0, Duration::ZERO, first, true, ONE_SLOT);
    for n in 1..20 {
        let lease = instance.lease();
        instance.cache.attempted(0, SECOND * 10 * n, lease, false, ONE_SLOT);
    }
    let now = SECOND * 200;
    let second = instance.lease();
    instance.cache.attempted(0, now, second, true, ONE_SLOT);
    for _ in 0..3_000 {
        instance.caller(now);
        let pause = instance.cache.retry_after(&mut instance.rng);
        assert!(pause <= Tuning::default().max_retry_after * 7 / 4, "{pause:?}");
    }
    assert!(delays(&mut instance).0 >= Tuning::default().max_retry_after / 4);
}

#[test]
fn an_hour_after_throttling_every_acquire_is_admitted() {
    for throttles in [1, 9, 1_000] {
        let mut instance = Instance::of(1);
        for n in 0..throttles {
            instance.cache.throttled(SECOND + Tuning::default().throttle_window * n);
        }
        for minute in 60..90 {
            let now = SECOND * 60 * minute;
            let (step, probe) = instance.caller(now);
            assert_eq!(step, Step::Attempt(0), "minute {minute} after {throttles}");
            instance.granted(now, probe.lease, 30);
        }
    }
}

#[test]
fn the_admitted_share_doubles_with_each_recovery_time() {
    let Tuning { throttle_window, throttle_recovery, .. } = Tuning::default();
    let mut instance = Instance::of(1);
    for n in 0..5 {
        instance.cache.throttled(SECOND + throttle_window * n);
    }
    let throttled_at = SECOND + throttle_window * 4;
    for (reliefs, expected) in [(1, 62), (3, 250), (4, 500)] {
        let mut instance = Instance { cache: instance.cache.clone(), ..Instance::of(1) };
        let [asked, ..] = instance.thousand(throttled_at + throttle_recovery * reliefs);
        assert!(asked.abs_diff(expected) < expected / 3, "{asked} after {reliefs} reliefs");
    }
    // One that is throttled an hour later is the first of its kind.
    let later = SECOND * 3_600;
    instance.cache.throttled(later);
    let [asked, ..] = instance.thousand(later);
    assert!((400..600).contains(&asked), "{asked}");
}

#[test]
fn an_overload_ends_when_there_are_no_acquires_for_a_while() {
    let mut instance = Instance::of(17);
    for shard in 0..17 {
        let lease = instance.lease();
        instance.rejected(shard, SECOND, lease);
    }
    instance.thousand(SECOND);
    assert!(delays(&mut instance).1 > SECOND * 10);
    // An hour later all shards are tried again, and pauses are short.
    let now = SECOND * 3_600;
    let lease = instance.lease();
    let mut probe = instance.cache.begin(now, lease, &mut instance.rng);
    let mut peeked = Vec::new();
    while let Step::Peek(shard) = instance.cache.step(&mut probe, now, &mut instance.rng) {
        peeked.push(shard);
        let Instance { cache, rng } = &mut instance;
        cache.peeked(shard, now, snapshot(0), &BTreeMap::new(), &[lease], rng);
    }
    assert_eq!(peeked.len(), Tuning::default().peeks_per_slot as usize);
    let longest = delays(&mut instance).1;
    assert!(longest < SECOND * 2, "{longest:?}");
}

#[test]
fn the_rivals_of_an_overload_are_forgotten_with_it() {
    let mut instance = Instance::overloaded();
    let asked = |instance: &mut Instance, now, lose: bool| {
        let looks = (0..1_000).map(|_| {
            let lease = instance.lease();
            let may = instance.peeked(now, 1, &[lease]);
            if may == 1 && lose {
                instance.rejected(0, now, lease);
            }
            instance.cache.released(0, now, lease, LIMIT - 1);
            may
        });
        looks.sum::<usize>()
    };
    asked(&mut instance, SECOND, true);
    let rush = asked(&mut instance, SECOND, false);
    // In the next one an hour later it is as at first.
    let now = SECOND * 3_600;
    instance.thousand(now);
    instance.peeked(now, 0, &[]);
    let next = asked(&mut instance, now, false);
    let first = asked(&mut Instance::overloaded(), SECOND, false);
    assert!(rush < 100 && next > 150 && next.abs_diff(first) < 50, "{rush}, {next}, {first}");
}

#[test]
fn no_input_leads_out_of_range() {
    let moments = [Duration::ZERO, SECOND, SECOND * 100_000, Duration::MAX / 2, Duration::MAX];
    let limits = [0, 1, 60, u32::MAX];
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..40 {
        let mut instance = Instance::of(1 + round % 3);
        let mut pick = |from: &[Duration]| from[rng.random_range(0..from.len())];
        for step in 0..60_u32 {
            let now = pick(&moments);
            let lease = instance.lease();
            let limit = limits[step as usize % limits.len()];
            let free = limits[round as usize % limits.len()].min(limit);
            let leases = match step % 4 {
                0 => BTreeMap::new(),
                _ => BTreeMap::from([(lease, UnixSeconds(9))]),
            };
            let (in_use, draining) = (limit - free, false);
            let seen = PoolSnapshot { in_use, max_connections: limit, limit, free, draining };
            let Instance { cache, rng } = &mut instance;
            let mut probe = cache.begin(now, lease, rng);
            let number = match cache.step(&mut probe, now, rng) {
                Step::Attempt(number) | Step::Peek(number) => number,
                Step::Reject => 0,
            };
            match step % 5 {
                0 => cache.attempted(number, now, lease, true, seen),
                1 => cache.attempted(number, now, lease, false, seen),
                2 => cache.throttled(now),
                3 => cache.released(number, now, lease, free),
                _ => drop(cache.peeked(number, now, seen, &leases, &[lease], rng)),
            }
            for _ in 0..step * 10 {
                cache.begin(now, lease, rng);
            }
            let pause = cache.retry_after(rng);
            assert!(
                pause >= Tuning::MIN_RETRY_AFTER / 4
                    && pause <= Tuning::default().max_retry_after * 7 / 4,
                "{pause:?}"
            );
        }
    }
}
