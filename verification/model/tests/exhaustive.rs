//! The model in every state it has, and its mutants. What is checked is what `cargo run --package
//! model` prints.

use model::check::{self, Judged};
use model::trace::Trace;
use model::{configurations, mutants};

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
fn every_guard_is_missed_or_known_to_be_spare() {
    let judged = check::mutants(&mutants::guards()).expect("configurations that there are");
    as_expected(&judged);
}

#[test]
fn every_assumption_is_missed() {
    let assumptions = mutants::assumptions();
    assert!(assumptions.iter().all(|mutant| mutant.spare.is_none()));
    as_expected(&check::mutants(&assumptions).expect("configurations that there are"));
}

fn as_expected(judged: &[Judged]) {
    for judged in judged {
        let broken = judged.broken.as_ref().map(|(property, _)| *property);
        assert!(judged.as_expected(), "without {:?}: {broken:?}", judged.mutant.without);
    }
}
