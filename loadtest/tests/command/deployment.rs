//! The query function: read, changed and restored, against a stand-in for Lambda.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use loadtest::report::Admission;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Ran, Service};

/// One function, and all that is made of its environment.
#[derive(Clone)]
struct Lambda {
    name: &'static str,
    environment: Value,
    /// The update that is refused, counted from 0.
    refused: Option<usize>,
    /// How long each update takes.
    takes: Duration,
    updates: Arc<Mutex<Vec<Value>>>,
}

impl Lambda {
    fn with(environment: Value) -> Self {
        let (refused, takes, updates) = (None, Duration::ZERO, Arc::default());
        Self { name: "q", environment, refused, takes, updates }
    }

    /// A function as the template makes it, as far as it matters here.
    fn deployed() -> Self {
        Self::with(json!({"Variables": found()}))
    }

    async fn start(&self) -> Service {
        let function = format!("/2015-03-31/functions/{}", self.name);
        let router = Router::new()
            .route(&format!("{function}/configuration"), get(read).put(update))
            .route(&function, get(updated))
            .with_state(self.clone());
        Service::start(router).await
    }

    /// The environments that it was given, in their order.
    fn updates(&self) -> Vec<Value> {
        self.updates.lock().unwrap().clone()
    }
}

/// The variables of [`Lambda::deployed`].
fn found() -> Value {
    json!({"ADMISSION": "on", "SLOT_WAIT_MS": "0", "TABLE_NAME": "t", "PASSWORD": "very-secret"})
}

/// [`found`], with some of them changed.
fn changed(variables: Value) -> Value {
    let mut all = found();
    let Value::Object(variables) = variables else { panic!("{variables} is no object") };
    all.as_object_mut().unwrap().extend(variables);
    all
}

async fn read(State(lambda): State<Lambda>) -> Json<Value> {
    Json(json!({
        "FunctionName": lambda.name, "CodeSha256": "a+b=", "LastModified": "2026-01-02T03:04:05.000+0000",
        "Environment": lambda.environment,
    }))
}

async fn update(State(lambda): State<Lambda>, Json(asked): Json<Value>) -> Response {
    let number = {
        let mut updates = lambda.updates.lock().unwrap();
        updates.push(asked["Environment"]["Variables"].clone());
        updates.len() - 1
    };
    tokio::time::sleep(lambda.takes).await;
    if lambda.refused == Some(number) {
        let kind = (HeaderName::from_static("x-amzn-errortype"), "AccessDeniedException");
        return (StatusCode::FORBIDDEN, [kind], r#"{"Message":"not today"}"#).into_response();
    }
    Json(json!({})).into_response()
}

async fn updated() -> Json<Value> {
    Json(json!({"Configuration": {"LastUpdateStatus": "Successful"}}))
}

/// A short flood of a service that admits every request, with the function named.
async fn flood(lambda: &Lambda, options: &[&str]) -> Ran {
    flood_into(lambda, options, |_| ()).await
}

/// The same, with something done to the report's folder before.
async fn flood_into(lambda: &Lambda, options: &[&str], prepare: impl FnOnce(&Path)) -> Ran {
    let (aws, service) = (lambda.start().await, Service::with_slots(100, Duration::ZERO).await);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("some/folder");
    prepare(&out);
    let output = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["--host", &service.url("/some/base/path"), "--query-function=q"])
        .args(["--users=1", "--duration=1", "--out", out.to_str().unwrap()])
        .args(options)
        .env_remove("LOADTEST_DATABASE")
        .envs([("AWS_ENDPOINT_URL", aws.url("").as_str()), ("AWS_REGION", "us-east-1")])
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Ran { output, folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_tells_what_the_function_was_and_none_of_its_secrets() {
    let lambda = Lambda { takes: Duration::from_millis(1_500), ..Lambda::deployed() };
    let ran = flood(&lambda, &["--hold=0.5"]).await;

    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let report = ran.report();
    // Not the time of the change of the function.
    assert_eq!(report.started_at, report.runs[0].started_at);
    let deployment = serde_json::to_value(report.deployment).unwrap();
    let expected = json!({
        "queryFunction": "q", "codeSha256": "a+b=", "lastModified": "2026-01-02T03:04:05.000+0000",
        "variables": {"ADMISSION": "on", "SLOT_WAIT_MS": "0"}, "variablesFailure": null,
    });
    assert_eq!(deployment, expected);
    assert_eq!(lambda.updates(), [changed(json!({"HOLD_SECONDS": "0.5"})), found()]);
    for shown in [ran.text(), ran.file("report.json"), ran.file("report.html")] {
        assert!(!shown.contains("very-secret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_variables_are_hidden_is_left_as_it_is() {
    let error = json!({"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt"});
    let lambda = Lambda::with(json!({"Error": error}));
    for option in ["--compare", "--hold=0.5"] {
        let ran = flood(&lambda, &[option]).await;
        assert_eq!(ran.code(), Some(2), "{}", ran.text());
        assert!(ran.text().contains("AccessDeniedException"), "{}", ran.text());
        assert!(!ran.text().contains("VERDICT"), "{}", ran.text());
    }
    // Without a change they are not needed.
    let ran = flood(&lambda, &[]).await;
    assert_eq!(ran.code(), Some(0), "{}", ran.text());
    let deployment = ran.report().deployment.unwrap();
    assert_eq!((deployment.code_sha256.as_deref(), deployment.variables), (Some("a+b="), None));
    assert!(deployment.variables_failure.unwrap().contains("AccessDeniedException"));
    assert_eq!(lambda.updates(), [Value::Null; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_not_lost_when_the_function_stays_switched() {
    let lambda = Lambda { refused: Some(1), ..Lambda::deployed() };
    let ran = flood(&lambda, &["--hold=0.5"]).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(2), "{text}");
    assert!(text.contains("VERDICT: PASS") && ran.report().verdict.pass, "{text}");
    assert!(ran.run().admitted.count > 0);
    assert!(ran.file("report.html").contains("Load test"));
    let by_hand = "\"q\" may still be changed: RESTORE BY HAND ADMISSION=on and HOLD_SECONDS, \
                   which was not set: ";
    assert!(text.contains(by_hand) && text.contains("not today"), "{text}");
    assert!(!text.contains("very-secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_is_not_lost_when_the_second_can_not_be_made() {
    let lambda = Lambda { refused: Some(1), ..Lambda::deployed() };
    let ran = flood(&lambda, &["--compare"]).await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(2), "{text}");
    let run = ran.run();
    assert_eq!(run.admission, Admission::Bypassed);
    assert!(run.admitted.count > 0);
    // The run that is there is not the one to judge.
    let verdict = ran.report().verdict;
    assert!(!verdict.pass && verdict.reasons.last().unwrap().contains("not today"), "{verdict:?}");
    assert!(text.contains("VERDICT: FAIL"), "{text}");
    let bypassed = changed(json!({"ADMISSION": "bypass"}));
    assert_eq!(lambda.updates(), [bypassed, found(), found()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_shown_when_it_can_not_be_written() {
    let lambda = Lambda::deployed();
    // Where the file belongs, there is a folder.
    let ran = flood_into(&lambda, &["--hold=0.5"], |out| {
        std::fs::create_dir_all(out.join("report.json")).unwrap();
    });
    let ran = ran.await;

    let text = ran.text();
    assert_eq!(ran.code(), Some(2), "{text}");
    assert!(text.contains("VERDICT: PASS"), "{text}");
    assert!(text.contains("report.json\" failed") && !text.contains("Report: "), "{text}");
    assert_eq!(lambda.updates().last(), Some(&found()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_there_is_said_before_the_flood() {
    let ran = flood(&Lambda { name: "another", ..Lambda::deployed() }, &[]).await;
    assert_eq!(ran.code(), Some(2), "{}", ran.text());
    assert!(ran.text().contains("reading the query function \"q\" failed"), "{}", ran.text());
}
