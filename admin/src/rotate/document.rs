//! A secret's value, with all of its fields.

use std::fmt;

use rds_admission::secret::{Credentials, SecretError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// A version's value: what it takes to log in, and whatever else the secret holds, which a rotation
/// must not lose.
pub struct Document {
    fields: Map<String, Value>,
    credentials: Credentials,
}

impl Document {
    /// Reads a secret's JSON.
    ///
    /// # Errors
    /// [`SecretError::Shape`].
    pub fn from_json(json: &[u8]) -> Result<Self, SecretError> {
        let credentials = Credentials::from_json(json)?;
        // serde's own error would repeat a part of the secret.
        let fields =
            serde_json::from_slice(json).map_err(|_| SecretError::Shape { field: "fields" })?;
        Ok(Self { fields, credentials })
    }

    /// What it takes to log in.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The JSON of the same with another password.
    #[must_use]
    pub fn json_with(&self, password: &SecretString) -> SecretString {
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
    use super::*;
    use serde_json::json;

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
        assert_eq!(document.credentials().password.expose_secret(), "hunter2");
    }

    #[test]
    fn what_is_wrong_is_refused_and_nothing_secret_is_shown() {
        for json in ["hunter2", r#"["hunter2"]"#, r#"{"password": "hunter2"}"#] {
            let error = Document::from_json(json.as_bytes()).expect_err("it is refused");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let json = br#"{"username":"a","password":"hunter2","host":"c"}"#;
        let shown = format!("{:?}", Document::from_json(json).expect("a document"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
