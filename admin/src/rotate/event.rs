//! The event that Secrets Manager sends to a rotation function.

use serde::Deserialize;

/// One step of a rotation
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>). Holds no
/// secret value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Event {
    pub(super) step: Step,
    /// The secret's ARN.
    pub(super) secret_id: String,
    /// The id of the version that becomes the current one.
    #[serde(rename = "ClientRequestToken")]
    pub(super) token: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

impl Step {
    /// Returns the name in events and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(event: Value) -> Result<Event, serde_json::Error> {
        serde_json::from_value(event)
    }

    #[test]
    fn every_step_has_the_same_name_in_events_and_logs() {
        for step in [Step::Create, Step::Set, Step::Test, Step::Finish] {
            let event = json!({
                "Step": step.as_str(), "SecretId": "arn", "ClientRequestToken": "token",
                "RotationToken": "of rotations across accounts",
            });
            let (secret_id, token) = ("arn".to_owned(), "token".to_owned());
            assert_eq!(read(event).expect("an event"), Event { step, secret_id, token });
        }
    }

    #[test]
    fn an_invalid_event_is_rejected() {
        let event = json!({"Step": "setSecret", "SecretId": "arn", "ClientRequestToken": "token"});
        for (name, value) in [
            ("Step", json!("SetSecret")),
            ("Step", json!("deleteSecret")),
            ("SecretId", json!(1)),
            ("ClientRequestToken", json!(null)),
        ] {
            let mut wrong = event.clone();
            wrong[name] = value;
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
