//! For any event the function answers as the contract requires, and requests a slot only in order to count.

mod events;
mod property;

use std::collections::BTreeSet;

use property::{Fate, holds};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, ..ProptestConfig::default() })]
    #[test]
    fn an_event_is_answered_by_the_contract(event in events::event()) {
        holds(&event);
    }
}

#[test]
fn the_events_that_are_tried_meet_every_fate() {
    let mut runner = TestRunner::deterministic();
    let strategy = events::event();
    let events = (0..1_000).map(|_| strategy.new_tree(&mut runner).expect("one").current());
    let fates: BTreeSet<Fate> = events.map(|event| holds(&event)).collect();
    let all = [Fate::NoEvent, Fate::Refused, Fate::NotFound, Fate::MethodNotAllowed];
    assert_eq!(fates, BTreeSet::from(all));
}

/// The client controls these values. None forms a valid URL.
#[test]
fn a_request_whose_url_is_none_is_answered_all_the_same() {
    let headers = [("X-Forwarded-Proto", "1"), ("Host", "a b"), ("Host", "[")];
    for (name, value) in headers {
        let event = json!({
            "httpMethod": "GET", "path": "/employees", "headers": {"Host": "a.example", name: value},
            "requestContext": {"httpMethod": "GET"},
        });
        assert_eq!(holds(event.to_string().as_bytes()), Fate::Refused, "{event}");
    }
    for query in ["a=<b>", "a=\u{7f}", &"x".repeat(70_000)] {
        let event = json!({
            "rawPath": "/employees", "rawQueryString": query,
            "requestContext": {"http": {"method": "GET"}},
        });
        assert_eq!(holds(event.to_string().as_bytes()), Fate::Refused, "{query}");
    }
}

#[test]
fn an_event_without_a_path_asks_for_nothing() {
    let event = json!({"httpMethod": "GET", "requestContext": {"httpMethod": "GET"}});
    assert_eq!(holds(event.to_string().as_bytes()), Fate::NotFound);
}
