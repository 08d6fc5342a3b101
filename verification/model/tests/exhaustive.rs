//! The model in every state, and its ablations: the same checks as `cargo run --package model`.

use model::ablations::Ablation;
use model::check::{self, Ablated};
use model::configurations;
use model::trace::Trace;

#[test]
fn the_protocol_holds_in_every_state_and_is_not_idle() {
    for configuration in configurations::all() {
        let checked = check::exhaustively(&configuration, 2);
        for (property, behaviour) in &checked.broken {
            println!("{}", Trace { configuration: &configuration, property, behaviour });
        }
        assert!(checked.broken.is_empty(), "{} is broken", configuration.name);
        assert!(checked.unreached.is_empty(), "{}: {:?}", configuration.name, checked.unreached);
    }
}

#[test]
fn every_guard_is_needed_or_known_to_be_harmless() {
    as_expected(&check::all_ablated(Ablation::GUARDS).expect("known configurations"));
}

#[test]
fn every_assumption_is_needed() {
    assert!(Ablation::ASSUMPTIONS.iter().all(|ablation| ablation.harmless().is_none()));
    as_expected(&check::all_ablated(Ablation::ASSUMPTIONS).expect("known configurations"));
}

fn as_expected(all: &[Ablated]) {
    for ablated in all {
        let broken = ablated.broken.as_ref().map(|(property, _)| *property);
        assert!(ablated.as_expected(), "without {:?}: {broken:?}", ablated.ablation.removed());
    }
}
