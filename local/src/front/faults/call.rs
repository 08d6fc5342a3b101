//! Classifies a request to AWS.

use axum::http::HeaderMap;
use serde_json::Value;

use super::rule::CallKind;

/// A call that rules can match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(super) kind: CallKind,
    /// The slot operation of a write to the table, by a function in direct mode.
    pub(super) slot_operation: Option<CallKind>,
    /// The operation of an AWS service.
    pub(super) operation: Option<String>,
    pub(super) lease: Option<String>,
}

impl Call {
    /// Parses the payload of an invocation of the counter.
    pub(crate) fn of_counter(payload: &[u8]) -> Option<Self> {
        let payload: Value = serde_json::from_slice(payload).ok()?;
        let kind = match payload["op"].as_str() {
            Some("acquire") => CallKind::Acquire,
            Some("release") => CallKind::Release,
            Some("renew") => CallKind::Renew,
            Some("status") => CallKind::Status,
            Some(_) => return None,
            // The protocol of the article's callers.
            None => {
                match payload["incrementCounter"].to_string().to_lowercase().trim_matches('"') {
                    "true" => CallKind::Acquire,
                    "false" => CallKind::Release,
                    _ => return None,
                }
            }
        };
        let lease = payload["lease"].as_str().map(str::to_owned);
        Some(Self { kind, slot_operation: None, operation: None, lease })
    }

    /// Parses the header of a request in the JSON protocol of AWS.
    pub(crate) fn of_service(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        let (service, operation) = target.split_once('.')?;
        let kind = match service {
            "DynamoDB_20120810" => CallKind::DynamoDb,
            "secretsmanager" => CallKind::SecretsManager,
            _ => return None,
        };
        Some(Self {
            kind,
            slot_operation: None,
            operation: Some(operation.to_owned()),
            lease: None,
        })
    }

    /// Adds the slot operation and the lease of a write to the table.
    pub(crate) fn with_body(self, body: &[u8]) -> Self {
        if self.operation.as_deref() != Some("UpdateItem") {
            return self;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(lease) = body["ExpressionAttributeNames"]["#lease"].as_str() else { return self };
        let update = body["UpdateExpression"].as_str().unwrap_or_default();
        let slot_operation = if update.starts_with("REMOVE Leases.#lease") {
            CallKind::Release
        } else if update.contains("InUse") {
            CallKind::Acquire
        } else {
            CallKind::Renew
        };
        Self { slot_operation: Some(slot_operation), lease: Some(lease.to_owned()), ..self }
    }

    /// Whether rules for this kind of call match it.
    pub(super) fn is_kind(&self, kind: CallKind) -> bool {
        self.kind == kind || self.slot_operation == Some(kind)
    }

    /// Whether its answer can change the lease that the caller holds.
    pub(crate) fn is_about_a_lease(&self) -> bool {
        self.is_kind(CallKind::Acquire) || self.is_kind(CallKind::Release)
    }

    /// Whether it acquired the lease `held`.
    pub(crate) fn is_granted_to(&self, held: Option<&str>) -> bool {
        self.is_kind(CallKind::Acquire) && held.is_some() && self.lease.as_deref() == held
    }

    /// The lease that the caller holds after this answer; `before` is the one it held.
    pub(crate) fn lease_after(&self, answer: &[u8], before: Option<String>) -> Option<String> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let lease = self.lease.as_deref().unwrap_or_default();
        let (granted, released) = match self.slot_operation {
            None => (answer["granted"] == true, answer["released"].is_boolean()),
            // A failed condition returns the item.
            Some(_) if answer["__type"].is_string() => {
                let leases = &answer["Item"]["Leases"]["M"];
                (leases[lease].is_object(), leases.is_object())
            }
            Some(_) => (true, true),
        };
        if self.is_kind(CallKind::Acquire) && granted {
            self.lease.clone()
        } else if self.is_kind(CallKind::Release) && released {
            None
        } else {
            before
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Call, CallKind};

    #[test]
    fn requests_to_the_counter_are_classified_by_their_operation() {
        let kind = |payload: &str| Call::of_counter(payload.as_bytes()).map(|call| call.kind);
        let acquire = br#"{"op":"acquire","RDBMSName":"p","lease":"abcdefgh","ttlSeconds":9}"#;
        let acquire = Call::of_counter(acquire).unwrap();
        assert_eq!((acquire.kind, acquire.lease.as_deref()), (CallKind::Acquire, Some("abcdefgh")));
        assert_eq!(kind(r#"{"op":"renew"}"#), Some(CallKind::Renew));
        assert_eq!(kind(r#"{"incrementCounter":true}"#), Some(CallKind::Acquire));
        assert_eq!(kind(r#"{"incrementCounter":"False"}"#), Some(CallKind::Release));
        assert_eq!(kind(r#"{"op":"steal"}"#), None);
        assert_eq!(kind("{}"), None);
        assert_eq!(kind("no JSON"), None);
    }

    #[test]
    fn services_are_known_by_their_target() {
        let kind = |target: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-target", HeaderValue::from_static(target));
            Call::of_service(&headers).map(|call| (call.kind, call.operation.unwrap()))
        };
        let expected = |kind, operation: &str| Some((kind, operation.to_owned()));
        let read = kind("secretsmanager.GetSecretValue");
        assert_eq!(read, expected(CallKind::SecretsManager, "GetSecretValue"));
        assert_eq!(
            kind("DynamoDB_20120810.UpdateItem"),
            expected(CallKind::DynamoDb, "UpdateItem")
        );
        assert_eq!(kind("AWSEvents.PutRule"), None);
        assert_eq!(Call::of_service(&HeaderMap::new()), None);
    }

    #[test]
    fn a_lease_is_followed_from_its_grant_to_its_release() {
        let lease = || Some("abcdefgh".to_owned());
        let of = |kind| Call { kind, slot_operation: None, operation: None, lease: lease() };
        let acquire = of(CallKind::Acquire);
        assert_eq!(acquire.lease_after(br#"{"granted":true}"#, None), lease());
        assert_eq!(acquire.lease_after(br#"{"granted":false}"#, None), None);
        assert!(acquire.is_granted_to(Some("abcdefgh")));
        assert!(!acquire.is_granted_to(None) && !acquire.is_granted_to(Some("another1")));
        let release = of(CallKind::Release);
        assert_eq!(release.lease_after(br#"{"released":false}"#, lease()), None);
        assert_eq!(release.lease_after(br#"{"errorType":"x"}"#, lease()), lease());
    }

    #[test]
    fn a_write_to_the_table_is_classified_by_its_slot_operation() {
        let write = |update: &str| {
            let mut headers = HeaderMap::new();
            let target = HeaderValue::from_static("DynamoDB_20120810.UpdateItem");
            headers.insert("x-amz-target", target);
            let body = serde_json::json!({
                "UpdateExpression": update, "ExpressionAttributeNames": {"#lease": "abcdefgh"}
            });
            Call::of_service(&headers).unwrap().with_body(body.to_string().as_bytes())
        };
        let acquire = write("SET Leases.#lease = :expiry, InUse = InUse + :one");
        assert!(acquire.is_kind(CallKind::DynamoDb) && acquire.is_kind(CallKind::Acquire));
        let lease = || Some("abcdefgh".to_owned());
        assert_eq!(acquire.lease_after(br#"{"Attributes":{}}"#, None), lease());
        let refused = br#"{"__type":"x","Item":{"Leases":{"M":{}}}}"#;
        assert_eq!(acquire.lease_after(refused, None), None);
        let repeated = br#"{"__type":"x","Item":{"Leases":{"M":{"abcdefgh":{"N":"1"}}}}}"#;
        assert_eq!(acquire.lease_after(repeated, None), lease());
        let release = write("REMOVE Leases.#lease SET InUse = InUse - :one");
        assert_eq!(release.slot_operation, Some(CallKind::Release));
        assert_eq!(release.lease_after(b"{}", lease()), None);
        assert_eq!(release.lease_after(refused, lease()), None);
        assert_eq!(release.lease_after(br#"{"__type":"throttled"}"#, lease()), lease());
        assert_eq!(write("SET Leases.#lease = :expiry").slot_operation, Some(CallKind::Renew));
        assert_eq!(write("SET Drain = :yes").with_body(b"no JSON").kind, CallKind::DynamoDb);
    }
}
