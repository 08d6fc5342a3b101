//! The database's credentials, from AWS Secrets Manager.

use std::fmt;
use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::RwLock;

/// Why there are no credentials.
#[derive(Debug, Error)]
pub enum SecretError {
    /// Secrets Manager could not be reached, or refused.
    #[error("the secret could not be read")]
    Read {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The secret is not the JSON object that `SecretTargetAttachment` writes. What it holds is not
    /// repeated.
    #[error("the secret is not an object with {field}")]
    Shape {
        /// What is missing or wrong.
        field: &'static str,
    },
}

/// What it takes to log in, and where.
///
/// The shape that `AWS::SecretsManager::SecretTargetAttachment` writes
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>).
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The user's password. Shown by no log, error or `Debug`.
    pub password: SecretString,
    /// The server's name or address.
    pub host: String,
    /// The server's TCP port.
    pub port: u16,
    /// The database, if one is named.
    pub database: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("host", &self.host).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Json {
    username: Option<String>,
    password: Option<SecretString>,
    host: Option<String>,
    port: Option<Port>,
    dbname: Option<String>,
}

/// The attachment writes a number, people write strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Text(String),
}

impl Credentials {
    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// [`SecretError::Shape`].
    pub fn from_json(json: &[u8]) -> Result<Self, SecretError> {
        let shape = |field| SecretError::Shape { field };
        // serde's own error would repeat a part of the secret.
        let json: Json =
            serde_json::from_slice(json).map_err(|_| shape("fields of the right types"))?;
        let port = match json.port {
            None => Some(3306),
            Some(Port::Number(port)) => Some(port),
            Some(Port::Text(port)) => port.parse().ok(),
        };
        Ok(Self {
            username: json.username.ok_or(shape("username"))?,
            password: json.password.ok_or(shape("password"))?,
            host: json.host.ok_or(shape("host"))?,
            port: port.ok_or(shape("a port"))?,
            database: json.dbname,
        })
    }
}

/// One secret, kept after it was read: a warm instance reads it once, and again when the database
/// refuses it.
#[derive(Debug)]
pub struct SecretCache {
    client: Client,
    id: String,
    kept: RwLock<Option<Arc<Credentials>>>,
}

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
        self.fill(&mut kept).await
    }

    /// The credentials after `refused` were refused: read anew, unless somebody has done so since.
    ///
    /// # Errors
    /// [`SecretError`]; what was kept is then kept on.
    pub async fn refresh(
        &self,
        refused: &Arc<Credentials>,
    ) -> Result<Arc<Credentials>, SecretError> {
        let mut kept = self.kept.write().await;
        if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, refused)) {
            let old = kept.take();
            let read = self.fill(&mut kept).await;
            if read.is_err() {
                *kept = old;
            }
            return read;
        }
        self.fill(&mut kept).await
    }

    async fn fill(
        &self,
        kept: &mut Option<Arc<Credentials>>,
    ) -> Result<Arc<Credentials>, SecretError> {
        if let Some(kept) = kept {
            return Ok(Arc::clone(kept));
        }
        let read = self.client.get_secret_value().secret_id(&self.id).send().await;
        let secret = read.map_err(|source| SecretError::Read { source: Box::new(source) })?;
        let json = match (secret.secret_string(), secret.secret_binary()) {
            (Some(text), _) => text.as_bytes(),
            (None, Some(binary)) => binary.as_ref(),
            (None, None) => return Err(SecretError::Shape { field: "a value" }),
        };
        let credentials = Arc::new(Credentials::from_json(json)?);
        *kept = Some(Arc::clone(&credentials));
        Ok(credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const ATTACHED: &[u8] = br#"{"username":"admin","password":"hunter2","host":"db","port":3306,
        "engine":"mysql","dbname":"demodb2","dbInstanceIdentifier":"x"}"#;

    #[test]
    fn the_attachments_shape_is_read() {
        let read = Credentials::from_json(ATTACHED).expect("credentials");
        assert_eq!((read.username.as_str(), read.host.as_str(), read.port), ("admin", "db", 3306));
        assert_eq!(read.database.as_deref(), Some("demodb2"));
        assert_eq!(read.password.expose_secret(), "hunter2");
    }

    #[test]
    fn a_port_may_be_a_string_or_left_out() {
        let text = br#"{"username":"a","password":"b","host":"c","port":"3307"}"#;
        assert_eq!(Credentials::from_json(text).expect("credentials").port, 3307);
        let none = br#"{"username":"a","password":"b","host":"c"}"#;
        assert_eq!(Credentials::from_json(none).expect("credentials").port, 3306);
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_secret_is_shown() {
        let cases: [(&[u8], &str); 5] = [
            (br#"{"username":"a","host":"c"}"#, "password"),
            (br#"{"password":"hunter2","host":"c"}"#, "username"),
            (br#"{"username":"a","password":"hunter2"}"#, "host"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":"x"}"#, "a port"),
            (b"hunter2", "fields of the right types"),
        ];
        for (json, named) in cases {
            let error = Credentials::from_json(json).expect_err("it is refused");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(named) && !shown.contains("hunter2"), "{shown}");
        }
        let shown = format!("{:?}", Credentials::from_json(ATTACHED).expect("credentials"));
        assert!(!shown.contains("hunter2") && !shown.contains("admin"), "{shown}");
    }
}
