//! The file that a local stack writes when it is up.

use std::{fs, io, path::Path};

use mysql_async::{Opts, OptsBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The part of the stack's file that a load test needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// Base URL of the API's stage.
    pub api_url: String,
    /// The AWS APIs.
    pub aws_endpoint: String,
    /// The region to call them in.
    pub region: String,
    /// The query's name.
    pub query_function: String,
    /// The table that holds the pool.
    pub table: String,
    /// The pool's name.
    pub pool: String,
    /// The database behind it.
    pub mysql: Mysql,
}

/// How an administrator reaches the stack's database.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mysql {
    host: String,
    port: u16,
    admin_user: String,
    admin_password: SecretString,
    database: String,
}

/// Why a stack's file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The file could not be read.
    #[error("reading it failed")]
    Read(#[source] io::Error),
    /// The file is not a stack's JSON.
    #[error("it is not the file of a stack")]
    Parse(#[source] serde_json::Error),
}

impl Stack {
    /// Reads the file.
    ///
    /// # Errors
    /// [`StackError`] when it is missing, unreadable, or lacks a key.
    pub fn read(path: &Path) -> Result<Self, StackError> {
        let text = fs::read(path).map_err(StackError::Read)?;
        serde_json::from_slice(&text).map_err(StackError::Parse)
    }
}

impl Mysql {
    /// The address as the driver takes it.
    #[must_use]
    pub fn opts(&self) -> Opts {
        OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .user(Some(self.admin_user.clone()))
            .pass(Some(self.admin_password.expose_secret()))
            .db_name(Some(self.database.clone()))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "apiUrl": "http://127.0.0.1:4566/base", "awsEndpoint": "http://127.0.0.1:4566",
        "region": "us-east-1", "queryFunction": "query", "table": "slots", "pool": "Prod_MySQL",
        "mysql": {"host": "127.0.0.1", "port": 3307, "adminUser": "admin",
                  "adminPassword": "p@ss/word", "database": "demodb2"}
    }"#;

    #[test]
    fn a_password_needs_no_url_encoding_and_is_not_shown() {
        let stack: Stack = serde_json::from_str(FILE).unwrap();
        let opts = stack.mysql.opts();
        assert_eq!(opts.pass(), Some("p@ss/word"));
        assert_eq!(opts.tcp_port(), 3307);
        assert!(!format!("{stack:?}").contains("p@ss"));
    }
}
