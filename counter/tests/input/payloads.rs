//! Payloads: arbitrary bytes, arbitrary JSON, and damaged requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A request as the texts of its fields and values. It can have what a JSON value can't, such as a duplicate field.
type Fields = Vec<(String, String)>;

/// The requests of both protocols.
const REQUESTS: &[&[(&str, &str)]] = &[
    &[("incrementCounter", "true"), POOL],
    &[("incrementCounter", "\"False\""), POOL],
    &[OP_ACQUIRE, POOL, LEASE, TTL],
    &[OP_ACQUIRE, POOL, ("lease", "\"newlease\""), TTL, ("class", "\"priority\"")],
    &[("op", "\"release\""), POOL, LEASE],
    &[("op", "\"renew\""), POOL, LEASE, TTL],
    &[("op", "\"status\""), POOL],
    &[("op", "\"status\""), ("RDBMSName", "\"nobody\"")],
    &[("op", "\"sweep\""), POOL],
];
const OP_ACQUIRE: (&str, &str) = ("op", "\"acquire\"");
const POOL: (&str, &str) = ("RDBMSName", "\"Prod_MySQL\"");
const LEASE: (&str, &str) = ("lease", "\"Zk3v9Qa1\"");
const TTL: (&str, &str) = ("ttlSeconds", "35");

/// Edge cases of values.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "1",
    "960",
    "961",
    "35.0",
    "35.5",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "1e300",
    "1e999",
    "1e-999",
    r#""""#,
    r#""35""#,
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\ud83d\ude00""#,
    r#""~k3v9Qa1""#,
    r#""Zk3v9Qa\u0031""#,
    r#""TRUE""#,
    r#""Prod_MySQL\u0000""#,
    "[]",
    "{}",
    r#"{"op":"status"}"#,
];

/// A change to a request.
#[derive(Debug, Clone)]
enum Mishap {
    /// Removes a field.
    Lost(Index),
    /// Changes a field's value.
    Value(Index, String),
    /// Changes the case of a field's name.
    Case(Index),
    /// Adds a field, perhaps a duplicate.
    Added(String, String),
    /// Adds the fields of another request.
    Mixed(&'static [(&'static str, &'static str)]),
}

/// Any payload.
pub(crate) fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => vec(any::<u8>(), 0..64),
        1 => json().prop_map(String::into_bytes),
        2 => request().prop_map(String::into_bytes),
        4 => (request(), any::<Index>(), any::<u8>(), any::<bool>()).prop_map(damaged),
        8 => wrong_request().prop_map(String::into_bytes),
    ]
}

/// Changes a byte, and may cut the text off before it.
fn damaged((text, at, byte, cut): (String, Index, u8, bool)) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let at = at.index(bytes.len());
    bytes[at] = byte;
    if cut {
        bytes.truncate(at);
    }
    bytes
}

fn request() -> impl Strategy<Value = String> {
    select(REQUESTS).prop_map(|fields| written(&owned(fields)))
}

fn wrong_request() -> impl Strategy<Value = String> {
    (select(REQUESTS), vec(mishap(), 1..4)).prop_map(|(fields, mishaps)| {
        let mut fields = owned(fields);
        for mishap in &mishaps {
            happen(&mut fields, mishap);
        }
        written(&fields)
    })
}

fn owned(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn written(fields: &Fields) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let at = any::<Index>;
    prop_oneof![
        2 => at().prop_map(Mishap::Lost),
        4 => (at(), value()).prop_map(|(at, value)| Mishap::Value(at, value)),
        1 => at().prop_map(Mishap::Case),
        2 => (name(), value()).prop_map(|(name, value)| Mishap::Added(name, value)),
        1 => select(REQUESTS).prop_map(Mishap::Mixed),
    ]
}

fn happen(fields: &mut Fields, mishap: &Mishap) {
    match mishap {
        Mishap::Mixed(other) => fields.extend(owned(other)),
        Mishap::Added(name, value) => fields.push((name.clone(), value.clone())),
        _ if fields.is_empty() => {}
        Mishap::Lost(at) => drop(fields.remove(at.index(fields.len()))),
        Mishap::Value(at, value) => at.get_mut(fields).1.clone_from(value),
        Mishap::Case(at) => {
            let name = &mut at.get_mut(fields).0;
            let upper = name.to_ascii_uppercase();
            *name = if *name == upper { name.to_ascii_lowercase() } else { upper };
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &["op", "incrementCounter", "RDBMSName", "lease", "ttlSeconds", "class"];
    let long = "é".repeat(1_000);
    let odd = [String::new(), "\0".to_owned(), "op ".to_owned(), long];
    prop_oneof![
        3 => select(KNOWN).prop_map(str::to_owned),
        1 => select(odd.to_vec()),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(ODD).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| quoted(&text)),
        1 => (1_000..10_000_usize).prop_map(|length| quoted(&"x".repeat(length))),
        1 => (100..2_000_usize).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
        1 => json(),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(ODD).prop_map(str::to_owned),
        any::<String>().prop_map(|text| quoted(&text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            vec((name(), inner), 0..4).prop_map(|fields| written(&fields)),
        ]
    })
}
