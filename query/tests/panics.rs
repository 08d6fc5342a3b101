//! A request that panics is answered and logged, its slot is released, and the panic message is not disclosed.

#[path = "../../shared/tests/support/broken.rs"]
mod broken;
#[path = "../../shared/tests/support/log.rs"]
mod log;

use std::sync::Arc;

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::{Context, Error, LambdaEvent};
use log::logged;
use query::{Employees, lambda};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::backend::Bypass;
use rds_admission::client::Admission;
use rds_admission::controller::Controller;
use rds_admission::pool::{PoolName, PoolSize};
use rds_admission::secret::SecretCache;
use rds_admission::session::SessionOptions;
use rds_admission::sessions::Sessions;
use rds_admission::store::{MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::{Clock, SystemClock};
use serde_json::json;

/// Returns the answer to one request, and its log lines.
async fn request(employees: &Employees) -> (Result<ApiGatewayProxyResponse, Error>, Vec<String>) {
    let event = json!({
        "path": "/employees", "httpMethod": "GET", "requestContext": {"httpMethod": "GET"},
    });
    let event = serde_json::from_value(event).expect("an event");
    let mut context = Context::default();
    "the-request".clone_into(&mut context.request_id);
    context.deadline =
        u64::try_from(SystemClock.since_epoch().as_millis()).expect("a time") + 20_000;
    logged(lambda::invocation(employees, LambdaEvent::new(event, context))).await
}

#[tokio::test]
async fn a_request_that_panics_is_a_500_and_a_line_in_the_log_and_its_slot_is_back() {
    let pool: PoolName = "Prod_MySQL".parse().expect("a name");
    let store = MemoryStore::new(SystemClock);
    store.define(&pool, PoolSize::divide(66, 4, 2).expect("a size"), None).await.expect("a pool");
    let controller = Controller::new(store, SystemClock, StdRng::seed_from_u64(7));
    let secret = SecretCache::new(broken::client(), "the secret");
    let admission = Admission::new(Arc::new(controller.clone()), pool.clone());
    let employees = Employees::new(Sessions::new(admission, secret, SessionOptions::default()));

    let (answer, lines) = request(&employees).await;

    let answer = answer.expect("an answer");
    assert_eq!(answer.status_code, 500);
    let body = format!("{:?}", answer.body);
    assert!(body.contains("problems/internal-error") && !body.contains(broken::SECRET), "{body}");
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("ERROR") && line.contains("the-request"), "{line}");
    assert!(line.contains(r#"outcome="panicked""#) && line.contains("broken.rs:"), "{line}");
    assert!(!line.contains(broken::SECRET), "{line}");
    assert!(!line.contains("BypassedRequests"), "{line}");
    assert_eq!(controller.store().read(&pool).await.expect("the pool").in_use(), 0);
}

#[tokio::test]
async fn a_request_past_the_controller_that_panics_is_counted_as_one() {
    let pool: PoolName = "Prod_MySQL".parse().expect("a name");
    let secret = SecretCache::new(broken::client(), "the secret");
    let admission = Admission::new(Arc::new(Bypass::new(SystemClock)), pool);
    let employees = Employees::new(Sessions::new(admission, secret, SessionOptions::default()));
    let (answer, lines) = request(&employees).await;
    assert_eq!(answer.expect("an answer").status_code, 500);
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("ERROR") && line.contains(r#"admission="bypass""#), "{line}");
    assert!(line.contains(r#""BypassedRequests":1"#), "{line}");
}
