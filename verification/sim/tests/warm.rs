//! Invariants of kept slots, and their effect.

use std::time::Duration;

use rds_admission::pool::warm::Warm;
use rds_admission::time::Seconds;
use sim::scenario::{Arrivals, Hold, Query, Routing, Scenario, Via};
use sim::{Outcome, run, sections};

/// The runs of a section.
fn rows(name: &str) -> Vec<Scenario> {
    let section = sections::all().into_iter().find(|section| section.name == name);
    section.expect("there is one of that name").rows
}

/// The run of that name.
fn row(section: &str, name: &str) -> Scenario {
    let scenario = rows(section).into_iter().find(|scenario| scenario.name == name);
    scenario.expect("there is one of that name")
}

/// Three minutes of 50 callers, some of which crash and all of which wait a little, with slots kept for `keep`
/// seconds: the load is between the capacities of 10 and 130 slots.
fn busy(slots: u32, via: Via, keep: u32, routing: Routing) -> Scenario {
    let warm = Warm::new(Seconds(keep), Warm::BELOW).ok();
    Scenario {
        slots,
        via,
        query: Some(Query { routing, warm }),
        arrivals: Arrivals::Closed(50, Duration::from_secs(1)),
        hold: Hold::Around(Duration::from_millis(200)),
        crashes: 0.001,
        lease: Duration::from_secs(15),
        wait: Duration::from_secs(1),
        warm_up: Duration::from_secs(10),
        length: Duration::from_secs(180),
        ..Scenario::default()
    }
}

/// Nothing that is promised is broken.
fn holds(scenario: &Scenario, outcome: &Outcome) {
    let Scenario { slots, name, query, .. } = scenario;
    let name = format!("{name} {slots} {query:?}: {outcome:#?}");
    assert!(outcome.most_out <= *slots, "{name}");
    assert!(outcome.most_connections <= *slots, "{name}");
    assert_eq!((outcome.bereft, outcome.lost), (0, 0), "{name}");
    if let Some(warm) = query.and_then(|query| query.warm) {
        assert!(outcome.most_kept < warm.below().of(1), "{name}");
    }
    assert!(outcome.admitted > 0, "{name}");
}

#[test]
fn there_is_no_connection_without_a_slot_and_never_are_too_many_kept() {
    let (mut kept, mut taken_over) = (0.0, 0);
    for via in [Via::Counter(1_000, Routing::Recent), Via::Containers(Routing::Recent)] {
        for routing in [Routing::Recent, Routing::Any(40)] {
            for (slots, keep) in [(1, 10), (10, 1), (10, 60), (130, 10)] {
                let scenario = busy(slots, via, keep, routing);
                let outcome = run(&scenario);
                holds(&scenario, &outcome);
                kept += outcome.most_kept;
                taken_over += outcome.taken_over;
                assert!(slots > 1 || outcome.most_kept == 0.0, "{outcome:#?}");
                assert!(slots == 1 || outcome.renewals > 0, "{outcome:#?}");
            }
        }
    }
    assert!(kept > 2.0 && taken_over > 50, "{kept} {taken_over}");
}

#[test]
fn a_surge_and_rare_requests_break_nothing() {
    let surges = rows("warm-surge").into_iter().filter(|scenario| scenario.slots == 60);
    for scenario in surges.chain(rows("warm-sparse")) {
        holds(&scenario, &run(&scenario));
    }
}

#[test]
fn the_same_seed_has_the_same_outcome_and_another_has_not() {
    let scenario = busy(10, Via::Counter(1_000, Routing::Recent), 10, Routing::Any(40));
    assert_eq!(run(&scenario), run(&scenario));
    assert_ne!(run(&scenario), run(&Scenario { seed: 2, ..scenario }));
}

#[test]
fn a_steady_light_flow_needs_a_twentieth_of_connections_and_requests() {
    let rows = rows("warm-steady");
    for modes in rows.chunks(3).filter(|modes| modes[0].slots == 60) {
        let strict = run(&modes[0]);
        assert!(strict.kept == 0.0 && strict.renewals == 0, "{strict:#?}");
        for scenario in &modes[1..] {
            let warm = run(scenario);
            let saves = |of: fn(&Outcome) -> f64| {
                let times = strict.of_a_thousand(of(&strict)) / warm.of_a_thousand(of(&warm));
                assert!(times >= 20.0, "{times} {}", scenario.name);
            };
            #[expect(clippy::cast_precision_loss, reason = "no run counts to 2^52")]
            saves(|outcome| outcome.connects as f64);
            #[expect(clippy::cast_precision_loss, reason = "no run counts to 2^52")]
            saves(|outcome| outcome.requests as f64);
            saves(|outcome| outcome.write_units);
            assert_eq!((warm.rejected, strict.rejected), (0, 0));
            assert!(warm.beside_the_work.p50 * 5 < strict.beside_the_work.p50, "{warm:#?}");
        }
    }
}

/// The outcomes of a surge in the small pool, one per seed.
fn surges(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = row("warm-surge", name);
    (1..=seeds).map(|seed| run(&Scenario { seed, ..scenario.clone() })).collect()
}

#[test]
fn what_is_kept_when_a_surge_comes_is_missed_for_half_a_minute_and_is_not_much() {
    let (strict, warm) = ("60 slots, strict, 10 to 20 s", "60 slots, W = 10 s, 10 to 20 s");
    for (strict, warm) in surges(strict, 4).iter().zip(surges(warm, 4)) {
        assert!(warm.kept > 1.0 && warm.kept < 12.0, "{warm:#?}");
        assert!(warm.goodput > strict.goodput * 0.8, "{warm:#?} {strict:#?}");
    }
    let (strict, warm) = ("60 slots, strict, 30 to 60 s", "60 slots, W = 10 s, 30 to 60 s");
    for (strict, warm) in surges(strict, 4).iter().zip(surges(warm, 4)) {
        assert!(warm.kept < 0.5, "{warm:#?}");
        assert!(warm.goodput > strict.goodput * 0.95, "{warm:#?} {strict:#?}");
    }
}

#[test]
fn an_instance_keeps_nothing_after_its_first_request() {
    let often = Scenario {
        arrivals: Arrivals::Open(0.5),
        warm_up: Duration::ZERO,
        length: Duration::from_secs(60),
        ..busy(60, Via::Counter(1_000, Routing::Recent), 10, Routing::Recent)
    };
    let query = Query { routing: Routing::Any(10_000), ..often.query.expect("there is one") };
    let once = run(&Scenario { query: Some(query), ..often.clone() });
    assert!(once.admitted > 20, "{once:#?}");
    assert!(once.most_kept == 0.0 && once.connects == once.admitted, "{once:#?}");
    let often = run(&often);
    assert!(often.most_kept > 0.0 && often.connects * 2 < often.admitted, "{often:#?}");
}

#[test]
fn callers_that_need_no_more_than_the_rest_are_not_refused() {
    for scenario in rows("warm-sparse") {
        let outcome = run(&scenario);
        if scenario.hold.mean() < Duration::from_secs(1) {
            assert_eq!(outcome.rejected, 0, "{}", scenario.name);
        }
    }
}
