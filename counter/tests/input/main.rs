//! The counter answers or refuses every payload; a refused one changes nothing.

mod payloads;
mod property;
mod world;

use std::collections::BTreeSet;

use property::{Fate, holds};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]
    #[test]
    fn a_payload_is_answered_or_refused_and_then_changes_nothing(payload in payloads::payload()) {
        holds(&payload);
    }
}

#[test]
fn the_payloads_that_are_tried_meet_every_fate() {
    let mut runner = TestRunner::deterministic();
    let strategy = payloads::payload();
    let payloads = (0..1_000).map(|_| strategy.new_tree(&mut runner).expect("one").current());
    let fates: BTreeSet<Fate> = payloads.map(|payload| holds(&payload)).collect();
    let all = [Fate::NotJson, Fate::Invalid, Fate::UnknownPool, Fate::Answered];
    assert_eq!(fates, BTreeSet::from(all));
}

#[test]
fn json_that_no_value_holds_is_an_invalid_request() {
    let deep = format!(r#"{{"op": {}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
    let number =
        r#"{"op": "renew", "RDBMSName": "Prod_MySQL", "lease": "Zk3v9Qa1", "ttlSeconds": 1e999}"#;
    let surrogate = r#"{"op": "status", "RDBMSName": "\ud800"}"#;
    for payload in [&deep, number, surrogate] {
        assert_eq!(holds(payload.as_bytes()), Fate::Invalid, "{payload}");
    }
}
