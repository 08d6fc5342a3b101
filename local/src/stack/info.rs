//! `stack.json`: what an outside client needs to know of a running stack.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// A running stack, seen from outside. `Debug` does not show the password.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackInfo {
    /// The REST API's stage, without a slash at the end; a plain GET on it answers.
    pub api_url: String,
    /// The AWS APIs, for any SDK.
    pub aws_endpoint: String,
    /// The region to call them in.
    pub region: String,
    /// The counter's name.
    pub counter_function: String,
    /// The query's name.
    pub query_function: String,
    /// The custom resource's function's name.
    pub init_function: String,
    /// The name of the function that changes the database's password.
    pub rotate_function: String,
    /// The table that holds the pool's item.
    pub table: String,
    /// The pool's name.
    pub pool: String,
    /// The secret with the database's address and account.
    pub secret_arn: String,
    /// The database.
    pub mysql: MysqlInfo,
    /// An account that sees everything, for whoever watches the database.
    pub observer: ObserverInfo,
    /// The folder of all logs.
    pub logs: PathBuf,
}

/// The database, seen from outside.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MysqlInfo {
    /// Its address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// The functions' account.
    pub admin_user: String,
    /// That account's password.
    pub admin_password: String,
    /// The database's name.
    pub database: String,
}

/// An account of the database for whoever watches it: it gets in even when the server is full.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObserverInfo {
    /// The Unix socket, the only way in for it.
    pub socket: PathBuf,
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for ObserverInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObserverInfo")
            .field("socket", &self.socket)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MysqlInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MysqlInfo")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("admin_user", &self.admin_user)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

impl StackInfo {
    /// Reads a `stack.json`.
    ///
    /// # Errors
    /// When there is none, or it is not one.
    pub fn load(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes it, whole or not at all, readable by this user only.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing JSON")?;
        let aside = path.with_extension("json.new");
        // One left behind by a crash may be readable by others.
        let _ = fs::remove_file(&aside);
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(&aside)?;
            writeln!(file, "{text}")?;
            fs::rename(&aside, path)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::{MysqlInfo, ObserverInfo, StackInfo};

    fn info() -> StackInfo {
        StackInfo {
            api_url: "http://127.0.0.1:1/api".to_owned(),
            aws_endpoint: "http://127.0.0.1:1".to_owned(),
            region: "us-east-1".to_owned(),
            counter_function: "c".to_owned(),
            query_function: "q".to_owned(),
            init_function: "i".to_owned(),
            rotate_function: "r".to_owned(),
            table: "t".to_owned(),
            pool: "p".to_owned(),
            secret_arn: "arn".to_owned(),
            mysql: MysqlInfo {
                host: "127.0.0.1".to_owned(),
                port: 2,
                admin_user: "admin".to_owned(),
                admin_password: "hush".to_owned(),
                database: "d".to_owned(),
            },
            observer: ObserverInfo {
                socket: PathBuf::from("s"),
                user: "observer".to_owned(),
                password: "hush".to_owned(),
            },
            logs: PathBuf::from("logs"),
        }
    }

    #[test]
    fn is_read_back_as_written_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stack.json");
        info().save(&path).unwrap();
        info().save(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json["apiUrl"], "http://127.0.0.1:1/api");
        assert_eq!(json["mysql"]["adminPassword"], "hush");
        assert_eq!(StackInfo::load(&path).unwrap().mysql.admin_password, "hush");
    }

    #[test]
    fn debug_does_not_show_the_password() {
        assert!(!format!("{:?}", info()).contains("hush"));
    }
}
