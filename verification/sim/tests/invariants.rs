//! What holds in every run, and in the reference.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sim::scenario::{Algorithm, Arrivals, Routing, Scenario, Via};
use sim::{Outcome, run, sections};
use support::document;

/// Ten seconds of a pool at ten times its load.
fn short(slots: u32, via: Via, algorithm: Algorithm) -> Scenario {
    let scenario = Scenario { slots, via, algorithm, ..Scenario::default() }.at(10.0);
    Scenario { warm_up: Duration::from_secs(1), length: Duration::from_secs(11), ..scenario }
}

const DECIDERS: [Via; 4] = [
    Via::Processes(1),
    Via::Counter(50, Routing::Recent),
    Via::Counter(1_000, Routing::Any(300)),
    Via::Containers(Routing::Recent),
];

#[test]
fn no_slot_too_many_is_ever_out_and_all_come_back() {
    for algorithm in [Algorithm::BareCount, Algorithm::Plain, Algorithm::Cached] {
        for via in DECIDERS {
            for slots in [1, 60, 130] {
                let outcome = run(&short(slots, via, algorithm));
                let Outcome { most_out, lost, admitted, .. } = outcome;
                assert_eq!((most_out, lost), (slots, 0), "{algorithm} {via:?} {slots}");
                assert!(admitted > 0, "{algorithm} {via:?} {slots}");
            }
        }
    }
}

#[test]
fn the_same_seed_has_the_same_outcome_and_another_has_not() {
    let scenario = short(130, Via::Counter(1_000, Routing::Any(300)), Algorithm::Cached);
    assert_eq!(run(&scenario), run(&scenario));
    assert_ne!(run(&scenario), run(&Scenario { seed: 2, ..scenario }));
}

#[test]
fn in_the_reference_rejections_are_cheap_slots_are_in_use_and_releases_are_not_delayed() {
    let rush = run(&Scenario::default());
    assert!(rush.rejected >= 10_000, "{rush:#?}");
    assert!(rush.units_per_rejection() <= 0.6, "{rush:#?}");
    assert!(rush.utilisation >= 0.95, "{rush:#?}");
    let quiet = run(&Scenario::default().at(0.1));
    assert!(rush.release.p99 < quiet.release.p99 * 2, "{rush:#?} {quiet:#?}");
}

#[test]
fn a_rule_that_asks_each_time_pays_for_it() {
    let plain = run(&Scenario { algorithm: Algorithm::Plain, ..Scenario::default() });
    assert!(plain.units_per_rejection() > 4.9 && plain.utilisation >= 0.95, "{plain:#?}");
}

#[test]
fn a_quiet_pool_costs_two_writes_a_caller_and_nothing_else() {
    let quiet = run(&Scenario::default().at(0.5));
    assert_eq!((quiet.peeks, quiet.failed_writes, quiet.rejected), (0, 0, 0));
    let writes_a_caller = quiet.writes / quiet.goodput;
    assert!((1.98..2.02).contains(&writes_a_caller), "{writes_a_caller}");
}

#[test]
fn a_crashed_holder_costs_a_count_its_slot_and_a_lease_only_time() {
    let crashing = |algorithm| {
        let scenario = Scenario { crashes: 0.05, algorithm, ..Scenario::default() };
        run(&Scenario { length: Duration::from_secs(120), ..scenario })
    };
    let count = crashing(Algorithm::BareCount);
    assert!(count.lost > 50, "{count:#?}");
    let cached = crashing(Algorithm::Cached);
    assert_eq!(cached.lost, 0);
    assert!(cached.goodput > 1.0, "{cached:#?}");
}

#[test]
fn no_wait_exceeds_the_allowed_time_and_a_decision() {
    let wait = Duration::from_secs(2);
    let outcome = run(&Scenario { wait, ..Scenario::default() });
    let (decision, max) = (outcome.grant.max, outcome.waited.max);
    assert!(max > Duration::from_secs(1) && max <= wait + decision, "{max:?}, {decision:?}");
    assert!(outcome.refusals > outcome.rejected * 2, "{outcome:#?}");
}

#[test]
fn clients_that_come_back_all_get_their_turn() {
    let arrivals = Arrivals::Closed(200, Duration::from_secs(1));
    let length = Duration::from_secs(200);
    let outcome = run(&Scenario { arrivals, length, ..Scenario::default() });
    assert!(outcome.fairness > 0.9 && outcome.utilisation > 0.9, "{outcome:#?}");
}

#[test]
fn every_table_has_its_place_in_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulation.md");
    let text = fs::read_to_string(path).expect("the document is there");
    for name in sections::all().iter().map(|section| section.name).chain(["seeds", "constants"]) {
        document::put(&text, "sim", name, "").expect("a place");
    }
}
