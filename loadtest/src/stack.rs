//! `stack.json`, which a running local stack writes for its clients.

use std::{fs, io, path::Path};

use mysql_async::{Opts, OptsBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The part of the file that a load test needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stack {
    pub(crate) api_url: String,
    pub(crate) aws_endpoint: String,
    pub(crate) region: String,
    pub(crate) query_function: String,
    pub(crate) table: String,
    pub(crate) pool: String,
    pub(crate) mysql: Mysql,
}

/// The database and the functions' account.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mysql {
    host: String,
    port: u16,
    admin_user: String,
    admin_password: SecretString,
    database: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StackError {
    #[error("reading it failed")]
    Read(#[source] io::Error),
    #[error("it is not a stack.json")]
    Parse(#[source] serde_json::Error),
}

impl Stack {
    pub(crate) fn read(path: &Path) -> Result<Self, StackError> {
        let text = fs::read(path).map_err(StackError::Read)?;
        serde_json::from_slice(&text).map_err(StackError::Parse)
    }
}

impl Mysql {
    /// The address for the driver.
    pub(crate) fn opts(&self) -> Opts {
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
