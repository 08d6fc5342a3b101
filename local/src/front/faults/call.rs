//! Which call of AWS a request is.

use axum::http::HeaderMap;
use serde_json::Value;

use super::rule::Kind;

/// A call that rules can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// What is called.
    pub(super) kind: Kind,
    /// What of the counter's it comes to, when it is a write by a function that decides by the table itself.
    pub(super) decides: Option<Kind>,
    /// The operation of the service, when it is a service's.
    pub(super) operation: Option<String>,
    /// The lease that it is about, when it says so.
    pub(super) lease: Option<String>,
}

impl Call {
    /// An invoke of the counter with this payload.
    pub(crate) fn of_counter(payload: &[u8]) -> Option<Self> {
        let payload: Value = serde_json::from_slice(payload).ok()?;
        let kind = match payload["op"].as_str() {
            Some("acquire") => Kind::Acquire,
            Some("release") => Kind::Release,
            Some("renew") => Kind::Renew,
            Some("status") => Kind::Status,
            Some(_) => return None,
            // The article's callers.
            None => {
                match payload["incrementCounter"].to_string().to_lowercase().trim_matches('"') {
                    "true" => Kind::Acquire,
                    "false" => Kind::Release,
                    _ => return None,
                }
            }
        };
        let lease = payload["lease"].as_str().map(str::to_owned);
        Some(Self { kind, decides: None, operation: None, lease })
    }

    /// A request in the JSON protocol of AWS, which names its target in a header.
    pub(crate) fn of_service(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        let (service, operation) = target.split_once('.')?;
        let kind = match service {
            "DynamoDB_20120810" => Kind::DynamoDb,
            "secretsmanager" => Kind::SecretsManager,
            _ => return None,
        };
        Some(Self { kind, decides: None, operation: Some(operation.to_owned()), lease: None })
    }

    /// The same, by its `body`: which lease it writes, if it does.
    pub(crate) fn with_body(self, body: &[u8]) -> Self {
        if self.operation.as_deref() != Some("UpdateItem") {
            return self;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(lease) = body["ExpressionAttributeNames"]["#lease"].as_str() else { return self };
        let update = body["UpdateExpression"].as_str().unwrap_or_default();
        let decides = if update.starts_with("REMOVE Leases.#lease") {
            Kind::Release
        } else if update.contains("InUse") {
            Kind::Acquire
        } else {
            Kind::Renew
        };
        Self { decides: Some(decides), lease: Some(lease.to_owned()), ..self }
    }

    /// Whether a rule for calls of this kind means it.
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind == kind || self.decides == Some(kind)
    }

    /// Whether its answer can say something about a lease.
    pub(crate) fn is_about_a_lease(&self) -> bool {
        self.is(Kind::Acquire) || self.is(Kind::Release)
    }

    /// Whether it asked for the lease that its caller holds now.
    pub(crate) fn is_granted_to(&self, held: Option<&str>) -> bool {
        self.is(Kind::Acquire) && held.is_some() && self.lease.as_deref() == held
    }

    /// The lease that the caller holds after this answer, when it held `before`.
    pub(crate) fn lease_after(&self, answer: &[u8], before: Option<String>) -> Option<String> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let lease = self.lease.as_deref().unwrap_or_default();
        let (granted, released) = match self.decides {
            None => (answer["granted"] == true, answer["released"].is_boolean()),
            // Refused by its condition, it says how the item stands.
            Some(_) if answer["__type"].is_string() => {
                let leases = &answer["Item"]["Leases"]["M"];
                (leases[lease].is_object(), leases.is_object())
            }
            Some(_) => (true, true),
        };
        if self.is(Kind::Acquire) && granted {
            self.lease.clone()
        } else if self.is(Kind::Release) && released {
            None
        } else {
            before
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Call, Kind};

    #[test]
    fn the_counters_callers_say_what_they_want() {
        let kind = |payload: &str| Call::of_counter(payload.as_bytes()).map(|call| call.kind);
        let acquire = br#"{"op":"acquire","RDBMSName":"p","lease":"abcdefgh","ttlSeconds":9}"#;
        let acquire = Call::of_counter(acquire).unwrap();
        assert_eq!((acquire.kind, acquire.lease.as_deref()), (Kind::Acquire, Some("abcdefgh")));
        assert_eq!(kind(r#"{"op":"renew"}"#), Some(Kind::Renew));
        assert_eq!(kind(r#"{"incrementCounter":true}"#), Some(Kind::Acquire));
        assert_eq!(kind(r#"{"incrementCounter":"False"}"#), Some(Kind::Release));
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
        let meant = |kind, operation: &str| Some((kind, operation.to_owned()));
        let read = kind("secretsmanager.GetSecretValue");
        assert_eq!(read, meant(Kind::SecretsManager, "GetSecretValue"));
        assert_eq!(kind("DynamoDB_20120810.UpdateItem"), meant(Kind::DynamoDb, "UpdateItem"));
        assert_eq!(kind("AWSEvents.PutRule"), None);
        assert_eq!(Call::of_service(&HeaderMap::new()), None);
    }

    #[test]
    fn a_lease_is_followed_from_its_grant_to_its_release() {
        let lease = || Some("abcdefgh".to_owned());
        let of = |kind| Call { kind, decides: None, operation: None, lease: lease() };
        let acquire = of(Kind::Acquire);
        assert_eq!(acquire.lease_after(br#"{"granted":true}"#, None), lease());
        assert_eq!(acquire.lease_after(br#"{"granted":false}"#, None), None);
        assert!(acquire.is_granted_to(Some("abcdefgh")));
        assert!(!acquire.is_granted_to(None) && !acquire.is_granted_to(Some("another1")));
        let release = of(Kind::Release);
        assert_eq!(release.lease_after(br#"{"released":false}"#, lease()), None);
        assert_eq!(release.lease_after(br#"{"errorType":"x"}"#, lease()), lease());
    }

    #[test]
    fn a_write_of_the_table_says_what_it_decides() {
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
        assert!(acquire.is(Kind::DynamoDb) && acquire.is(Kind::Acquire));
        let lease = || Some("abcdefgh".to_owned());
        assert_eq!(acquire.lease_after(br#"{"Attributes":{}}"#, None), lease());
        let refused = br#"{"__type":"x","Item":{"Leases":{"M":{}}}}"#;
        assert_eq!(acquire.lease_after(refused, None), None);
        let repeated = br#"{"__type":"x","Item":{"Leases":{"M":{"abcdefgh":{"N":"1"}}}}}"#;
        assert_eq!(acquire.lease_after(repeated, None), lease());
        let release = write("REMOVE Leases.#lease SET InUse = InUse - :one");
        assert_eq!(release.decides, Some(Kind::Release));
        assert_eq!(release.lease_after(b"{}", lease()), None);
        assert_eq!(release.lease_after(refused, lease()), None);
        assert_eq!(release.lease_after(br#"{"__type":"throttled"}"#, lease()), lease());
        assert_eq!(write("SET Leases.#lease = :expiry").decides, Some(Kind::Renew));
        assert_eq!(write("SET Drain = :yes").with_body(b"no JSON").kind, Kind::DynamoDb);
    }
}
