//! A decision that panics becomes a Lambda error and a log line.

#[path = "../../shared/tests/support/log.rs"]
mod log;

use std::num::NonZeroU32;
use std::time::Duration;

use counter::{Counter, Limiter, lambda};
use lambda_runtime::{Context, LambdaEvent};
use log::logged;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::Controller;
use rds_admission::pool::PoolSize;
use rds_admission::store::{MemoryStore, PoolAdmin};
use rds_admission::time::Clock;
use serde_json::json;
use serde_json::value::to_raw_value;

/// A clock that panics.
struct Broken;

impl Clock for Broken {
    fn since_epoch(&self) -> Duration {
        panic!("the password is {}", std::hint::black_box("hunter2"))
    }
}

#[tokio::test]
async fn a_decision_that_panics_is_an_error_of_the_functions_and_a_line_in_the_log() {
    let store = MemoryStore::new(Broken);
    let size = PoolSize::divide(66, 4, 2).expect("a size");
    store.define(&"Prod_MySQL".parse().expect("a name"), size, None).await.expect("a pool");
    let limiter = Limiter::per_second(NonZeroU32::new(100).expect("not 0"));
    let controller = Controller::new(store, Broken, StdRng::seed_from_u64(7));
    let counter = Counter::new(controller, limiter);
    let acquire = json!({
        "op": "acquire", "RDBMSName": "Prod_MySQL", "lease": "Zk3v9Qa1", "ttlSeconds": 30,
    });
    let mut context = Context::default();
    "the-request".clone_into(&mut context.request_id);
    let event = LambdaEvent::new(to_raw_value(&acquire).expect("JSON"), context);
    let (answer, lines) = logged(lambda::invocation(&counter, event)).await;

    let error = answer.expect_err("an error");
    assert_eq!(error.error_type, "InternalError");
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    for part in ["ERROR", "the-request", "Prod_MySQL", "acquire", r#"outcome="panicked""#] {
        assert!(line.contains(part), "{line}");
    }
    assert!(line.contains("panics.rs:"), "{line}");
    let both = format!("{} {line}", error.error_message);
    assert!(!both.contains("hunter2"), "{both}");
}
