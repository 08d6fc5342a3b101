//! The front door, in front of a host with a fake function and a server that returns its requests.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use local::front::{Front, RestApi};
use serde_json::{Value, json};

use crate::fake_lambda::{FUNCTION, FakeLambda, Record, listener, spawn, url};

pub(crate) struct Door {
    pub(crate) lambda: FakeLambda,
    front: Front,
    pub(crate) url: String,
}

impl Door {
    pub(crate) async fn with(record: Record) -> Self {
        let lambda = FakeLambda::with(record).await;
        let upstream = listener().await;
        let front = Front::new(lambda.host.clone(), &url(&upstream));
        spawn(upstream, Router::new().fallback(echo));
        let door = listener().await;
        let url = url(&door);
        spawn(door, front.router());
        Self { lambda, front, url }
    }

    async fn invoke(&self, function: &str, kind: &str, body: &'static str) -> reqwest::Response {
        reqwest::Client::new()
            .post(format!("{}/2015-03-31/functions/{function}/invocations", self.url))
            .header("x-amz-invocation-type", kind)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("{}{path}", self.url)).await.unwrap()
    }
}

/// Answers 418 with the request.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap());
    let echoed = json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "host": header("host"),
        "target": header("x-amz-target"),
        "body": String::from_utf8(body.to_vec()).unwrap(),
    });
    (StatusCode::IM_A_TEAPOT, [("x-from", "upstream")], Json(echoed)).into_response()
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn what_is_not_ours_passes_unchanged() {
    let door = Door::with(Record::default()).await;
    let answer = reqwest::Client::new()
        .put(format!("{}/bucket/a%2Fb?x=1&y", door.url))
        .header("host", "bucket.example")
        .header("x-amz-target", "DynamoDB_20120810.PutItem")
        .body("payload")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 418);
    assert_eq!(header(&answer, "x-from"), Some("upstream"));
    let echoed: Value = answer.json().await.unwrap();
    assert_eq!(
        echoed,
        json!({
            "method": "PUT", "uri": "/bucket/a%2Fb?x=1&y", "host": "bucket.example",
            "target": "DynamoDB_20120810.PutItem", "body": "payload"
        })
    );
}

#[tokio::test]
async fn an_answer_and_a_failure_look_as_lambdas() {
    let door = Door::with(Record::default()).await;
    let answer = door.invoke(FUNCTION, "RequestResponse", r#"{"n": 1}"#).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "x-amz-function-error"), None);
    assert_eq!(header(&answer, "x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(answer.json::<Value>().await.unwrap()["event"], json!({"n": 1}));

    let failure = door.invoke(FUNCTION, "RequestResponse", r#"{"do": "fail"}"#).await;
    assert_eq!(failure.status(), 200);
    assert_eq!(header(&failure, "x-amz-function-error"), Some("Unhandled"));
    assert_eq!(failure.json::<Value>().await.unwrap()["errorType"], "Asked");
}

#[tokio::test]
async fn no_payload_is_an_empty_object() {
    let door = Door::with(Record::default()).await;
    let answer = door.invoke(FUNCTION, "RequestResponse", "").await;
    assert_eq!(answer.json::<Value>().await.unwrap()["event"], json!({}));
}

#[tokio::test]
async fn an_event_is_accepted_and_runs_a_dry_run_does_not() {
    let door = Door::with(Record::default()).await;
    assert_eq!(door.invoke(FUNCTION, "DryRun", "{}").await.status(), 204);
    assert!(door.lambda.host.instances().is_empty());

    let gate = door.lambda.gate("gate");
    let event = Box::leak(gate.event().to_string().into_boxed_str());
    assert_eq!(door.invoke(FUNCTION, "Event", event).await.status(), 202);
    // Only a running invocation opens the other end.
    gate.pass().await;
}

#[tokio::test]
async fn a_throttled_call_has_the_error_that_the_sdks_expect() {
    let door = Door::with(Record { reserved: Some(0), ..Record::default() }).await;
    let answer = door.invoke(FUNCTION, "RequestResponse", "{}").await;
    assert_eq!(answer.status(), 429);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("TooManyRequestsException"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
}

#[tokio::test]
async fn an_unknown_function_is_left_to_the_server_behind() {
    let door = Door::with(Record::default()).await;
    for kind in ["RequestResponse", "Event", "DryRun"] {
        let answer = door.invoke("other", kind, r#"{"n": 1}"#).await;
        assert_eq!(answer.status(), 418, "{kind}");
        assert_eq!(answer.json::<Value>().await.unwrap()["body"], r#"{"n": 1}"#);
    }
}

#[tokio::test]
async fn a_payload_above_lambdas_limit_is_refused() {
    let door = Door::with(Record::default()).await;
    let large = Box::leak(" ".repeat(6 * 1024 * 1024 + 1).into_boxed_str());
    let answer = door.invoke(FUNCTION, "RequestResponse", large).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(header(&answer, "x-amzn-errortype"), Some("RequestTooLargeException"));
}

#[tokio::test]
async fn the_api_is_served_once_it_is_deployed() {
    let door = Door::with(Record::default()).await;
    assert_eq!(door.get("/api").await.status(), 503);
    let aws = "https://ab12.execute-api.us-east-1.amazonaws.com/Prod";
    door.front.serve_api(RestApi::from_url(aws).unwrap());
    for (path, behind) in [
        ("/api", "/restapis/ab12/Prod/_user_request_/"),
        ("/api/", "/restapis/ab12/Prod/_user_request_/"),
        ("/api/employees?a=b", "/restapis/ab12/Prod/_user_request_/employees?a=b"),
        ("/apis", "/apis"),
    ] {
        let echoed: Value = door.get(path).await.json().await.unwrap();
        assert_eq!(echoed["uri"], behind, "{path}");
    }
}

#[tokio::test]
async fn the_living_instances_are_listed() {
    let door = Door::with(Record::default()).await;
    let list: Value = door.get("/_local/instances").await.json().await.unwrap();
    assert_eq!(list, json!([]));
    let pid = door.lambda.answer(json!({})).await["pid"].clone();
    let list: Value = door.get("/_local/instances").await.json().await.unwrap();
    assert_eq!(list[0]["pid"], pid);
    assert_eq!(list[0]["function"], FUNCTION);
    assert_eq!(list[0]["state"], "idle");
}
