//! Plugins that are no part of the server's program.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// One that is there when the others are.
const ONE: &str = "auth_ed25519.so";
/// Where the package `mariadb-server` has them, which would also start a service.
const INSTALLED: &str = "/usr/lib/mysql/plugin";
/// Where `local/setup.sh` unpacks them to.
const UNPACKED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/mariadb/usr/lib/mysql/plugin");

/// The folder that has them.
pub(super) fn folder() -> Result<PathBuf> {
    let folders = [INSTALLED, UNPACKED].map(Path::new);
    match folders.into_iter().find(|folder| folder.join(ONE).exists()) {
        Some(folder) => Ok(folder.to_owned()),
        None => bail!("MariaDB's plugins are missing here: run local/setup.sh"),
    }
}
