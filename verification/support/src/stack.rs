//! `stack.json`, which `local` writes for its clients.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// A running local stack, as its clients see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// The REST API's stage, without a slash at the end.
    pub api_url: String,
    /// The endpoint of the AWS APIs.
    pub aws_endpoint: String,
    /// Their region.
    pub region: String,
    /// The counter's function name.
    pub counter_function: String,
    /// The query's function name.
    pub query_function: String,
    /// The function name of the custom resource.
    pub init_function: String,
    /// The name of the function that rotates the database's password.
    pub rotate_function: String,
    /// The table with the pool's items.
    pub table: String,
    /// The pool's name.
    pub pool: String,
    /// The secret with the database's address and credentials.
    pub secret_arn: String,
    /// The database, by TCP.
    pub mysql: Database,
    /// The database, by its Unix socket.
    pub observer: Observer,
    /// The folder of all logs.
    pub logs: PathBuf,
}

/// The functions' account at the database. `Debug` omits the password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// The host.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The account.
    pub admin_user: String,
    /// Its password.
    pub admin_password: String,
    /// The database's name.
    pub database: String,
}

/// An account with all privileges, which is admitted even when the server is full. `Debug` omits the password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observer {
    /// The Unix socket, the only way in for this account.
    pub socket: PathBuf,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, admin_user, database, .. } = self;
        write!(f, "{admin_user}@{host}:{port}/{database}")
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.socket.display())
    }
}

impl Stack {
    /// Reads a `stack.json`.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn read(path: &Path) -> Result<Self> {
        let read = || format!("reading {}", path.display());
        let text = fs::read(path).with_context(read)?;
        serde_json::from_slice(&text).with_context(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_omits_passwords() {
        let json = r#"{"host": "h", "port": 2, "adminUser": "a", "adminPassword": "hush", "database": "d"}"#;
        let database: Database = serde_json::from_str(json).expect("a database");
        assert_eq!(format!("{database:?}"), "a@h:2/d");
        let observer = Observer { socket: "s".into(), user: "o".into(), password: "hush".into() };
        assert_eq!(format!("{observer:?}"), "o@s");
    }
}
