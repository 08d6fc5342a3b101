//! Answers of the lease protocol.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::pool::LeaseId;
use crate::pool::warm::FillLevel;
use crate::time::UnixSeconds;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To the article's `incrementCounter: true`; as JSON, whether the slot was granted.
    LegacyAcquire(#[serde(serialize_with = "legacy_acquire")] AcquireAnswer),
    /// To the article's `incrementCounter: false`; as JSON, whether a slot was released.
    LegacyRelease(#[serde(serialize_with = "legacy_release")] ReleaseAnswer),
    /// To an acquire.
    Acquire(AcquireAnswer),
    /// To a release.
    Release(ReleaseAnswer),
    /// To a renewal.
    Renew(RenewAnswer),
    /// To a status.
    Status(StatusAnswer),
    /// To a sweep.
    Sweep(SweepAnswer),
}

impl Answer {
    /// Returns the outcome for the log; for a rejection, its reason.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::LegacyAcquire(answer) | Self::Acquire(answer) => match answer {
                AcquireAnswer::Granted(_) => "granted",
                AcquireAnswer::Refused(refused) => refused.reason.as_str(),
            },
            Self::LegacyRelease(answer) | Self::Release(answer) => {
                if answer.released {
                    "released"
                } else {
                    "already_back"
                }
            }
            Self::Renew(answer) => {
                if answer.renewed {
                    "renewed"
                } else {
                    "lost"
                }
            }
            Self::Status(_) => "status",
            Self::Sweep(_) => "swept",
        }
    }

    /// Returns the number of expired leases that a grant replaced or a sweep removed.
    #[must_use]
    pub fn taken_over(&self) -> u32 {
        match self {
            Self::LegacyAcquire(AcquireAnswer::Granted(granted))
            | Self::Acquire(AcquireAnswer::Granted(granted)) => granted.taken_over,
            Self::Sweep(answer) => answer.expired,
            _ => 0,
        }
    }
}

fn legacy_acquire<S: Serializer>(answer: &AcquireAnswer, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bool(matches!(answer, AcquireAnswer::Granted(_)))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn legacy_release<S: Serializer>(answer: &ReleaseAnswer, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_bool(answer.released)
}

/// The answer to an acquire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AcquireAnswerJson", into = "AcquireAnswerJson")]
pub enum AcquireAnswer {
    /// `"granted": true`.
    Granted(Granted),
    /// `"granted": false`.
    Refused(Refused),
}

/// A granted lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Its id.
    pub lease: LeaseId,
    /// When it expires, by the clock of the backend.
    pub expires_at: UnixSeconds,
    /// The shard that holds it, if the pool is split. A release or renewal that names it saves a search.
    pub shard: Option<u32>,
    /// Leases held in the pool, as last seen; 0 if not known.
    pub in_use: u32,
    /// Slots of the pool; 0 if not known.
    pub max_connections: u32,
    /// Expired leases that the grant replaced. Omitted in JSON if 0.
    pub taken_over: u32,
    /// The fill level of the pool, or of that shard, after the write that granted the lease. `None` while the pool
    /// drains, and from a counter that does not support warm slots: a slot must then not be kept warm.
    pub fill_level: Option<FillLevel>,
}

/// A rejection: retry later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// How long to wait before a retry.
    pub retry_after: Duration,
    /// Leases held in the pool, as last seen.
    pub in_use: Option<u32>,
    /// Slots of the pool, as last seen.
    pub max_connections: Option<u32>,
}

/// Why an acquire was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// All slots of the caller's class are held.
    Full,
    /// The counter's rate limit is exceeded, or the table throttled the request.
    Throttled,
    /// The pool is draining.
    Draining,
}

impl Reason {
    /// Returns the reason as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Throttled => "throttled",
            Self::Draining => "draining",
        }
    }
}

/// An [`AcquireAnswer`] as JSON: one object whose fields depend on `granted`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AcquireAnswerJson {
    granted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<LeaseId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_over: Option<u32>,
    #[serde(rename = "filling", skip_serializing_if = "Option::is_none")]
    fill_level: Option<FillLevel>,
}

impl From<AcquireAnswer> for AcquireAnswerJson {
    fn from(answer: AcquireAnswer) -> Self {
        match answer {
            AcquireAnswer::Granted(granted) => Self {
                granted: true,
                lease: Some(granted.lease),
                expires_at: Some(granted.expires_at),
                shard: granted.shard,
                reason: None,
                retry_after_ms: None,
                in_use: Some(granted.in_use),
                max_connections: Some(granted.max_connections),
                taken_over: (granted.taken_over > 0).then_some(granted.taken_over),
                fill_level: granted.fill_level,
            },
            AcquireAnswer::Refused(refused) => Self {
                granted: false,
                lease: None,
                expires_at: None,
                shard: None,
                reason: Some(refused.reason),
                retry_after_ms: Some(
                    u64::try_from(refused.retry_after.as_millis()).unwrap_or(u64::MAX),
                ),
                in_use: refused.in_use,
                max_connections: refused.max_connections,
                taken_over: None,
                fill_level: None,
            },
        }
    }
}

impl TryFrom<AcquireAnswerJson> for AcquireAnswer {
    type Error = &'static str;

    fn try_from(json: AcquireAnswerJson) -> Result<Self, &'static str> {
        Ok(if json.granted {
            Self::Granted(Granted {
                lease: json.lease.ok_or("lease is missing")?,
                expires_at: json.expires_at.ok_or("expiresAt is missing")?,
                shard: json.shard,
                in_use: json.in_use.ok_or("inUse is missing")?,
                max_connections: json.max_connections.ok_or("maxConnections is missing")?,
                taken_over: json.taken_over.unwrap_or_default(),
                fill_level: json.fill_level,
            })
        } else {
            Self::Refused(Refused {
                reason: json.reason.ok_or("reason is missing")?,
                retry_after: Duration::from_millis(
                    json.retry_after_ms.ok_or("retryAfterMs is missing")?,
                ),
                in_use: json.in_use,
                max_connections: json.max_connections,
            })
        })
    }
}

/// The answer to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseAnswer {
    /// Whether this request released the slot; false if it was released already.
    pub released: bool,
    /// Leases held now.
    pub in_use: u32,
}

/// The answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenewAnswer {
    /// Whether the lease was extended. If not, the holder must close its connection at once.
    pub renewed: bool,
    /// When it expires, if it was extended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixSeconds>,
    /// The fill level of the pool, or of the shard that holds the lease. `None` while the pool drains.
    #[serde(rename = "filling", default, skip_serializing_if = "Option::is_none")]
    pub fill_level: Option<FillLevel>,
}

impl RenewAnswer {
    /// The answer for a lease that is no longer held.
    pub const LOST: Self = Self { renewed: false, expires_at: None, fill_level: None };
}

/// The answer to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusAnswer {
    /// Leases held, including expired ones.
    pub in_use: u32,
    /// Slots of the pool.
    pub max_connections: u32,
    /// Slots that class `standard` may take.
    pub standard_limit: u32,
    /// Expired leases, which acquires may take over.
    pub expired: u32,
    /// Whether the pool is draining: no slot is granted.
    #[serde(default)]
    pub draining: bool,
}

/// The answer to a sweep: the state of the pool after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepAnswer {
    /// Expired leases that were removed.
    pub expired: u32,
    /// Leases held now.
    pub in_use: u32,
    /// Slots of the pool.
    pub max_connections: u32,
    /// Slots that class `standard` may take.
    pub standard_limit: u32,
    /// Whether the pool is draining.
    pub draining: bool,
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use serde_json::json;

    use super::*;

    #[test]
    fn answers_have_the_protocols_fields() {
        let granted = AcquireAnswer::Granted(Granted {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            expires_at: UnixSeconds(1_764_000_000),
            shard: None,
            in_use: 17,
            max_connections: 62,
            taken_over: 0,
            fill_level: None,
        });
        let text = json!({
            "granted": true, "lease": "Zk3v9Qa1", "expiresAt": 1_764_000_000, "inUse": 17,
            "maxConnections": 62,
        });
        assert_eq!(serde_json::to_value(&granted).expect("JSON"), text);
        assert_eq!(serde_json::from_value::<AcquireAnswer>(text).expect("an answer"), granted);

        let mut in_a_shard = granted;
        if let AcquireAnswer::Granted(granted) = &mut in_a_shard {
            (granted.shard, granted.taken_over) = (Some(3), 2);
            let standard_limit = NonZeroU32::new(15).expect("not 0");
            granted.fill_level = Some(FillLevel { in_use: 5, standard_limit });
        }
        let text = json!({
            "granted": true, "lease": "Zk3v9Qa1", "expiresAt": 1_764_000_000, "shard": 3,
            "inUse": 17, "maxConnections": 62, "takenOver": 2,
            "filling": {"inUse": 5, "standardLimit": 15},
        });
        assert_eq!(serde_json::to_value(&in_a_shard).expect("JSON"), text);
        assert_eq!(serde_json::from_value::<AcquireAnswer>(text).expect("an answer"), in_a_shard);

        let refused = AcquireAnswer::Refused(Refused {
            reason: Reason::Full,
            retry_after: Duration::from_millis(250),
            in_use: Some(60),
            max_connections: Some(62),
        });
        let text = json!({
            "granted": false, "reason": "full", "retryAfterMs": 250, "inUse": 60,
            "maxConnections": 62,
        });
        assert_eq!(serde_json::to_value(&refused).expect("JSON"), text);
        assert_eq!(serde_json::from_value::<AcquireAnswer>(text).expect("an answer"), refused);
    }

    #[test]
    fn a_status_without_draining_is_parsed() {
        let text = json!({"inUse": 1, "maxConnections": 62, "standardLimit": 60, "expired": 0});
        let status: StatusAnswer = serde_json::from_value(text).expect("an answer");
        assert!(!status.draining);
    }

    #[test]
    fn an_answer_with_missing_fields_is_an_error() {
        for half in [json!({"granted": true}), json!({"granted": false}), json!({}), json!(true)] {
            assert!(serde_json::from_value::<AcquireAnswer>(half).is_err());
        }
    }
}
