//! Requests, parsed strictly: a misspelt field is an error.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use thiserror::Error;

use super::fields::Fields;
use crate::pool::{Class, LeaseId, PoolName};
use crate::time::Seconds;

/// A payload that is not a valid request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct InvalidRequest {
    /// The field that is wrong or missing.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl InvalidRequest {
    pub(super) fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: shortened(field), problem: problem.into() }
    }
}

/// Truncates a caller's field name for an error message.
fn shortened(field: &str) -> String {
    const LONGEST: usize = 64;
    if field.chars().count() <= LONGEST {
        return field.to_owned();
    }
    field.chars().take(LONGEST).chain("…".chars()).collect()
}

/// A request to the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The article's `incrementCounter: true`: acquires a slot for a caller without a lease id.
    LegacyAcquire {
        /// The pool.
        pool: PoolName,
    },
    /// The article's `incrementCounter: false`: releases such a slot.
    LegacyRelease {
        /// The pool.
        pool: PoolName,
    },
    /// `acquire`.
    Acquire(AcquireRequest),
    /// `release`.
    Release(ReleaseRequest),
    /// `renew`.
    Renew(RenewRequest),
    /// `status`: reads the pool.
    Status {
        /// The pool.
        pool: PoolName,
    },
    /// `sweep`: removes expired leases without granting any.
    Sweep {
        /// The pool.
        pool: PoolName,
    },
}

/// Acquires a slot under a lease id that the caller chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcquireRequest {
    /// The pool.
    pub pool: PoolName,
    /// The id of the lease.
    pub lease: LeaseId,
    /// How long the lease lasts.
    pub ttl: Seconds,
    /// The caller's class.
    pub class: Class,
    /// The number of this attempt under this lease id, from 1. Only attempt 1, sent with retries disabled, may be
    /// rejected without a table request.
    pub attempt: Option<NonZeroU32>,
}

/// Releases a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRequest {
    /// The pool.
    pub pool: PoolName,
    /// The lease to end.
    pub lease: LeaseId,
    /// The shard that granted the lease, if known.
    pub shard: Option<u32>,
}

/// Extends a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewRequest {
    /// The pool.
    pub pool: PoolName,
    /// The lease to extend.
    pub lease: LeaseId,
    /// How long the lease lasts from now.
    pub ttl: Seconds,
    /// The shard that granted the lease, if known.
    pub shard: Option<u32>,
}

impl AcquireRequest {
    /// Returns whether this is attempt 1. No earlier attempt may have been granted then.
    #[must_use]
    pub fn is_first_attempt(&self) -> bool {
        self.attempt == Some(NonZeroU32::MIN)
    }

    /// Returns the request for a repetition after its response was lost: the next attempt. `None` without an
    /// attempt number.
    #[must_use]
    pub fn repeated(&self) -> Option<Self> {
        let attempt = self.attempt?.checked_add(1);
        Some(Self { attempt, ..self.clone() })
    }

    /// Returns the request as JSON.
    #[must_use]
    pub fn payload(&self) -> Value {
        let Self { pool, lease, ttl, class, attempt } = self;
        let payload = json!({
            "op": "acquire", "RDBMSName": pool, "lease": lease.as_str(), "ttlSeconds": ttl,
            "class": class,
        });
        with(payload, "attempt", attempt.map(NonZeroU32::get))
    }
}

impl ReleaseRequest {
    /// Returns the request as JSON.
    #[must_use]
    pub fn payload(&self) -> Value {
        let Self { pool, lease, shard } = self;
        let payload = json!({"op": "release", "RDBMSName": pool, "lease": lease.as_str()});
        with(payload, "shard", *shard)
    }
}

impl RenewRequest {
    /// Returns the request as JSON.
    #[must_use]
    pub fn payload(&self) -> Value {
        let Self { pool, lease, ttl, shard } = self;
        let payload = json!({
            "op": "renew", "RDBMSName": pool, "lease": lease.as_str(), "ttlSeconds": ttl,
        });
        with(payload, "shard", *shard)
    }
}

impl Request {
    /// Parses the payload of an invocation.
    ///
    /// # Errors
    /// [`InvalidRequest`], as for [`parse`](Self::parse). It names `payload` when the text is not JSON, or is JSON that
    /// [`Value`] can't represent: nested too deep, a number out of range, half a surrogate pair.
    pub fn from_json(payload: &[u8]) -> Result<Self, InvalidRequest> {
        let value: Value = serde_json::from_slice(payload).map_err(|unreadable| {
            InvalidRequest::new("payload", format!("can't be read as JSON: {unreadable}"))
        })?;
        Self::parse(&value)
    }

    /// Parses a payload.
    ///
    /// # Errors
    /// [`InvalidRequest`] names the first field that is missing, of the wrong type, out of range or unknown.
    pub fn parse(payload: &Value) -> Result<Self, InvalidRequest> {
        let Value::Object(fields) = payload else {
            return Err(InvalidRequest::new("payload", "must be a JSON object"));
        };
        match (fields.get("op"), fields.get("incrementCounter")) {
            (Some(_), Some(_)) => {
                Err(InvalidRequest::new("incrementCounter", "must not stand beside op"))
            }
            (Some(op), None) => Self::parse_op(op, Fields(fields)),
            (None, Some(flag)) => Self::parse_article(flag, Fields(fields)),
            (None, None) => {
                Err(InvalidRequest::new("op", "is missing (and so is incrementCounter)"))
            }
        }
    }

    /// Returns the pool that the request is about.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        match self {
            Self::Acquire(AcquireRequest { pool, .. })
            | Self::Release(ReleaseRequest { pool, .. })
            | Self::Renew(RenewRequest { pool, .. })
            | Self::LegacyAcquire { pool }
            | Self::LegacyRelease { pool }
            | Self::Status { pool }
            | Self::Sweep { pool } => pool,
        }
    }

    /// Returns the request's name in logs.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Self::LegacyAcquire { .. } => "take",
            Self::LegacyRelease { .. } => "give_back",
            Self::Acquire { .. } => "acquire",
            Self::Release { .. } => "release",
            Self::Renew { .. } => "renew",
            Self::Status { .. } => "status",
            Self::Sweep { .. } => "sweep",
        }
    }

    /// Returns the request as JSON.
    #[must_use]
    pub fn payload(&self) -> Value {
        match self {
            Self::LegacyAcquire { pool } => json!({"incrementCounter": true, "RDBMSName": pool}),
            Self::LegacyRelease { pool } => json!({"incrementCounter": false, "RDBMSName": pool}),
            Self::Acquire(request) => request.payload(),
            Self::Release(request) => request.payload(),
            Self::Renew(request) => request.payload(),
            Self::Status { pool } => json!({"op": "status", "RDBMSName": pool}),
            Self::Sweep { pool } => json!({"op": "sweep", "RDBMSName": pool}),
        }
    }

    /// Ignores further fields, as the article's sample does.
    fn parse_article(flag: &Value, fields: Fields<'_>) -> Result<Self, InvalidRequest> {
        let increment = match flag {
            Value::Bool(flag) => Some(*flag),
            Value::String(word) if word.eq_ignore_ascii_case("true") => Some(true),
            Value::String(word) if word.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        let problem = "must be true or false, or one of those words as a string";
        let increment =
            increment.ok_or_else(|| InvalidRequest::new("incrementCounter", problem))?;
        let pool = fields.pool()?;
        Ok(if increment { Self::LegacyAcquire { pool } } else { Self::LegacyRelease { pool } })
    }

    fn parse_op(op: &Value, fields: Fields<'_>) -> Result<Self, InvalidRequest> {
        let (allowed, parse): (&[&str], fn(Fields<'_>) -> _) = match op.as_str() {
            Some("acquire") => (&["lease", "ttlSeconds", "class", "attempt"], |fields| {
                Ok(Self::Acquire(AcquireRequest {
                    pool: fields.pool()?,
                    lease: fields.lease()?,
                    ttl: fields.ttl()?,
                    class: fields.class()?,
                    attempt: fields.whole("attempt", 1)?.and_then(NonZeroU32::new),
                }))
            }),
            Some("release") => (&["lease", "shard"], |fields| {
                Ok(Self::Release(ReleaseRequest {
                    pool: fields.pool()?,
                    lease: fields.lease()?,
                    shard: fields.whole("shard", 0)?,
                }))
            }),
            Some("renew") => (&["lease", "ttlSeconds", "shard"], |fields| {
                Ok(Self::Renew(RenewRequest {
                    pool: fields.pool()?,
                    lease: fields.lease()?,
                    ttl: fields.ttl()?,
                    shard: fields.whole("shard", 0)?,
                }))
            }),
            Some("status") => (&[], |fields| Ok(Self::Status { pool: fields.pool()? })),
            Some("sweep") => (&[], |fields| Ok(Self::Sweep { pool: fields.pool()? })),
            _ => {
                let problem =
                    "must be \"acquire\", \"release\", \"renew\", \"status\" or \"sweep\"";
                return Err(InvalidRequest::new("op", problem));
            }
        };
        fields.only(allowed)?;
        parse(fields)
    }
}

/// Adds a field to a payload if it has a value.
fn with(mut payload: Value, field: &str, value: Option<impl Into<Value>>) -> Value {
    if let Some(value) = value {
        payload[field] = value.into();
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(payload: &Value) -> String {
        Request::parse(payload).expect_err("it is refused").field
    }

    #[test]
    fn the_articles_flag_is_taken_as_boolean_and_as_word_in_any_case() {
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        for flag in [json!(true), json!("True"), json!("true"), json!("TRUE")] {
            let payload = json!({"incrementCounter": flag, "RDBMSName": "Prod_MySQL", "note": 1});
            assert_eq!(Request::parse(&payload), Ok(Request::LegacyAcquire { pool: pool.clone() }));
        }
        for flag in [json!(false), json!("False"), json!("false")] {
            let payload = json!({"incrementCounter": flag, "RDBMSName": "Prod_MySQL"});
            assert_eq!(Request::parse(&payload), Ok(Request::LegacyRelease { pool: pool.clone() }));
        }
        for flag in [json!(1), json!(0), json!(null), json!("yes"), json!("")] {
            let payload = json!({"incrementCounter": flag, "RDBMSName": "Prod_MySQL"});
            assert_eq!(refused(&payload), "incrementCounter");
        }
    }

    #[test]
    fn every_request_is_read_as_it_was_said() {
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let lease: LeaseId = "Zk3v9Qa1".parse().expect("an id");
        let ttl = Seconds(35);
        let requests = [
            Request::LegacyAcquire { pool: pool.clone() },
            Request::LegacyRelease { pool: pool.clone() },
            Request::Acquire(AcquireRequest {
                pool: pool.clone(),
                lease,
                ttl,
                class: Class::Priority,
                attempt: None,
            }),
            Request::Acquire(AcquireRequest {
                pool: pool.clone(),
                lease,
                ttl,
                class: Class::Standard,
                attempt: NonZeroU32::new(2),
            }),
            Request::Release(ReleaseRequest { pool: pool.clone(), lease, shard: None }),
            Request::Release(ReleaseRequest { pool: pool.clone(), lease, shard: Some(0) }),
            Request::Renew(RenewRequest { pool: pool.clone(), lease, ttl, shard: None }),
            Request::Renew(RenewRequest { pool: pool.clone(), lease, ttl, shard: Some(16) }),
            Request::Status { pool: pool.clone() },
            Request::Sweep { pool },
        ];
        for request in requests {
            assert_eq!(Request::parse(&request.payload()), Ok(request));
        }
    }

    #[test]
    fn the_class_is_standard_unless_it_is_said() {
        let payload =
            json!({"op": "acquire", "RDBMSName": "p", "lease": "Zk3v9Qa1", "ttlSeconds": 1});
        let class = Request::parse(&payload).map(|request| match request {
            Request::Acquire(AcquireRequest { class, .. }) => Some(class),
            _ => None,
        });
        assert_eq!(class, Ok(Some(Class::Standard)));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let right = json!({
            "op": "acquire", "RDBMSName": "p", "lease": "Zk3v9Qa1", "ttlSeconds": 35,
            "class": "standard",
        });
        assert!(Request::parse(&right).is_ok());
        let wrong = [
            ("op", json!("grab")),
            ("op", json!("drain")),
            ("op", json!("resume")),
            ("op", json!("resize")),
            ("op", json!("evict")),
            ("op", json!(7)),
            ("RDBMSName", json!(7)),
            ("RDBMSName", json!("")),
            ("RDBMSName", json!("x".repeat(100_000))),
            ("lease", json!(["Zk3v9Qa1"])),
            ("lease", json!("~k3v9Qa1")),
            ("ttlSeconds", json!(0)),
            ("ttlSeconds", json!(-5)),
            ("ttlSeconds", json!(961)),
            ("ttlSeconds", json!(1e300)),
            ("ttlSeconds", json!(35.5)),
            ("ttlSeconds", json!("35")),
            ("class", json!("vip")),
            ("class", json!(null)),
            ("attempt", json!(0)),
            ("attempt", json!("1")),
            ("attempt", json!(1.5)),
            ("shard", json!(0)),
            ("ttl", json!(35)),
            ("incrementCounter", json!(true)),
        ];
        for (field, value) in wrong {
            let mut payload = right.clone();
            payload[field] = value;
            assert_eq!(refused(&payload), field, "{payload}");
        }
        for field in ["op", "RDBMSName", "lease", "ttlSeconds"] {
            let mut payload = right.clone();
            payload.as_object_mut().expect("an object").remove(field);
            assert_eq!(refused(&payload), field);
        }
        for payload in [json!(null), json!([]), json!("x"), json!(1)] {
            assert_eq!(refused(&payload), "payload");
        }
    }

    #[test]
    fn json_that_no_value_holds_is_refused_as_any_other_wrong_payload() {
        let status = |name: &str| format!(r#"{{"op": "status", "RDBMSName": {name}}}"#);
        assert!(Request::from_json(status(r#""p""#).as_bytes()).is_ok());
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        for name in ["1e999", r#""\ud800""#, &deep, "", "\u{0}"] {
            let refused = Request::from_json(status(name).as_bytes()).expect_err("it is refused");
            assert_eq!(refused.field, "payload", "{name}");
        }
        assert_eq!(Request::from_json(b"\xff").expect_err("it is refused").field, "payload");
    }

    #[test]
    fn a_long_field_is_not_repeated_at_length() {
        let mut payload = json!({"op": "status", "RDBMSName": "p"});
        payload["é".repeat(10_000)] = json!(1);
        assert_eq!(refused(&payload).chars().count(), 65);
    }
}
