//! The secret's versions, at Secrets Manager.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError;
use rds_admission::secret::SecretError;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::{Document, Stage, Versions};

/// The length of a new password. RDS takes 41 characters for MySQL at the most.
const PASSWORD_LENGTH: i64 = 32;

/// What a new password has none of: the same as in the template's secret, because RDS refuses them.
const EXCLUDED: &str = r#""@/\"#;

/// What Secrets Manager knows of secrets.
#[derive(Debug, Clone)]
pub struct Vault(Client);

/// Why it could not be asked or told. No error holds a secret's value: the SDK's own hide it.
#[derive(Debug, Error)]
pub enum VaultError {
    /// A call failed.
    #[error("Secrets Manager did not {what}")]
    Call {
        /// What it was asked for.
        what: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A version that must be there is not, or has no value.
    #[error("the secret has no value labelled {}", .0.as_str())]
    NoValue(Stage),
    /// A version does not hold what it takes to log in.
    #[error("the value labelled {} is not usable", stage.as_str())]
    Value {
        /// The version's label.
        stage: Stage,
        /// What is wrong with it.
        source: SecretError,
    },
}

fn failed<E>(what: &'static str) -> impl FnOnce(E) -> VaultError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| VaultError::Call { what, source: Box::new(source) }
}

impl Vault {
    /// The secrets that `client` has access to.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The versions of a secret.
    ///
    /// # Errors
    /// [`VaultError::Call`].
    pub async fn versions(&self, secret: &str) -> Result<Versions, VaultError> {
        let described = self.0.describe_secret().secret_id(secret).send().await;
        let described = described.map_err(failed("describe the secret"))?;
        Ok(Versions {
            // It says nothing of a secret that never had a schedule and is rotated by hand.
            rotation_enabled: described.rotation_enabled().unwrap_or(true),
            labels: described.version_ids_to_stages().cloned().unwrap_or_default(),
        })
    }

    /// The value of the version with this label; `None` when there is none, or it has no value, as a
    /// rotation finds its pending version at first. A pending version must also be the version `token`.
    ///
    /// # Errors
    /// [`VaultError::Call`] and [`VaultError::Value`].
    pub async fn find(
        &self,
        secret: &str,
        token: &str,
        stage: Stage,
    ) -> Result<Option<Document>, VaultError> {
        let version = (stage == Stage::Pending).then(|| token.to_owned());
        let request = self.0.get_secret_value().secret_id(secret).version_stage(stage.as_str());
        let value = match request.set_version_id(version).send().await {
            Ok(value) => value,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed("hand out a value of the secret")(error)),
        };
        let json = match (value.secret_string(), value.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(binary)) => binary.as_ref(),
            (None, None) => return Ok(None),
        };
        let document = Document::from_json(json);
        document.map(Some).map_err(|source| VaultError::Value { stage, source })
    }

    /// The value of the version with this label.
    ///
    /// # Errors
    /// As [`find`](Self::find), and [`VaultError::NoValue`].
    pub async fn read(
        &self,
        secret: &str,
        token: &str,
        stage: Stage,
    ) -> Result<Document, VaultError> {
        self.find(secret, token, stage).await?.ok_or(VaultError::NoValue(stage))
    }

    /// A new password.
    ///
    /// # Errors
    /// [`VaultError::Call`].
    pub async fn new_password(&self) -> Result<SecretString, VaultError> {
        const WHAT: &str = "make up a password";
        let request = self.0.get_random_password().password_length(PASSWORD_LENGTH);
        let answer = request.exclude_characters(EXCLUDED).send().await.map_err(failed(WHAT))?;
        let password = answer.random_password.filter(|password| !password.is_empty());
        password.map(SecretString::from).ok_or_else(|| failed(WHAT)(std::io::Error::other("none")))
    }

    /// Gives the version `token` this value and the label of a pending one. False when it has a value
    /// already, which is then kept.
    ///
    /// # Errors
    /// [`VaultError::Call`].
    pub async fn put_pending(
        &self,
        secret: &str,
        token: &str,
        json: &SecretString,
    ) -> Result<bool, VaultError> {
        let request = self.0.put_secret_value().secret_id(secret).client_request_token(token);
        let request = request.secret_string(json.expose_secret());
        match request.version_stages(Stage::Pending.as_str()).send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutSecretValueError::is_resource_exists_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed("keep the new value")(error)),
        }
    }

    /// Makes the version `token` the current one, in the place of `before`.
    ///
    /// # Errors
    /// [`VaultError::Call`]; it may be the current one all the same.
    pub async fn make_current(
        &self,
        secret: &str,
        token: &str,
        before: Option<&str>,
    ) -> Result<(), VaultError> {
        let request = self.0.update_secret_version_stage().secret_id(secret);
        let request = request.version_stage(Stage::Current.as_str()).move_to_version_id(token);
        let moved = request.set_remove_from_version_id(before.map(str::to_owned)).send().await;
        moved.map(drop).map_err(failed("make the new version the current one"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_lacks_what_the_templates_secret_lacks() {
        let template = include_str!("../../../template.yaml");
        let line =
            template.lines().find_map(|line| line.trim().strip_prefix("ExcludeCharacters: "));
        assert_eq!(line, Some(format!("'{EXCLUDED}'").as_str()));
    }
}
