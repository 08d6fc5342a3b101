//! A rule: which calls, when, and with which fault.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A rule, as it is posted and listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// The function that calls; any when missing.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// The instance that calls; any when missing.
    #[serde(default)]
    pub(super) instance: Option<String>,
    pub(super) call: CallKind,
    /// The operation of the AWS service; any when missing.
    #[serde(default)]
    pub(super) operation: Option<String>,
    pub(super) moment: Moment,
    pub(super) action: Action,
    /// The probability that a matching call is hit.
    #[serde(default = "always")]
    pub(super) probability: f64,
    /// The number of hits after which the rule is spent; unlimited when missing.
    #[serde(default)]
    pub(super) times: Option<u64>,
}

fn always() -> f64 {
    1.0
}

/// The kind of call. A slot operation on the table is also a call of DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CallKind {
    /// Acquires a slot, at the counter or the table.
    Acquire,
    /// Releases a slot, at the counter or the table.
    Release,
    /// Renews a lease, at the counter or the table.
    Renew,
    /// Reads the pool's status at the counter.
    Status,
    /// Any operation of DynamoDB.
    DynamoDb,
    /// Any operation of Secrets Manager.
    SecretsManager,
}

/// When a fault is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Moment {
    /// Before the call is forwarded.
    Before,
    /// After its answer has arrived, before it is returned.
    After,
    /// As `After`, if the answer grants a slot.
    Granted,
}

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    DelayMs(u32),
    /// Replaces the real answer.
    Answer(FakeAnswer),
    /// Kills the caller, without an answer.
    Kill(True),
    /// Freezes the caller.
    FreezeSeconds(f64),
}

/// The JSON value `true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub(crate) struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value { Ok(Self) } else { Err("must be true") }
    }
}

impl From<True> for bool {
    fn from(_: True) -> Self {
        true
    }
}

/// An answer that replaces the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FakeAnswer {
    /// The service's throttling error.
    Throttled,
    /// The service's internal error.
    Error,
    /// A connection that breaks.
    Unreachable,
}

impl Rule {
    /// Checks the numbers.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err("probability must be from 0 to 1");
        }
        match self.action {
            Action::FreezeSeconds(seconds) if Duration::try_from_secs_f64(seconds).is_err() => {
                Err("freezeSeconds must be a time")
            }
            _ => Ok(()),
        }
    }
}

impl FakeAnswer {
    pub(super) fn response(self, kind: CallKind) -> Response {
        use CallKind::{DynamoDb, SecretsManager};
        let (status, name) = match (self, kind) {
            (Self::Unreachable, _) => return broken(),
            (Self::Throttled, DynamoDb) => {
                (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException")
            }
            (Self::Throttled, SecretsManager) => (StatusCode::BAD_REQUEST, "ThrottlingException"),
            (Self::Throttled, _) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            (Self::Error, DynamoDb) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
            (Self::Error, SecretsManager) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError")
            }
            (Self::Error, _) => (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"),
        };
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", name)];
        let message = "injected by a fault rule";
        let body = json!({"__type": name, "message": message, "Message": message}).to_string();
        (status, headers, body).into_response()
    }
}

/// A response whose connection breaks.
pub(super) fn broken() -> Response {
    let body =
        futures::stream::iter([Err::<Bytes, _>(io::Error::other("injected by a fault rule"))]);
    (StatusCode::BAD_GATEWAY, Body::from_stream(body)).into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Action, CallKind, FakeAnswer, Moment, Rule, True};

    fn parse(rule: Value) -> Result<Rule, String> {
        let rule: Rule = serde_json::from_value(rule).map_err(|error| error.to_string())?;
        rule.check().map(|()| rule).map_err(str::to_owned)
    }

    #[test]
    fn reads_what_people_write() {
        let kill = parse(json!({"call": "acquire", "moment": "after", "action": {"kill": true}}));
        let kill = kill.unwrap();
        assert_eq!((kill.call, kill.moment), (CallKind::Acquire, Moment::After));
        assert_eq!((kill.action, kill.probability, kill.times), (Action::Kill(True), 1.0, None));
        let throttle = parse(json!({
            "from": "f", "instance": "i", "call": "dynamodb", "moment": "before",
            "action": {"answer": "throttled"}, "probability": 0.5, "times": 3
        }));
        assert_eq!(throttle.unwrap().action, Action::Answer(FakeAnswer::Throttled));
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let with = |name: &str, value: Value| {
            let mut rule = json!({
                "call": "release", "moment": "before", "action": {"delayMs": 1}
            });
            rule[name] = value;
            parse(rule)
        };
        assert!(with("times", json!(1)).is_ok());
        for (name, value) in [
            ("call", json!("lambda")),
            ("moment", json!("later")),
            ("action", json!({"kill": false})),
            ("action", json!({"freezeSeconds": -1.0})),
            ("action", json!({"delayMs": -1})),
            ("probability", json!(1.5)),
            ("probabilty", json!(0.5)),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name}: {value}");
        }
    }
}
