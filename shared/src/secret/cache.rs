//! A secret that is kept after it was read.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use tokio::sync::RwLock;

use super::{Credentials, SecretError};

/// One secret: a warm instance reads it once, and again when the database refuses it.
///
/// While the password is rotated, the database has the new one some seconds before the secret calls
/// it the current one: then it is the version labelled `AWSPENDING` that lets in
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
#[derive(Debug)]
pub struct SecretCache {
    client: Client,
    id: String,
    kept: RwLock<Option<Arc<Credentials>>>,
}

/// The version that is to be used.
const CURRENT: &str = "AWSCURRENT";
/// The version that a rotation is about to make the current one.
const PENDING: &str = "AWSPENDING";

impl SecretCache {
    /// The secret of this ARN or name.
    pub fn new(client: Client, id: impl Into<String>) -> Self {
        Self { client, id: id.into(), kept: RwLock::new(None) }
    }

    /// The credentials that were read last, or that are read now.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn get(&self) -> Result<Arc<Credentials>, SecretError> {
        if let Some(kept) = &*self.kept.read().await {
            return Ok(Arc::clone(kept));
        }
        let mut kept = self.kept.write().await;
        if let Some(kept) = &*kept {
            return Ok(Arc::clone(kept));
        }
        Ok(Arc::clone(kept.insert(Arc::new(self.read_current().await?))))
    }

    /// The credentials to try when the database has refused all of `refused`: those that somebody
    /// else has read since, else the current ones, else the pending ones. They are kept from now on.
    /// `None` when the database has refused these as well; another try may find others.
    ///
    /// # Errors
    /// [`SecretError`]; what was kept is then kept on.
    pub async fn other_than(
        &self,
        refused: &[Arc<Credentials>],
    ) -> Result<Option<Arc<Credentials>>, SecretError> {
        let is_new = |read: &Credentials| !refused.iter().any(|refused| refused.logs_in_as(read));
        // Held while it is read: of many that are refused at once, one reads.
        let mut kept = self.kept.write().await;
        if let Some(kept) = &*kept
            && is_new(kept)
        {
            return Ok(Some(Arc::clone(kept)));
        }
        let mut other = Some(self.read_current().await?).filter(is_new);
        if other.is_none() {
            other = self.read(PENDING).await?.filter(is_new);
        }
        Ok(other.map(|other| Arc::clone(kept.insert(Arc::new(other)))))
    }

    async fn read_current(&self) -> Result<Credentials, SecretError> {
        self.read(CURRENT).await?.ok_or(SecretError::Shape { field: "a value" })
    }

    /// The version with this label; `None` when there is none, or it has no value yet. A secret
    /// without a current version is not there at all.
    async fn read(&self, stage: &str) -> Result<Option<Credentials>, SecretError> {
        let request = self.client.get_secret_value().secret_id(&self.id).version_stage(stage);
        let secret = match request.send().await {
            Ok(secret) => secret,
            Err(error) => {
                let missing = error
                    .as_service_error()
                    .is_some_and(GetSecretValueError::is_resource_not_found_exception);
                if missing && stage != CURRENT {
                    return Ok(None);
                }
                return Err(SecretError::Read { source: Box::new(error) });
            }
        };
        let json = match (secret.secret_string(), secret.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(binary)) => binary.as_ref(),
            (None, None) => return Ok(None),
        };
        Credentials::from_json(json).map(Some)
    }
}
