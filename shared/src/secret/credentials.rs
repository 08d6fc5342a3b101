//! Database credentials, and the JSON of a secret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use super::host::{InvalidHost, parse_host};

/// Account, password and address of a database.
///
/// Its JSON is what `AWS::SecretsManager::SecretTargetAttachment` writes
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>).
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password. No log, error or `Debug` shows it.
    pub password: SecretString,
    /// The server's name or address; an IPv6 address without brackets.
    pub host: String,
    /// The server's TCP port.
    pub port: u16,
    /// The database, if one is named.
    pub database: Option<String>,
}

/// An error of reading a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Secrets Manager could not be reached, or rejected the request.
    #[error("the secret could not be read")]
    Read {
        /// Its error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The secret is not the JSON object that `SecretTargetAttachment` writes. Its value is not shown.
    #[error("the secret is not an object with {field}")]
    Shape {
        /// What is missing or wrong.
        field: &'static str,
    },
    /// The secret's host is no name or address.
    #[error("the secret's field host is invalid")]
    Host(#[from] InvalidHost),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("host", &self.host).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Json {
    username: Option<Field<String>>,
    password: Option<Field<SecretString>>,
    host: Option<Field<String>>,
    port: Option<Port>,
    dbname: Option<Field<String>>,
}

/// A field of the right type or another. `serde` would not name the field in its error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field<T> {
    Right(T),
    Wrong(IgnoredAny),
}

/// Returns a field's value, if it is there. `field` names it in the error.
fn optional<T>(read: Option<Field<T>>, field: &'static str) -> Result<Option<T>, SecretError> {
    match read {
        Some(Field::Right(value)) => Ok(Some(value)),
        Some(Field::Wrong(_)) => Err(SecretError::Shape { field }),
        None => Ok(None),
    }
}

/// The attachment writes a number, people also write a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u64),
    Text(String),
    Other(IgnoredAny),
}

impl Port {
    fn read(&self) -> Option<u16> {
        let port = match self {
            Self::Number(port) => u16::try_from(*port).ok(),
            Self::Text(port) => port.parse().ok(),
            Self::Other(_) => None,
        };
        port.filter(|port| *port != 0)
    }
}

impl Credentials {
    /// Parses the JSON of a secret. The port is 3306 where there is none.
    ///
    /// # Errors
    /// [`SecretError::Shape`] when a field is missing, twice there, or of the wrong type;
    /// [`SecretError::Host`] when the host is no name or address.
    pub fn from_json(json: &[u8]) -> Result<Self, SecretError> {
        let shape = |field| SecretError::Shape { field };
        // Not `serde`'s own error, which would repeat a part of the secret.
        let json: Json =
            serde_json::from_slice(json).map_err(|_| shape("fields, each of them once"))?;
        let port = json.port.as_ref().map_or(Some(3306), Port::read);
        Ok(Self {
            username: optional(json.username, "text in username")?.ok_or(shape("username"))?,
            password: optional(json.password, "text in password")?.ok_or(shape("password"))?,
            host: parse_host(&optional(json.host, "text in host")?.ok_or(shape("host"))?)?,
            port: port.ok_or(shape("a port from 1 to 65535"))?,
            database: optional(json.dbname, "text in dbname")?,
        })
    }

    /// Returns whether user, password and server are the same.
    #[must_use]
    pub fn same_login(&self, other: &Self) -> bool {
        self.same_account(other) && self.password.expose_secret() == other.password.expose_secret()
    }

    /// Returns whether user, server and database are the same; the password may differ.
    #[must_use]
    pub fn same_database(&self, other: &Self) -> bool {
        self.same_account(other) && self.database == other.database
    }

    /// Returns whether user and server are the same; password and database may differ.
    #[must_use]
    pub fn same_account(&self, other: &Self) -> bool {
        (&self.username, &self.host, self.port) == (&other.username, &other.host, other.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::chain;

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
    fn an_address_may_have_a_urls_brackets() {
        let bare = Credentials::from_json(br#"{"username":"a","password":"b","host":"::1"}"#);
        let url = Credentials::from_json(br#"{"username":"a","password":"b","host":"[::1]"}"#);
        let (bare, url) = (bare.expect("credentials"), url.expect("credentials"));
        assert_eq!((bare.host.as_str(), url.host.as_str()), ("::1", "::1"));
        assert!(bare.same_account(&url));
    }

    #[test]
    fn another_password_is_another_login_of_the_same_account() {
        let read = |json: &str| Credentials::from_json(json.as_bytes()).expect("credentials");
        let one = read(r#"{"username":"a","password":"b","host":"c","dbname":"d"}"#);
        assert!(
            one.same_login(&read(r#"{"username":"a","password":"b","host":"c","port":"3306"}"#))
        );
        let other = read(r#"{"username":"a","password":"B","host":"c"}"#);
        assert!(!one.same_login(&other) && one.same_account(&other) && !one.same_database(&other));
        assert!(
            one.same_database(&read(r#"{"username":"a","password":"B","host":"c","dbname":"d"}"#))
        );
        for elsewhere in [
            r#"{"username":"A","password":"b","host":"c"}"#,
            r#"{"username":"a","password":"b","host":"C"}"#,
            r#"{"username":"a","password":"b","host":"c","port":1}"#,
        ] {
            assert!(!one.same_account(&read(elsewhere)), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_secret_is_shown() {
        let cases: [(&[u8], &str); 19] = [
            (br#"{"username":"a","host":"c"}"#, "password"),
            (br#"{"password":"hunter2","host":"c"}"#, "username"),
            (br#"{"username":"a","password":"hunter2"}"#, "host"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":"x"}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":0}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":"0"}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":65536}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"db.example:3306"}"#, "port 3306"),
            (br#"{"username":"a","password":"hunter2","host":"a:hunter2@db"}"#, "field host"),
            (br#"{"username":"a","password":"hunter2","host":""}"#, "field host"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":-1}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":3306.5}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":true}"#, "a port"),
            (br#"{"username":"a","password":"hunter2","host":"c","port":["hunter2"]}"#, "a port"),
            (br#"{"username":1,"password":"hunter2","host":"c"}"#, "text in username"),
            (br#"{"username":"a","password":["hunter2"],"host":"c"}"#, "text in password"),
            (br#"{"username":"a","password":"hunter2","host":12}"#, "text in host"),
            (br#"{"username":"a","password":"hunter2","host":"c","dbname":7}"#, "text in dbname"),
            (b"hunter2", "an object"),
        ];
        for (json, named) in cases {
            let error = Credentials::from_json(json).expect_err("it is refused");
            let shown = format!("{} {error:?}", chain(&error));
            assert!(shown.contains(named) && !shown.contains("hunter2"), "{shown}");
        }
        let shown = format!("{:?}", Credentials::from_json(ATTACHED).expect("credentials"));
        assert!(!shown.contains("hunter2") && !shown.contains("admin"), "{shown}");
    }
}
