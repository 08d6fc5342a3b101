//! The folder of a server: its data, socket, log, and initial accounts.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::options::{Account, MariaDbOptions};
use crate::process::{Daemon, log_to, tethered};

/// `sizeof(sockaddr_un.sun_path)` without the closing zero: unix(7).
const SOCKET_PATH_LIMIT: usize = 107;

/// Debian's folder for daemons, which is not in every user's `PATH`.
const SBIN: &str = "/usr/sbin";

/// One of the plugins of the package `mariadb-server`. That package would also start a service, so `local/setup.sh`
/// only unpacks it.
const PLUGIN: &str = "auth_ed25519.so";
const PLUGINS_INSTALLED: &str = "/usr/lib/mysql/plugin";
const PLUGINS_UNPACKED: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/mariadb/usr/lib/mysql/plugin");

/// The paths of one server.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Creates the folder, the data and the file of accounts for the first start.
    pub(super) async fn create(
        options: &MariaDbOptions,
        admin: &Account,
        observer: &Account,
    ) -> Result<Self> {
        fs::create_dir_all(&options.dir)
            .with_context(|| format!("creating {}", options.dir.display()))?;
        let dir = fs::canonicalize(&options.dir)
            .with_context(|| format!("resolving {}", options.dir.display()))?;
        let layout = Self { dir };
        let socket = layout.socket();
        ensure!(
            socket.as_os_str().len() <= SOCKET_PATH_LIMIT,
            "{} is too long for a Unix socket ({SOCKET_PATH_LIMIT} bytes)",
            socket.display()
        );
        ensure!(
            !layout.data().exists(),
            "{} holds a server's data already",
            layout.data().display()
        );
        fs::create_dir_all(layout.tmp())
            .with_context(|| format!("creating {}", layout.tmp().display()))?;
        layout.install().await?;
        layout.write_accounts(options, admin, observer)?;
        Ok(layout)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.join("mysqld.sock")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("mariadbd.log")
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Servers must not share it: their temporary tables would collide.
    fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn accounts(&self) -> PathBuf {
        self.dir.join("accounts.sql")
    }

    async fn install(&self) -> Result<()> {
        let mut command = tethered("mariadb-install-db");
        command
            .env("TMPDIR", self.tmp())
            .arg("--no-defaults")
            .arg(option("datadir", &self.data()))
            .args(["--skip-test-db", "--auth-root-authentication-method=socket"])
            .args(as_root());
        log_to(&mut command, &self.log())?;
        let status = Daemon::spawn("mariadb-install-db", &mut command)?.wait().await?;
        if !status.success() {
            bail!(
                "mariadb-install-db failed ({status}; is mariadb-server installed?); see {}",
                self.log().display()
            );
        }
        Ok(())
    }

    /// Writes the statements that the server runs before it accepts connections.
    fn write_accounts(
        &self,
        options: &MariaDbOptions,
        admin: &Account,
        observer: &Account,
    ) -> Result<()> {
        let (database, path) = (&options.database, self.accounts());
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("creating {}", path.display()))?;
        let (admin_user, admin_password) = (admin.user(), admin.password());
        let (observer_user, observer_password) = (observer.user(), observer.password());
        // One statement per line, as the server requires.
        write!(
            file,
            "CREATE DATABASE IF NOT EXISTS `{database}`;\n\
             CREATE OR REPLACE USER '{admin_user}'@'%' IDENTIFIED BY '{admin_password}';\n\
             GRANT ALL PRIVILEGES ON `{database}`.* TO '{admin_user}'@'%';\n\
             GRANT PROCESS ON *.* TO '{admin_user}'@'%';\n\
             CREATE OR REPLACE USER '{observer_user}'@'localhost' IDENTIFIED BY '{observer_password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO '{observer_user}'@'localhost' WITH GRANT OPTION;\n"
        )
        .with_context(|| format!("writing {}", path.display()))
    }

    /// Removes the passwords from the disk once the server has started.
    pub(super) fn remove_accounts_file(&self) -> Result<()> {
        fs::remove_file(self.accounts())
            .with_context(|| format!("removing {}", self.accounts().display()))
    }

    pub(super) fn spawn(&self, options: &MariaDbOptions, port: u16) -> Result<Daemon> {
        let mut command = tethered(mariadbd());
        command
            // Without the machine's configuration.
            .arg("--no-defaults")
            .arg(option("datadir", &self.data()))
            .arg(option("socket", &self.socket()))
            .arg(option("tmpdir", &self.tmp()))
            .arg(option("pid-file", &self.dir.join("mariadbd.pid")))
            .arg(format!("--port={port}"))
            .arg(format!("--max-connections={}", options.max_connections))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            // As in the template's parameter group.
            .args(["--wait-timeout=5", "--connect-timeout=5", "--max-connect-errors=4294967295"])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"])
            .args(as_root());
        if self.accounts().exists() {
            command.arg(option("init-file", &self.accounts()));
        }
        if let Some(tls) = &options.tls {
            command.arg(option("ssl-cert", &tls.certificate)).arg(option("ssl-key", &tls.key));
        }
        if options.plugins {
            command.arg(option("plugin-dir", plugins()?));
        }
        if options.require_secure_transport {
            command.arg("--require-secure-transport=ON");
        }
        log_to(&mut command, &self.log())?;
        Daemon::spawn("mariadbd", &mut command)
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// The server runs as root only with this option.
fn as_root() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some("--user=root")
}

fn mariadbd() -> PathBuf {
    let debian = Path::new(SBIN).join("mariadbd");
    if debian.exists() { debian } else { PathBuf::from("mariadbd") }
}

fn plugins() -> Result<&'static Path> {
    [PLUGINS_INSTALLED, PLUGINS_UNPACKED]
        .map(Path::new)
        .into_iter()
        .find(|folder| folder.join(PLUGIN).exists())
        .context("MariaDB's plugins are missing: run local/setup.sh")
}
