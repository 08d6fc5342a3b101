//! The folder of a server: its datadir, socket, log, and the accounts it starts with.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::{Account, MariaDbOptions};
use crate::process::{Daemon, log_to, tethered};

/// The kernel's limit on a Unix socket's path is 108 bytes with the closing zero.
const SOCKET_PATH_LIMIT: usize = 107;

/// Where Debian puts daemons; not on the path of most users.
const SBIN: &str = "/usr/sbin";

/// The paths of one server.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    /// Makes the folder, fills the datadir, and writes down the accounts for the first start.
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

    /// Servers that share one fall over each other's temporary tables.
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

    /// The server runs these statements before it accepts connections.
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
        // One statement a line is what the server asks of this file.
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

    /// Removes the passwords from the disk once the server knows them.
    pub(super) fn forget_accounts(&self) -> Result<()> {
        fs::remove_file(self.accounts())
            .with_context(|| format!("removing {}", self.accounts().display()))
    }

    pub(super) fn spawn(&self, options: &MariaDbOptions, port: u16) -> Result<Daemon> {
        let mut command = tethered(mariadbd());
        command
            // The machine's own configuration must not reach this server.
            .arg("--no-defaults")
            .arg(option("datadir", &self.data()))
            .arg(option("socket", &self.socket()))
            .arg(option("tmpdir", &self.tmp()))
            .arg(option("pid-file", &self.dir.join("mariadbd.pid")))
            .arg(format!("--port={port}"))
            .arg(format!("--max-connections={}", options.max_connections))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            // As the template's parameter group has it.
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
            command.arg(option("plugin-dir", &super::plugins::folder()?));
        }
        if options.require_secure_transport {
            command.arg("--require-secure-transport=ON");
        }
        log_to(&mut command, &self.log())?;
        Daemon::spawn("mariadbd", &mut command)
    }

    pub(super) fn port_was_taken(&self) -> bool {
        fs::read_to_string(self.log()).is_ok_and(|log| log.contains("Address already in use"))
    }
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// The server refuses to run as root unless told so.
fn as_root() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some("--user=root")
}

fn mariadbd() -> PathBuf {
    let debian = Path::new(SBIN).join("mariadbd");
    if debian.exists() { debian } else { PathBuf::from("mariadbd") }
}
