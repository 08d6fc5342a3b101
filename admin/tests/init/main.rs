//! The custom resource: every request gets a response, and an existing table `Employees` is left alone.

#[path = "../../../shared/tests/support/broken.rs"]
mod broken;
mod database;
#[path = "../../../shared/tests/support/log.rs"]
mod log;
mod table;
#[path = "../../../shared/tests/support/vault.rs"]
mod vault;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use admin::cloudformation::Responder;
use admin::init::{Database, Init, lambda};
use axum::Router;
use axum::routing::put;
use lambda_runtime::{Context, LambdaEvent};
use log::logged;
use rds_admission::secret::SecretCache;
use rds_admission::session::{SessionOptions, Tls};
use rds_admission::store::MemoryStore;
use rds_admission::time::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;

type Answers = Arc<Mutex<Vec<Value>>>;

/// Serves a URL for responses and collects them.
async fn cloudformation() -> (String, Answers) {
    let answers = Answers::default();
    let received = Arc::clone(&answers);
    let routes = Router::new().route(
        "/",
        put(async move |body: String| {
            let answer = serde_json::from_str(&body).expect("JSON");
            received.lock().expect("answers").push(answer);
        }),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}/?signature", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, answers)
}

fn options() -> SessionOptions {
    SessionOptions { tls: Tls::Off, ..SessionOptions::default() }
}

/// Returns a request to create a pool.
fn create(url: &str) -> Value {
    json!({
        "RequestType": "Create", "ResponseURL": url, "StackId": "stack", "RequestId": "request",
        "LogicalResourceId": "Pool", "ResourceType": "Custom::AdmissionPool",
        "ResourceProperties": {
            "PoolName": "Prod_MySQL", "MaxConnections": "0", "ReservedConnections": "4",
            "PrioritySlots": "2", "Database": "the first",
        },
    })
}

/// Invokes the function and returns the one line that it logs.
async fn invoke(init: &Result<Init<MemoryStore<SystemClock>>, String>, event: Value) -> String {
    let mut context = Context::default();
    "the-invocation".clone_into(&mut context.request_id);
    context.deadline =
        u64::try_from(SystemClock.since_epoch().as_millis()).expect("a time") + 300_000;
    let responder = Responder::new().expect("a responder");
    let event = LambdaEvent::new(event, context);
    let invocation = Box::pin(lambda::invocation(init, &responder, event));
    let (_, mut lines) = logged(invocation).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[expect(clippy::unnecessary_wraps, reason = "the type that the function takes")]
fn init(secret: SecretCache) -> Result<Init<MemoryStore<SystemClock>>, String> {
    Ok(Init::new(MemoryStore::new(SystemClock), Database::new(secret, options())))
}

/// Returns the only response.
fn only(answers: &Answers) -> Value {
    let answers = answers.lock().expect("answers");
    let [answer] = &answers[..] else { panic!("not one answer: {answers:?}") };
    answer.clone()
}

#[tokio::test]
async fn a_panic_gets_a_response_and_a_log_line() {
    let (url, answers) = cloudformation().await;
    let line = invoke(&init(SecretCache::new(broken::client(), "the secret")), create(&url)).await;
    let answer = only(&answers);
    assert_eq!(
        (&answer["Status"], &answer["PhysicalResourceId"]),
        (&json!("FAILED"), &json!("not-created"))
    );
    assert_eq!((&answer["RequestId"], &answer["StackId"]), (&json!("request"), &json!("stack")));
    assert!(
        answer["Reason"].as_str().is_some_and(|reason| reason.contains("broken.rs:")),
        "{answer}"
    );
    assert!(line.contains("the-invocation") && line.contains(r#"outcome="panicked""#), "{line}");
    for shown in [answer.to_string(), line] {
        assert!(!shown.contains(broken::SECRET) && !shown.contains("signature"), "{shown}");
    }
}

#[tokio::test]
async fn an_invalid_request_with_a_url_gets_a_response() {
    let init = init(SecretCache::new(broken::client(), "never read"));
    for (field, wrong) in [("RequestType", json!("Upsert")), ("StackId", json!(1))] {
        let (url, answers) = cloudformation().await;
        let mut event = create(&url);
        event[field] = wrong;
        let line = invoke(&init, event).await;
        let answer = only(&answers);
        assert_eq!(
            (&answer["Status"], &answer["RequestId"]),
            (&json!("FAILED"), &json!("request"))
        );
        let reason = answer["Reason"].as_str().expect("a reason");
        assert!(reason.contains(field) && line.contains(field), "{reason}, {line}");
    }
    // Without a URL no response is expected.
    let line = invoke(&init, json!({"RequestType": "Create"})).await;
    assert!(line.contains("ERROR") && line.contains("ResponseURL"), "{line}");
}

#[tokio::test]
async fn a_failed_start_is_the_reason_of_the_response() {
    let (url, answers) = cloudformation().await;
    let reason = "environment variable LOG_LEVEL is \"WARNING\"";
    invoke(&Err(reason.to_owned()), create(&url)).await;
    let answer = only(&answers);
    assert_eq!((&answer["Status"], &answer["Reason"]), (&json!("FAILED"), &json!(reason)));
}

#[tokio::test]
async fn a_panic_at_the_start_is_the_reason_of_the_response() {
    let parts = async { panic!("no roots") };
    let init = lambda::start::<MemoryStore<SystemClock>>(parts).await;
    let (url, answers) = cloudformation().await;
    invoke(&init, create(&url)).await;
    let answer = only(&answers);
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.contains("main.rs:") && reason.contains("no roots"), "{reason}");
    assert_eq!(answer["Status"], "FAILED");
}

/// After a failed creation CloudFormation deletes the resource. If that failed too, the stack would be stuck.
#[tokio::test]
async fn a_resource_that_was_never_created_is_deleted_despite_a_failed_start() {
    let never_started = Err("environment variable LOG_LEVEL is \"WARNING\"".to_owned());
    for (id, status) in [("not-created", "SUCCESS"), ("Prod_MySQL", "FAILED")] {
        let (url, answers) = cloudformation().await;
        let mut event = create(&url);
        event["RequestType"] = json!("Delete");
        event["PhysicalResourceId"] = json!(id);
        let line = invoke(&never_started, event).await;
        let answer = only(&answers);
        assert_eq!(
            (&answer["Status"], &answer["PhysicalResourceId"]),
            (&json!(status), &json!(id))
        );
        // The log names the reason of the failed start in any case.
        assert!(line.contains("LOG_LEVEL"), "{line}");
    }
}
