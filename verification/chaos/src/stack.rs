//! The file that a local stack writes when it is up.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use mysql_async::{Opts, OptsBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The part of it that matters here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stack {
    pub(crate) api_url: String,
    pub(crate) aws_endpoint: String,
    pub(crate) region: String,
    pub(crate) counter_function: String,
    pub(crate) query_function: String,
    pub(crate) table: String,
    pub(crate) pool: String,
    pub(crate) mysql: Mysql,
    observer: Observer,
    pub(crate) logs: PathBuf,
}

/// The database and the service's account in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mysql {
    pub(crate) port: u16,
    pub(crate) admin_user: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Observer {
    socket: PathBuf,
    user: String,
    password: SecretString,
}

impl Stack {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// How to connect to the database as one who sees everything.
    pub(crate) fn observer(&self) -> Opts {
        OptsBuilder::default()
            .socket(Some(self.observer.socket.display().to_string()))
            .user(Some(&self.observer.user))
            .pass(Some(self.observer.password.expose_secret()))
            .into()
    }
}
