//! The secret that is rotated, at Secrets Manager.

use std::collections::HashMap;
use std::fmt;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use rds_admission::secret::{Credentials, SecretError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use thiserror::Error;

/// The length of a new password. RDS accepts at most 41 characters for MySQL.
const PASSWORD_LENGTH: i64 = 32;

/// Characters that RDS rejects in a password, as in the template's secret.
const EXCLUDED: &str = r#""@/\"#;

/// The staging label of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Current,
    Pending,
    Previous,
}

impl Stage {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Pending => "AWSPENDING",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// A call to Secrets Manager failed, or a value is missing or unusable. No error holds a value: the SDK's own hide it.
#[derive(Debug, Error)]
pub(super) enum SecretsManagerError {
    #[error("Secrets Manager did not {what}")]
    Call { what: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the secret has no value labelled {}", .0.as_str())]
    NoValue(Stage),
    #[error("the value labelled {} is not usable", stage.as_str())]
    Value { stage: Stage, source: SecretError },
}

fn failed<E>(what: &'static str) -> impl FnOnce(E) -> SecretsManagerError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| SecretsManagerError::Call { what, source: Box::new(source) }
}

/// A secret that is rotated to one of its versions.
#[derive(Debug, Clone, Copy)]
pub(super) struct RotatedSecret<'r> {
    pub(super) client: &'r Client,
    /// The secret's ARN.
    pub(super) id: &'r str,
    /// The id of the version that becomes the current one.
    pub(super) token: &'r str,
}

impl RotatedSecret<'_> {
    pub(super) async fn versions(&self) -> Result<Versions, SecretsManagerError> {
        let described = self.client.describe_secret().secret_id(self.id).send().await;
        let described = described.map_err(failed("describe the secret"))?;
        Ok(Versions {
            // Absent for a secret without a schedule, which is rotated by hand.
            rotation_enabled: described.rotation_enabled().unwrap_or(true),
            labels: described.version_ids_to_stages().cloned().unwrap_or_default(),
        })
    }

    /// Returns the value with this label, if there is one. A pending version must also be the version `token`.
    pub(super) async fn find(&self, stage: Stage) -> Result<Option<Document>, SecretsManagerError> {
        let version = (stage == Stage::Pending).then(|| self.token.to_owned());
        let request = self.client.get_secret_value().secret_id(self.id);
        let request = request.version_stage(stage.as_str()).set_version_id(version);
        let value = match request.send().await {
            Ok(value) => value,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed("return a value of the secret")(error)),
        };
        let json = match (value.secret_string(), value.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(binary)) => binary.as_ref(),
            (None, None) => return Ok(None),
        };
        let document = Document::from_json(json);
        document.map(Some).map_err(|source| SecretsManagerError::Value { stage, source })
    }

    /// Returns the value with this label. Fails if there is none.
    pub(super) async fn read(&self, stage: Stage) -> Result<Document, SecretsManagerError> {
        self.find(stage).await?.ok_or(SecretsManagerError::NoValue(stage))
    }

    pub(super) async fn new_password(&self) -> Result<SecretString, SecretsManagerError> {
        const WHAT: &str = "generate a password";
        let request = self.client.get_random_password().password_length(PASSWORD_LENGTH);
        let answer = request.exclude_characters(EXCLUDED).send().await.map_err(failed(WHAT))?;
        let password = answer.random_password.filter(|password| !password.is_empty());
        password.map(SecretString::from).ok_or_else(|| failed(WHAT)(std::io::Error::other("none")))
    }

    /// Stores the value of the pending version. Returns false if it already has another one, which is kept.
    pub(super) async fn put_pending(
        &self,
        json: &SecretString,
    ) -> Result<bool, SecretsManagerError> {
        let request = self.client.put_secret_value().secret_id(self.id);
        let request = request.client_request_token(self.token).secret_string(json.expose_secret());
        match request.version_stages(Stage::Pending.as_str()).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed("store the new value")(error)),
        }
    }

    /// Makes the version `token` the current one, in place of `current`. After an error it may be current too.
    pub(super) async fn make_current(
        &self,
        current: Option<&str>,
    ) -> Result<(), SecretsManagerError> {
        let request = self.client.update_secret_version_stage().secret_id(self.id);
        let request = request.version_stage(Stage::Current.as_str()).move_to_version_id(self.token);
        let moved = request.set_remove_from_version_id(current.map(str::to_owned)).send().await;
        moved.map(drop).map_err(failed("make the new version the current one"))
    }
}

/// The versions of a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Versions {
    rotation_enabled: bool,
    /// The labels of each version, by its id.
    labels: HashMap<String, Vec<String>>,
}

/// A version can't be rotated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotRotatable {
    #[error("rotation is not enabled for the secret")]
    Disabled,
    #[error("the secret has no version with the id of the event's ClientRequestToken")]
    NoSuchVersion,
    /// The rotation was cancelled, or another one was started.
    #[error("the version of the event's ClientRequestToken is not labelled AWSPENDING")]
    NotPending,
}

impl Versions {
    /// Whether the version `token` is to be rotated to. False if it is the current one: a step was repeated after the
    /// rotation had finished.
    pub(super) fn is_rotating_to(&self, token: &str) -> Result<bool, NotRotatable> {
        if !self.rotation_enabled {
            return Err(NotRotatable::Disabled);
        }
        if !self.labels.contains_key(token) {
            return Err(NotRotatable::NoSuchVersion);
        }
        if self.has(token, Stage::Current) {
            return Ok(false);
        }
        if self.has(token, Stage::Pending) { Ok(true) } else { Err(NotRotatable::NotPending) }
    }

    /// Returns the id of the version with this label.
    pub(super) fn id_of(&self, stage: Stage) -> Option<&str> {
        self.labels.keys().map(String::as_str).find(|id| self.has(id, stage))
    }

    fn has(&self, id: &str, stage: Stage) -> bool {
        self.labels.get(id).into_iter().flatten().any(|label| label == stage.as_str())
    }
}

/// A version's value: the credentials, and the secret's other fields, which a rotation must keep.
pub(super) struct Document {
    fields: Map<String, Value>,
    pub(super) credentials: Credentials,
}

impl Document {
    fn from_json(json: &[u8]) -> Result<Self, SecretError> {
        let credentials = Credentials::from_json(json)?;
        // serde's own error would quote a part of the secret.
        let fields =
            serde_json::from_slice(json).map_err(|_| SecretError::Shape { field: "fields" })?;
        Ok(Self { fields, credentials })
    }

    /// Returns the JSON with another password.
    pub(super) fn json_with(&self, password: &SecretString) -> SecretString {
        let mut fields = self.fields.clone();
        fields.insert("password".to_owned(), password.expose_secret().into());
        Value::Object(fields).to_string().into()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_password_changes() {
        let mut fields = json!({
            "username": "admin", "password": "hunter2", "host": "db", "port": 3306,
            "engine": "mysql", "dbname": "demodb2", "dbInstanceIdentifier": "x",
            "masterarn": null, "notes": {"by": ["hand"]},
        });
        let document = Document::from_json(fields.to_string().as_bytes()).expect("a document");
        let changed = document.json_with(&"it's \u{e9}\"\\".to_owned().into());
        let changed: Value = serde_json::from_str(changed.expose_secret()).expect("JSON");
        fields["password"] = json!("it's \u{e9}\"\\");
        assert_eq!(changed, fields);
        assert_eq!(document.credentials.password.expose_secret(), "hunter2");
    }

    #[test]
    fn an_invalid_value_is_refused_and_nothing_secret_is_shown() {
        for json in ["hunter2", r#"["hunter2"]"#, r#"{"password": "hunter2"}"#] {
            let error = Document::from_json(json.as_bytes()).expect_err("it is refused");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let json = br#"{"username":"a","password":"hunter2","host":"c"}"#;
        let shown = format!("{:?}", Document::from_json(json).expect("a document"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    fn versions(labels: &[(&str, &[&str])]) -> Versions {
        let owned = |labels: &[&str]| labels.iter().map(|&label| label.to_owned()).collect();
        let labels = labels.iter().map(|&(id, labels)| (id.to_owned(), owned(labels))).collect();
        Versions { rotation_enabled: true, labels }
    }

    #[test]
    fn a_pending_version_is_rotated_to() {
        let rotating = versions(&[("old", &["AWSCURRENT"]), ("new", &["mine", "AWSPENDING"])]);
        assert_eq!(rotating.is_rotating_to("new"), Ok(true));
        assert_eq!(rotating.id_of(Stage::Current), Some("old"));
        assert_eq!(rotating.id_of(Stage::Previous), None);
    }

    #[test]
    fn the_current_version_needs_no_rotation_even_if_it_is_still_pending() {
        for labels in [&["AWSCURRENT"][..], &["AWSPENDING", "AWSCURRENT"]] {
            let done = versions(&[("old", &["AWSPREVIOUS"]), ("new", labels)]);
            assert_eq!(done.is_rotating_to("new"), Ok(false));
        }
    }

    #[test]
    fn reasons_not_to_rotate_are_distinguished() {
        let rotating = versions(&[("old", &["AWSCURRENT"]), ("new", &["AWSPENDING"]), ("x", &[])]);
        assert_eq!(rotating.is_rotating_to("y"), Err(NotRotatable::NoSuchVersion));
        assert_eq!(rotating.is_rotating_to("x"), Err(NotRotatable::NotPending));
        let disabled = Versions { rotation_enabled: false, ..rotating };
        assert_eq!(disabled.is_rotating_to("new"), Err(NotRotatable::Disabled));
        assert_eq!(disabled.is_rotating_to("old"), Err(NotRotatable::Disabled));
    }

    #[test]
    fn a_new_password_excludes_the_same_characters_as_the_template() {
        let template = include_str!("../../../template.yaml");
        let line =
            template.lines().find_map(|line| line.trim().strip_prefix("ExcludeCharacters: "));
        assert_eq!(line, Some(format!("'{EXCLUDED}'").as_str()));
    }
}
