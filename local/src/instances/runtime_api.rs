//! The host's HTTP server: Lambda's Runtime API for the processes, an invoke endpoint for MiniStack's proxy mode, and
//! the list of instances.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::host::{Event, Host};
use super::outcome::{Outcome, Refusal};

/// Lambda's limit for a payload, in bytes.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// The path below which each instance has its Runtime API, at its id.
pub const RUNTIME_PATH: &str = "/runtime";

/// The list of living instances, here and at the front door.
pub(crate) const INSTANCES_PATH: &str = "/_local/instances";

/// The host's routes.
pub fn router(host: Host) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{request}/response", post(response))
        .route("/invocation/{request}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .route("/invoke/{function}", post(invoke))
        .route(INSTANCES_PATH, get(list))
        .nest(&format!("{RUNTIME_PATH}/{{instance}}/2018-06-01/runtime"), runtime)
        .layer(DefaultBodyLimit::max(PAYLOAD_LIMIT))
        .with_state(host)
}

async fn next(State(host): State<Host>, Path(id): Path<String>) -> Response {
    let Some(instance) = host.instance(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(handover) = instance.next().await else {
        return StatusCode::GONE.into_response();
    };
    let invocation = &handover.invocation;
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json");
    set("lambda-runtime-aws-request-id", &invocation.request_id);
    set("lambda-runtime-deadline-ms", &handover.deadline_ms.to_string());
    set(
        "lambda-runtime-invoked-function-arn",
        &instance.function.record.configuration.function_arn,
    );
    if let Some(trace_id) = &invocation.trace_id {
        set("lambda-runtime-trace-id", trace_id);
    }
    (headers, invocation.payload.clone()).into_response()
}

async fn response(
    State(host): State<Host>,
    Path((id, request)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    finish(&host, &id, &request, Outcome::Answer(body))
}

async fn error(
    State(host): State<Host>,
    Path((id, request)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    finish(&host, &id, &request, Outcome::Failure(body))
}

fn finish(host: &Host, id: &str, request: &str, outcome: Outcome) -> StatusCode {
    match host.instance(id) {
        None => StatusCode::NOT_FOUND,
        Some(instance) if instance.finish(request, outcome) => StatusCode::ACCEPTED,
        Some(_) => StatusCode::BAD_REQUEST,
    }
}

async fn init_error(State(host): State<Host>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let Some(instance) = host.instance(&id) else {
        return StatusCode::NOT_FOUND;
    };
    instance.init_failed(body);
    StatusCode::ACCEPTED
}

/// Returns the living instances as JSON.
pub(crate) async fn list(State(host): State<Host>) -> Response {
    Json(host.instances()).into_response()
}

/// Invokes a function for MiniStack, which takes any status but 2xx as the function's error.
async fn invoke(
    State(host): State<Host>,
    Path(function): Path<String>,
    headers: HeaderMap,
    payload: Bytes,
) -> Response {
    let trace_id = trace_id(&headers);
    match host.invoke(&function, Event { payload, trace_id }).await {
        Ok(Outcome::Answer(body)) => (StatusCode::OK, body).into_response(),
        Ok(Outcome::Failure(body)) => (StatusCode::BAD_GATEWAY, body).into_response(),
        Err(Refusal::UnknownFunction) => StatusCode::NOT_FOUND.into_response(),
        Err(Refusal::Throttled) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Err(Refusal::Host(error)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response()
        }
    }
}

/// The request's X-Ray trace.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-amzn-trace-id")?;
    value.to_str().ok().map(str::to_owned)
}
