//! Which call of AWS a request is.

use axum::http::HeaderMap;
use serde_json::Value;

use super::rule::Kind;

/// A call that rules can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// What is called.
    pub(super) kind: Kind,
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
        Some(Self { kind, operation: None, lease })
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
        Some(Self { kind, operation: Some(operation.to_owned()), lease: None })
    }

    /// Whether its answer can say something about a lease.
    pub(crate) fn is_about_a_lease(&self) -> bool {
        matches!(self.kind, Kind::Acquire | Kind::Release)
    }

    /// Whether it asked for the lease that its caller holds now.
    pub(crate) fn is_granted_to(&self, held: Option<&str>) -> bool {
        self.kind == Kind::Acquire && held.is_some() && self.lease.as_deref() == held
    }

    /// The lease that the caller holds after this answer, when it held `before`.
    pub(crate) fn lease_after(&self, answer: &[u8], before: Option<String>) -> Option<String> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        match self.kind {
            Kind::Acquire if answer["granted"] == true => self.lease.clone(),
            Kind::Release if answer["released"].is_boolean() => None,
            _ => before,
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
        let acquire = Call { kind: Kind::Acquire, operation: None, lease: lease() };
        assert_eq!(acquire.lease_after(br#"{"granted":true}"#, None), lease());
        assert_eq!(acquire.lease_after(br#"{"granted":false}"#, None), None);
        assert!(acquire.is_granted_to(Some("abcdefgh")));
        assert!(!acquire.is_granted_to(None) && !acquire.is_granted_to(Some("another1")));
        let release = Call { kind: Kind::Release, operation: None, lease: lease() };
        assert_eq!(release.lease_after(br#"{"released":false}"#, lease()), None);
        assert_eq!(release.lease_after(br#"{"errorType":"x"}"#, lease()), lease());
    }
}
