//! What holds for every payload, whoever makes it up: the tests beside this file, or a fuzzer.

use std::sync::LazyLock;

use counter::lambda::invocation;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use rds_admission::pool::{Class, Pool};
use rds_admission::store::SlotStore;
use rds_admission::time::UnixSeconds;
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
    Request, StatusAnswer, SweepAnswer, error_type,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

use crate::world::{Filling, POOL, world};

/// The longest message of an error, in characters: a caller's text is not repeated at any length.
const LONGEST_MESSAGE: usize = 200;

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It was not JSON, and so would not get as far as the counter.
    NotJson,
    /// It was not a request.
    Invalid,
    /// It was a request about a pool that there is not.
    UnknownPool,
    /// It was answered.
    Answered,
}

/// One for all payloads: a fuzzer tries thousands in a second.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// The counter answers `payload`, or refuses it and leaves the pool as it was, however full that is.
///
/// # Panics
/// When it does not.
pub(crate) fn holds(payload: &[u8]) -> Fate {
    let Ok(json) = serde_json::from_slice::<Box<RawValue>>(payload) else {
        let refused = Request::from_json(payload).expect_err("what is not JSON is no request");
        assert_eq!(refused.field, "payload");
        return Fate::NotJson;
    };
    let fates = Filling::ALL.map(|filling| RUNTIME.block_on(holds_in(filling, json.clone())));
    assert!(fates.iter().all(|fate| *fate == fates[0]), "{fates:?}");
    fates[0]
}

async fn holds_in(filling: Filling, json: Box<RawValue>) -> Fate {
    let (world, now) = world(filling).await;
    let before = world.store().read(&POOL).await.expect("the pool");
    let request = Request::from_json(json.get().as_bytes());
    let event = LambdaEvent::new(json.clone(), Context::default());
    let answer = invocation(&world, event).await;
    let after = world.store().read(&POOL).await.expect("the pool");
    match (request, answer) {
        (Ok(request), Ok(answer)) => {
            is_well_formed(&request, &answer, &after, now);
            is_rightful(&request, &before, &after, now);
            Fate::Answered
        }
        (Ok(request), Err(error)) => {
            assert_eq!(error.error_type, error_type::UNKNOWN_POOL, "{error:?}");
            assert_ne!(*request.pool(), *POOL);
            assert_eq!(after, before);
            Fate::UnknownPool
        }
        (Err(_), answer) => {
            says_what_is_wrong(json.get(), &answer.expect_err("it is no request"));
            assert_eq!(after, before);
            Fate::Invalid
        }
    }
}

/// The error is of the contract's type and its message names a field: one of the payload's or one that
/// it lacks.
fn says_what_is_wrong(json: &str, error: &Diagnostic) {
    const FIELDS: [&str; 6] =
        ["op", "incrementCounter", "RDBMSName", "lease", "ttlSeconds", "class"];
    assert_eq!(error.error_type, error_type::INVALID_REQUEST);
    let message = &error.error_message;
    assert!(message.chars().count() <= LONGEST_MESSAGE, "{message}");
    let named = |field: &str| {
        let shown: String = field.chars().take(64).collect();
        let rest = message.strip_prefix(&shown).map(|rest| rest.strip_prefix('…').unwrap_or(rest));
        rest.and_then(|rest| rest.strip_prefix(": ")).is_some_and(|problem| !problem.is_empty())
    };
    let payload: Option<Value> = serde_json::from_str(json).ok();
    match payload.as_ref().and_then(Value::as_object) {
        Some(fields) => {
            let known = FIELDS.into_iter().chain(fields.keys().map(String::as_str));
            assert!(known.into_iter().any(named), "{message}");
        }
        None => assert!(named("payload"), "{message}"),
    }
}

/// The answer is one that the protocol knows for this request, to the last field, and what it grants is
/// in the pool.
fn is_well_formed(request: &Request, answer: &Value, after: &Pool, now: UnixSeconds) {
    match request {
        Request::LegacyAcquire { .. } | Request::LegacyRelease { .. } => {
            assert!(answer.is_boolean(), "{answer}");
        }
        Request::Acquire(AcquireRequest { lease, .. }) => {
            if let AcquireAnswer::Granted(granted) = read(answer) {
                assert_eq!(granted.lease, *lease);
                assert_eq!(after.leases.get(lease), Some(&granted.expires_at));
            }
        }
        Request::Release(_) => {
            let _: ReleaseAnswer = read(answer);
        }
        Request::Renew(RenewRequest { lease, .. }) => {
            let RenewAnswer { renewed, expires_at, .. } = read(answer);
            assert_eq!(renewed, expires_at.is_some());
            match (after.leases.get(lease), expires_at) {
                (Some(there), None) => assert!(Pool::has_expired(*there, now), "{lease} is held"),
                (there, renewed) => assert_eq!(there, renewed.as_ref()),
            }
        }
        Request::Status { .. } => {
            let _: StatusAnswer = read(answer);
        }
        Request::Sweep { .. } => {
            let _: SweepAnswer = read(answer);
        }
    }
}

fn read<A: DeserializeOwned + Serialize>(answer: &Value) -> A {
    let read = A::deserialize(answer).expect("an answer of the protocol");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), *answer, "it has these fields only");
    read
}

/// The request changed what was its own to change: the pool stays within its limits, and nobody else
/// lost a lease that was not over.
fn is_rightful(request: &Request, before: &Pool, after: &Pool, now: UnixSeconds) {
    let (own, limit) = match request {
        Request::Acquire(AcquireRequest { lease, class, .. }) => {
            (Some(*lease), before.size.limit(*class))
        }
        Request::Release(ReleaseRequest { lease, .. })
        | Request::Renew(RenewRequest { lease, .. }) => (Some(*lease), 0),
        Request::LegacyAcquire { .. } => (None, before.size.limit(Class::Standard)),
        Request::LegacyRelease { .. } => (before.oldest_anonymous().map(|(lease, _)| lease), 0),
        Request::Status { .. } | Request::Sweep { .. } => (None, 0),
    };
    let limit = if before.draining { 0 } else { limit };
    assert_eq!((after.size, after.draining), (before.size, before.draining));
    assert!(after.in_use() <= before.in_use().max(limit), "{after:?}");
    assert!(after.in_use() <= after.size.max_connections(), "{after:?}");
    for (lease, expires_at) in &before.leases {
        let kept = after.leases.get(lease) == Some(expires_at);
        assert!(kept || own == Some(*lease) || Pool::has_expired(*expires_at, now), "{lease}");
    }
    let new = after.leases.keys().filter(|lease| !before.leases.contains_key(*lease));
    for lease in new {
        assert!(!before.draining, "{lease}");
        assert!(own == Some(*lease) || lease.is_anonymous(), "{lease}");
    }
    if matches!(request, Request::Status { .. }) {
        assert_eq!(after, before);
    }
}
