//! The custom resource: whatever becomes of a request, CloudFormation is answered; and a database that has the
//! sample's table, or another one of its name, is left as it is.

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

/// Stands where CloudFormation's presigned address would be.
async fn cloudformation() -> (String, Answers) {
    let answers = Answers::default();
    let heard = Arc::clone(&answers);
    let routes = Router::new().route(
        "/",
        put(async move |body: String| {
            let answer = serde_json::from_str(&body).expect("JSON");
            heard.lock().expect("answers").push(answer);
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

/// What a request to create a pool says.
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

/// Puts the request to a function that has this client, and returns its one line.
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

#[expect(clippy::unnecessary_wraps, reason = "what the function is given, where it could start")]
fn init(secret: SecretCache) -> Result<Init<MemoryStore<SystemClock>>, String> {
    Ok(Init::new(MemoryStore::new(SystemClock), Database::new(secret, options())))
}

/// The one answer.
fn only(answers: &Answers) -> Value {
    let answers = answers.lock().expect("answers");
    let [answer] = &answers[..] else { panic!("not one answer: {answers:?}") };
    answer.clone()
}

#[tokio::test]
async fn a_request_that_panics_is_answered_and_logged() {
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
async fn an_event_that_says_no_more_than_where_to_answer_is_answered() {
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
    // Nobody waits for an answer to this.
    let line = invoke(&init, json!({"RequestType": "Create"})).await;
    assert!(line.contains("ERROR") && line.contains("ResponseURL"), "{line}");
}

#[tokio::test]
async fn a_function_that_can_not_start_says_why_to_who_waits() {
    let (url, answers) = cloudformation().await;
    let reason = "environment variable LOG_LEVEL is \"WARNING\"";
    invoke(&Err(reason.to_owned()), create(&url)).await;
    let answer = only(&answers);
    assert_eq!((&answer["Status"], &answer["Reason"]), (&json!("FAILED"), &json!(reason)));
}

#[tokio::test]
async fn a_function_that_panics_while_it_starts_says_so_to_who_waits() {
    let parts = async { panic!("no roots") };
    let init = lambda::start::<MemoryStore<SystemClock>>(parts).await;
    let (url, answers) = cloudformation().await;
    invoke(&init, create(&url)).await;
    let answer = only(&answers);
    let reason = answer["Reason"].as_str().expect("a reason");
    assert!(reason.contains("main.rs:") && reason.contains("no roots"), "{reason}");
    assert_eq!(answer["Status"], "FAILED");
}

/// CloudFormation deletes what it could not create, and would be stuck if that failed for the same reason.
#[tokio::test]
async fn a_function_that_can_not_start_deletes_what_it_never_created() {
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
        // Why the function can't start is in the log even then.
        assert!(line.contains("LOG_LEVEL"), "{line}");
    }
}
