//! A rule: whose call of what meets which fault, at which moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A rule, as it is posted and listed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Rule {
    /// The function whose calls are meant; all functions' when there is none.
    #[serde(default)]
    pub(super) from: Option<String>,
    /// The instance whose calls are meant.
    #[serde(default)]
    pub(super) instance: Option<String>,
    /// The call that is meant.
    pub(super) call: Kind,
    /// The operation of the service that is meant; all of them when there is none.
    #[serde(default)]
    pub(super) operation: Option<String>,
    /// When the fault comes.
    pub(super) moment: Moment,
    /// What comes.
    pub(super) action: Action,
    /// How likely a call that is meant meets the fault.
    #[serde(default = "always")]
    pub(super) probability: f64,
    /// After how many hits the rule is spent; never when there is none.
    #[serde(default)]
    pub(super) times: Option<u64>,
}

fn always() -> f64 {
    1.0
}

/// What is called. A write of the table that takes a slot, gives it back or renews a lease is one of
/// DynamoDB and that too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The counter or the table, to take a slot.
    Acquire,
    /// The counter or the table, to give a slot back.
    Release,
    /// The counter or the table, to renew a lease.
    Renew,
    /// The counter, to be told how the pool stands.
    Status,
    /// Any operation of DynamoDB.
    DynamoDb,
    /// Any operation of Secrets Manager.
    SecretsManager,
}

/// When a fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Moment {
    /// Before the call is passed on.
    Before,
    /// When its answer is there, before that is passed back.
    After,
    /// The same, when the answer grants a slot.
    Granted,
}

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    /// Milliseconds of waiting.
    DelayMs(u32),
    /// Another answer in the place of the real one.
    Answer(Instead),
    /// The caller is killed, and nobody is answered.
    Kill(Sure),
    /// The caller stands still for so many seconds.
    FreezeSeconds(f64),
}

/// `true`, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub(crate) struct Sure;

impl TryFrom<bool> for Sure {
    type Error = &'static str;

    fn try_from(sure: bool) -> Result<Self, Self::Error> {
        if sure { Ok(Self) } else { Err("must be true") }
    }
}

impl From<Sure> for bool {
    fn from(_: Sure) -> Self {
        true
    }
}

/// The answer in the place of the real one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Instead {
    /// What the service says when it throttles.
    Throttled,
    /// What it says when it fails.
    Error,
    /// None: the connection breaks.
    Unreachable,
}

impl Rule {
    /// What is wrong with it, if something is.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Action, Instead, Kind, Moment, Rule, Sure};

    fn parse(rule: Value) -> Result<Rule, String> {
        let rule: Rule = serde_json::from_value(rule).map_err(|error| error.to_string())?;
        rule.check().map(|()| rule).map_err(str::to_owned)
    }

    #[test]
    fn reads_what_people_write() {
        let kill = parse(json!({"call": "acquire", "moment": "after", "action": {"kill": true}}));
        let kill = kill.unwrap();
        assert_eq!((kill.call, kill.moment), (Kind::Acquire, Moment::After));
        assert_eq!((kill.action, kill.probability, kill.times), (Action::Kill(Sure), 1.0, None));
        let throttle = parse(json!({
            "from": "f", "instance": "i", "call": "dynamodb", "moment": "before",
            "action": {"answer": "throttled"}, "probability": 0.5, "times": 3
        }));
        assert_eq!(throttle.unwrap().action, Action::Answer(Instead::Throttled));
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
