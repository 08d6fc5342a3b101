//! `stack.json`: a running stack's description for its clients.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// A running stack's addresses, names and accounts. `Debug` does not show the passwords.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StackInfo {
    /// The REST API's stage, without a slash at the end; a plain GET on it answers.
    pub(crate) api_url: String,
    /// The AWS APIs, for any SDK.
    pub(crate) aws_endpoint: String,
    pub(crate) region: String,
    pub(crate) counter_function: String,
    pub(crate) query_function: String,
    pub(crate) init_function: String,
    pub(crate) rotate_function: String,
    /// The table of the pool's item.
    pub(crate) table: String,
    pub(crate) pool: String,
    /// The secret with the database's address and account.
    pub(crate) secret_arn: String,
    pub(crate) mysql: MysqlInfo,
    pub(crate) observer: ObserverInfo,
    /// The folder of all logs.
    pub(crate) logs: PathBuf,
}

/// The database and the functions' account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MysqlInfo {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) admin_user: String,
    pub(crate) admin_password: String,
    pub(crate) database: String,
}

/// An account with all privileges, which a full server still accepts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObserverInfo {
    /// The Unix socket; the account cannot use TCP.
    pub(crate) socket: PathBuf,
    pub(crate) user: String,
    pub(crate) password: String,
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
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes the file atomically, readable by this user only.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("writing JSON")?;
        let new = path.with_extension("json.new");
        // A file left by a crash may be readable by others.
        let _ = fs::remove_file(&new);
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
            writeln!(file, "{text}")?;
            fs::rename(&new, path)
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
