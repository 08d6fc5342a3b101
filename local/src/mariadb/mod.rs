//! A real MariaDB server with a data folder of its own, on a free loopback port.

mod install;
mod options;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Opts, OptsBuilder};
use tokio::time::Instant;

use install::Layout;
pub use options::{Account, MariaDbOptions, ServerTls};

use crate::process::{Daemon, start_server};

const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long connecting to a full server is retried.
const FULL_LIMIT: Duration = Duration::from_secs(20);
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// `ER_CON_COUNT_ERROR`: <https://mariadb.com/kb/en/mariadb-error-codes/>.
const TOO_MANY_CONNECTIONS: u16 = 1040;

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is killed, and recovers when it starts again.
    Crash,
    /// It is shut down.
    Shutdown,
}

/// A running server. [`stop`](Self::stop) it; dropped, it is killed.
///
/// It has two accounts:
/// - [`admin`](Self::admin), with the rights of RDS's master user that the functions need: all privileges on one
///   database, `SHOW GLOBAL STATUS` and the process list. It lacks `CONNECTION ADMIN`, so a full server refuses it
///   with error 1040.
/// - [`observer`](Self::observer), for tests: all privileges, over the Unix socket only. It can use the one spare
///   connection of a full server. A connection that is being refused occupies that for a moment too: retry then.
#[derive(Debug)]
pub struct MariaDb {
    daemon: Daemon,
    layout: Layout,
    options: MariaDbOptions,
    port: u16,
    admin: Account,
    observer: Account,
}

impl MariaDb {
    /// Installs a data folder, starts the server, and waits until it answers.
    ///
    /// # Errors
    /// When `mariadbd` is not installed, the folder is in use, or the server ends or does not answer within a minute;
    /// the message names the server's log.
    pub async fn start(options: MariaDbOptions) -> Result<Self> {
        let admin = Account::generate("admin");
        let observer = Account::generate("observer");
        let layout = Layout::create(&options, &admin, &observer).await?;
        let opts = observer_opts(&layout, &observer);
        let probe = |_| accepts(&opts);
        let spawn = |port| layout.spawn(&options, port);
        let (daemon, port) = start_server(&layout.log(), spawn, probe).await?;
        layout.remove_accounts_file()?;
        Ok(Self { daemon, layout, options, port, admin, observer })
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.layout.socket()
    }

    /// The name of the database, empty at first.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.options.database
    }

    /// The account of the functions, over TCP.
    #[must_use]
    pub fn admin(&self) -> &Account {
        &self.admin
    }

    /// The account with all privileges, over the socket.
    #[must_use]
    pub fn observer(&self) -> &Account {
        &self.observer
    }

    /// Connects as [`admin`](Self::admin), over TCP without TLS.
    #[must_use]
    pub fn admin_opts(&self) -> Opts {
        self.admin.sign_in(
            OptsBuilder::default()
                .ip_or_hostname("127.0.0.1")
                .tcp_port(self.port)
                .db_name(Some(self.database())),
        )
    }

    /// Connects as [`observer`](Self::observer), over the socket.
    #[must_use]
    pub fn observer_opts(&self) -> Opts {
        observer_opts(&self.layout, &self.observer)
    }

    /// The server's process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// Ends the server, waits for `pause`, and starts it again with the same data, port and settings. Returns when it
    /// answers.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn restart(&mut self, ending: Ending, pause: Duration) -> Result<()> {
        match ending {
            Ending::Crash => {
                self.daemon.kill();
                self.daemon.wait().await?;
            }
            Ending::Shutdown => self.daemon.stop(STOP_LIMIT).await?,
        }
        tokio::time::sleep(pause).await;
        self.daemon = self.layout.spawn(&self.options, self.port)?;
        let opts = self.observer_opts();
        self.daemon.wait_until_ready(&self.layout.log(), || accepts(&opts)).await
    }

    /// Changes the number of connections that the server accepts. Open connections stay.
    ///
    /// # Errors
    /// When the server is out of reach, refuses, or stays full for 20 seconds.
    pub async fn set_max_connections(&self, connections: NonZeroU32) -> Result<()> {
        let until = Instant::now() + FULL_LIMIT;
        let mut observer = loop {
            match Conn::new(self.observer_opts()).await {
                // Another observer may use the spare connection.
                Err(Error::Server(refusal))
                    if refusal.code == TOO_MANY_CONNECTIONS && Instant::now() < until =>
                {
                    tokio::time::sleep(FULL_PAUSE).await;
                }
                observer => break observer.context("connecting to MariaDB")?,
            }
        };
        observer
            .query_drop(format!("SET GLOBAL max_connections = {connections}"))
            .await
            .context("setting max_connections")?;
        observer.disconnect().await.context("closing the connection to MariaDB")
    }

    /// Shuts the server down and waits for its end.
    ///
    /// # Errors
    /// When the process's state can't be read.
    pub async fn stop(mut self) -> Result<()> {
        self.shut_down().await
    }

    /// As [`stop`](Self::stop), for a shared server.
    pub(crate) async fn shut_down(&mut self) -> Result<()> {
        self.daemon.stop(STOP_LIMIT).await
    }
}

fn observer_opts(layout: &Layout, observer: &Account) -> Opts {
    let socket = layout.socket().display().to_string();
    observer.sign_in(OptsBuilder::default().socket(Some(socket)))
}

async fn accepts(opts: &Opts) -> mysql_async::Result<()> {
    Conn::new(opts.clone()).await?.disconnect().await
}
