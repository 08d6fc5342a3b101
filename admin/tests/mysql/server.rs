//! A MySQL server in its own folder, with the settings of the template's parameter group.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use rds_admission::secret::Credentials;
use rds_admission::session::{SessionOptions, Tls};
use tempfile::TempDir;

use crate::certificates::Certificates;

/// `max_connections` in the template.
pub(crate) const MAX_CONNECTIONS: u32 = 66;

/// The server's files in its folder.
const OWN: [(&str, &str); 4] =
    [("datadir", "data"), ("log-error", "log.err"), ("socket", "socket"), ("pid-file", "pid")];

const USER: &str = "admin";
const PASSWORD: &str = "the first one";
const DATABASE: &str = "demodb2";

/// A server with an account like that of the functions. Dropping it kills the server.
pub(crate) struct MySql {
    process: Child,
    folder: TempDir,
    root: PathBuf,
    port: u16,
}

impl MySql {
    /// Starts the program named by the variable `MYSQLD`, and waits until it accepts connections.
    pub(crate) async fn start() -> Self {
        let program = std::env::var("MYSQLD").expect("MYSQLD is the path of a mysqld");
        let folder = tempfile::tempdir().expect("a folder");
        let name = Ipv4Addr::LOCALHOST.to_string();
        let Certificates { root, server: certificate, key } =
            Certificates::write(folder.path(), &name);
        accounts(folder.path());
        let initialised = server(&program, folder.path())
            .arg("--initialize-insecure")
            .status()
            .expect("a status");
        assert!(initialised.success(), "{initialised}: {}", log(folder.path()));
        let port = free_port();
        let process = server(&program, folder.path())
            .arg(below(folder.path(), "init-file", "accounts.sql"))
            .arg(format!("--ssl-ca={}", root.display()))
            .arg(format!("--ssl-cert={}", certificate.display()))
            .arg(format!("--ssl-key={}", key.display()))
            .args(["--require-secure-transport=ON", "--wait-timeout=5", "--connect-timeout=5"])
            .args(["--max-connect-errors=4294967295"])
            .args(["--bind-address=127.0.0.1", "--mysqlx=OFF"])
            .args([format!("--port={port}"), format!("--max-connections={MAX_CONNECTIONS}")])
            .spawn()
            .expect("a process");
        let mut server = Self { process, folder, root, port };
        server.answers().await;
        server
    }

    async fn answers(&mut self) {
        let deadline = std::time::Instant::now() + Duration::from_mins(1);
        while let Err(error) = Conn::new(self.observer_opts()).await {
            let ended = self.process.try_wait().expect("a status");
            let over = ended.is_some() || std::time::Instant::now() > deadline;
            assert!(!over, "{error}, {ended:?}: {}", log(self.folder.path()));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the functions' options, with the server's certificate authority.
    pub(crate) fn options(&self) -> SessionOptions {
        let tls = Tls::Roots(self.root.clone());
        SessionOptions { tls, ..SessionOptions::default() }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials {
            username: USER.to_owned(),
            password: PASSWORD.to_owned().into(),
            host: Ipv4Addr::LOCALHOST.to_string(),
            port: self.port,
            database: Some(DATABASE.to_owned()),
        }
    }

    /// Returns the value of the account's secret.
    pub(crate) fn secret(&self) -> serde_json::Value {
        serde_json::json!({
            "username": USER, "password": PASSWORD, "host": "127.0.0.1", "port": self.port,
            "dbname": DATABASE,
        })
    }

    /// Connects as root over the socket.
    pub(crate) async fn observer(&self) -> Conn {
        Conn::new(self.observer_opts()).await.expect("an observer")
    }

    fn observer_opts(&self) -> OptsBuilder {
        let socket = self.folder.path().join("socket").display().to_string();
        OptsBuilder::default().user(Some("root")).socket(Some(socket))
    }

    /// Waits until the account has no connection left.
    pub(crate) async fn wait_until_disconnected(&self) {
        let mut observer = self.observer().await;
        let count =
            format!("SELECT COUNT(*) FROM performance_schema.processlist WHERE user = '{USER}'");
        let left = async {
            while observer.query_first::<u64, _>(&count).await.expect("an answer") != Some(0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), left).await.expect("the connections end");
        observer.disconnect().await.expect("disconnected");
    }
}

impl Drop for MySql {
    fn drop(&mut self) {
        // Fails if the server has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the command for a server with its data below `folder`.
fn server(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--no-defaults")
        .args(OWN.map(|(option, name)| below(folder, option, name)))
        .args(["--user=root", "--secure-file-priv="])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn below(folder: &Path, option: &str, name: &str) -> String {
    format!("--{option}={}", folder.join(name).display())
}

/// Writes the SQL that creates the account, with all rights on the one database.
fn accounts(folder: &Path) {
    let sql = format!(
        "CREATE DATABASE {DATABASE};\n\
         CREATE USER '{USER}'@'%' IDENTIFIED WITH caching_sha2_password BY '{PASSWORD}';\n\
         GRANT ALL ON {DATABASE}.* TO '{USER}'@'%';\n"
    );
    std::fs::write(folder.join("accounts.sql"), sql).expect("a file");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log.err")).unwrap_or_default()
}
