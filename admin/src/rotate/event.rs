//! What Secrets Manager asks of a rotation function.

use serde::Deserialize;

/// The event of one step
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
/// It holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// What is to be done.
    pub step: Step,
    /// The secret's ARN.
    pub secret_id: String,
    /// The id of the version that is to become the current one.
    #[serde(rename = "ClientRequestToken")]
    pub token: String,
}

/// The steps of a rotation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// A new password is made up, and kept as the pending version.
    CreateSecret,
    /// The database is given the pending password.
    SetSecret,
    /// The pending password is seen to let in.
    TestSecret,
    /// The pending version becomes the current one.
    FinishSecret,
}

impl Step {
    /// The step's name in events and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateSecret => "createSecret",
            Self::SetSecret => "setSecret",
            Self::TestSecret => "testSecret",
            Self::FinishSecret => "finishSecret",
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
    fn every_step_is_read_by_the_name_that_it_is_logged_by() {
        for step in [Step::CreateSecret, Step::SetSecret, Step::TestSecret, Step::FinishSecret] {
            let event = json!({
                "Step": step.as_str(), "SecretId": "arn", "ClientRequestToken": "token",
                "RotationToken": "of rotations across accounts",
            });
            let (secret_id, token) = ("arn".to_owned(), "token".to_owned());
            assert_eq!(read(event).expect("an event"), Event { step, secret_id, token });
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
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
