//! Property that holds for every event. Used by the tests beside this file and by a fuzz target.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Region};
use lambda_http::http::{HeaderMap, Method, StatusCode, header};
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent};
use query::answer::Answer;
use query::{Employees, lambda};
use rds_admission::backend::{Backend, BackendFuture, BackendKind};
use rds_admission::client::Admission;
use rds_admission::secret::SecretCache;
use rds_admission::session::SessionOptions;
use rds_admission::sessions::Sessions;
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, Reason, Refused, ReleaseAnswer, ReleaseRequest, RenewAnswer,
    RenewRequest,
};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Result of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It was not an API Gateway event.
    NoEvent,
    /// A slot was requested; the counter rejects all requests.
    Refused,
    /// Another path.
    NotFound,
    /// Another method.
    MethodNotAllowed,
}

/// A counter that rejects all requests, and counts them.
#[derive(Clone, Default)]
struct Refusing(Arc<AtomicU32>);

impl Backend for Refusing {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, _: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(ready(Ok(AcquireAnswer::Refused(Refused {
            reason: Reason::Full,
            retry_after: Duration::from_millis(250),
            in_use: Some(60),
            max_connections: Some(62),
        }))))
    }

    fn renew<'a>(&'a self, _: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        unreachable!("no slot is granted")
    }

    fn release<'a>(&'a self, _: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        unreachable!("no slot is granted")
    }
}

/// Shared by all events: a fuzzer runs thousands per second.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

/// Never called, because no slot is granted.
static SECRETS: LazyLock<Client> = LazyLock::new(|| {
    let config = Config::builder().behavior_version(BehaviorVersion::latest());
    Client::from_conf(config.region(Region::new("us-east-1")).build())
});

/// Checks that exactly a GET of one of the two paths requests a slot, and that the answer follows the contract.
///
/// # Panics
/// When the property is violated.
pub(crate) fn holds(event: &[u8]) -> Fate {
    let Ok(event) = serde_json::from_slice::<LambdaRequest>(event) else { return Fate::NoEvent };
    let Some((fate, headers)) = expected(&event) else { return Fate::NoEvent };
    a_count_has_one_of_two_content_types(&headers);

    let counter = Refusing::default();
    let admission =
        Admission::new(Arc::new(counter.clone()), "Prod_MySQL".parse().expect("a name"));
    let secret = SecretCache::new(SECRETS.clone(), "never read");
    let employees = Employees::new(Sessions::new(admission, secret, SessionOptions::default()));
    let mut context = Context::default();
    context.deadline = u64::MAX;
    let answered = lambda::invocation(&employees, LambdaEvent::new(event, context));
    let answer = RUNTIME.block_on(answered).expect("an answer");
    let answer = serde_json::to_value(answer).expect("an answer that API Gateway can read");

    let requests = counter.0.load(Ordering::SeqCst);
    assert_eq!(requests, u32::from(fate == Fate::Refused));
    is_of_the_contract(fate, &answer);
    fate
}

/// Returns the expected result of an event, and the headers of its request.
fn expected(event: &LambdaRequest) -> Option<(Fate, HeaderMap)> {
    let (method, path, stage, headers) = match event {
        LambdaRequest::ApiGatewayV1(event) => {
            let found = event.resource.as_deref().and_then(|it| found(it, &event.path_parameters));
            (&event.http_method, found.or(event.path.clone()), None, &event.headers)
        }
        LambdaRequest::ApiGatewayV2(event) => {
            let context = &event.request_context;
            let key = event.route_key.as_deref().unwrap_or_default();
            let route = key.find(' ').map(|blank| &key[blank + 1..]);
            let found = route.and_then(|route| found(route, &event.path_parameters));
            let stage = context.stage.as_deref().filter(|stage| *stage != "$default");
            let stage = stage.filter(|_| found.is_none());
            (&context.http.method, found.or(event.raw_path.clone()), stage, &event.headers)
        }
        _ => return None,
    };
    let served = |path: &str| {
        let under = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.bytes().all(|byte| byte == b'/'))
        };
        let staged = |path: &str| stage.is_some_and(|stage| under(&format!("/{stage}{path}")));
        ["", "/employees"].into_iter().any(|path| under(path) || staged(path))
    };
    let fate = match path {
        Some(path) if !served(&path) => Fate::NotFound,
        Some(_) if *method == Method::GET => Fate::Refused,
        Some(_) => Fate::MethodNotAllowed,
        None => Fate::NotFound,
    };
    Some((fate, headers.clone()))
}

/// Returns the path of a resource with each `{name}` replaced from `names`, if all are there.
fn found(resource: &str, names: &HashMap<String, String>) -> Option<String> {
    let mut path = String::new();
    for part in resource.strip_prefix('/')?.split('/') {
        path.push('/');
        if part.len() > 1 && part.starts_with('{') && part.ends_with('}') {
            let name = &part[1..part.len() - 1];
            path.push_str(names.get(name.trim_end_matches('+'))?);
        } else {
            path.push_str(part);
        }
    }
    Some(path)
}

/// Checks that a count is answered as HTML or JSON, whatever the `Accept` header.
fn a_count_has_one_of_two_content_types(headers: &HeaderMap) {
    let response = Answer::Counted(3).response(headers).expect("a response");
    assert_eq!(response.status(), StatusCode::OK);
    let kind = response.headers()[header::CONTENT_TYPE].to_str().expect("text");
    assert!(["text/html", "application/json"].contains(&kind), "{kind}");
}

fn is_of_the_contract(fate: Fate, answer: &Value) {
    let (status, problem, said) = match fate {
        Fate::Refused => (503, "no-slot", "retry-after"),
        Fate::MethodNotAllowed => (405, "method-not-allowed", "allow"),
        Fate::NotFound | Fate::NoEvent => (404, "not-found", "content-type"),
    };
    assert_eq!(answer["statusCode"], status, "{answer}");
    assert_eq!(answer["headers"]["content-type"], "application/problem+json", "{answer}");
    assert!(answer["headers"][said].is_string(), "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["status"], status, "{answer}");
    let kind = body["type"].as_str().and_then(|kind| kind.rsplit('/').next());
    assert_eq!(kind, Some(problem), "{answer}");
}
