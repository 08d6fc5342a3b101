//! Generates events: any bytes, any JSON, and damaged API Gateway events.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// Also the fuzzer's seeds.
const EVENTS: &[&str] = &[
    include_str!("../../../verification/fuzz/seeds/event/rest.json"),
    include_str!("../../../verification/fuzz/seeds/event/rest_root.json"),
    include_str!("../../../verification/fuzz/seeds/event/rest_post.json"),
    include_str!("../../../verification/fuzz/seeds/event/rest_proxy.json"),
    include_str!("../../../verification/fuzz/seeds/event/http.json"),
    include_str!("../../../verification/fuzz/seeds/event/http_other.json"),
    include_str!("../../../verification/fuzz/seeds/event/not_http.json"),
];

const TEXTS: &[&str] = &[
    "",
    "GET",
    "get",
    "HEAD",
    "POST",
    "A B",
    "/",
    "//",
    "/employees",
    "/employees/",
    "/prod/employees",
    "/prodemployees",
    "/Employees",
    "/%65mployees",
    "/{proxy+}",
    "/{}",
    "GET /employees",
    "ANY /{proxy+}",
    "GET ",
    "/employees?a",
    "employees",
    ":99999",
    "[",
    "a b",
    "prod",
    "$default",
    "application/json",
    "application/json;q=0",
    "application/json;q=,;,",
    "a=<b>&\"",
    "\0",
    "\u{e9}",
];

/// JSON pointers to replace values at: fields that the function reads, and parts of the URL.
const PLACES: &[&str] = &[
    "/httpMethod",
    "/path",
    "/resource",
    "/pathParameters",
    "/pathParameters/proxy",
    "/routeKey",
    "/rawPath",
    "/rawQueryString",
    "/headers/Accept",
    "/headers/accept",
    "/headers/Host",
    "/headers/host",
    "/headers/X-Forwarded-Proto",
    "/headers/x-forwarded-proto",
    "/multiValueHeaders",
    "/queryStringParameters",
    "/requestContext/stage",
    "/requestContext/domainName",
    "/requestContext/http/method",
    "/requestContext/http",
    "/requestContext",
];

/// Generates an event.
pub(crate) fn event() -> impl Strategy<Value = Vec<u8>> {
    let wrong = || (select(EVENTS), vec((place(), value()), 0..4)).prop_map(changed);
    prop_oneof![
        1 => vec(any::<u8>(), 0..64),
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        4 => (wrong(), any::<Index>(), any::<u8>(), any::<bool>()).prop_map(damaged),
        16 => wrong(),
    ]
}

/// Replaces values of the event. A missing field is added if its parent exists.
fn changed((event, changes): (&str, Vec<(&str, Value)>)) -> Vec<u8> {
    let mut event: Value = serde_json::from_str(event).unwrap_or_default();
    for (place, value) in changes {
        let (parent, name) = place.rsplit_once('/').unwrap_or_default();
        if let Some(parent) = event.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.insert(name.to_owned(), value);
        }
    }
    event.to_string().into_bytes()
}

/// Replaces one byte, or truncates the event there.
fn damaged((mut event, at, byte, cut): (Vec<u8>, Index, u8, bool)) -> Vec<u8> {
    let at = at.index(event.len());
    event[at] = byte;
    if cut {
        event.truncate(at);
    }
    event
}

fn place() -> impl Strategy<Value = &'static str> {
    select(PLACES)
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        6 => select(TEXTS).prop_map(|text| json!(text)),
        1 => any::<String>().prop_map(|text| json!(text)),
        1 => (60_000..70_000_usize).prop_map(|length| json!(format!("/{}", "x".repeat(length)))),
    ];
    let other =
        select(vec![json!(null), json!(true), json!(-1), json!(1e300), json!([]), json!({})]);
    prop_oneof![8 => text, 1 => other].prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((select(TEXTS), inner), 0..3).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}
