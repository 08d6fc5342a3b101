//! A real MariaDB server with a datadir of its own, on a free loopback port.

mod account;
mod install;
mod options;
mod plugins;
mod restart;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::time::Instant;

use crate::port;
use crate::process::Daemon;

pub use account::Account;
pub use options::{MariaDbOptions, ServerTls};
pub use restart::Ending;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(20);
const PORT_TRIES: u32 = 5;

/// A running server. [`stop`](Self::stop) it; dropped, it is killed.
///
/// It has two accounts:
/// - [`admin`](Self::admin), as RDS's master user is to the functions: everything on the one
///   database, and what `SHOW GLOBAL STATUS` and the process list need. It lacks
///   `CONNECTION ADMIN`, so a full server refuses it with error 1040 as it refuses anybody.
/// - [`observer`](Self::observer), for tests that watch: everything, over the Unix socket only.
///   It gets in even when the server is full, by the one spare connection. A connection that is
///   just being refused takes that too for a moment: an observer that is refused tries again.
#[derive(Debug)]
pub struct MariaDb {
    daemon: Daemon,
    layout: install::Layout,
    options: MariaDbOptions,
    port: u16,
    admin: Account,
    observer: Account,
}

impl MariaDb {
    /// Installs a datadir, starts the server, and waits until it answers.
    ///
    /// # Errors
    /// When `mariadbd` is not installed, the folder is in use, or the server ends or does not
    /// answer within a minute; the message has the path of the server's log.
    pub async fn start(options: MariaDbOptions) -> Result<Self> {
        let admin = Account::generate("admin");
        let observer = Account::generate("observer");
        let layout = install::Layout::create(&options, &admin, &observer).await?;
        for attempt in 1.. {
            let port = port::free()?;
            let daemon = layout.spawn(&options, port)?;
            let mut server = Self {
                daemon,
                layout: layout.clone(),
                options: options.clone(),
                port,
                admin: admin.clone(),
                observer: observer.clone(),
            };
            match server.answers().await {
                Ok(()) => {
                    layout.forget_accounts()?;
                    return Ok(server);
                }
                Err(_) if attempt < PORT_TRIES && layout.port_was_taken() => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop returns at its last attempt")
    }

    async fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.daemon.ended()? {
                bail!(
                    "mariadbd ended ({status}) before it answered; see {}",
                    self.layout.log().display()
                );
            }
            match Conn::new(self.observer_opts()).await {
                Ok(connection) => {
                    connection
                        .disconnect()
                        .await
                        .context("closing the first connection to MariaDB")?;
                    return Ok(());
                }
                Err(error) if Instant::now() >= deadline => {
                    return Err(error).with_context(|| {
                        format!(
                            "mariadbd did not answer in time; see {}",
                            self.layout.log().display()
                        )
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
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

    /// The account of whoever watches, over the socket.
    #[must_use]
    pub fn observer(&self) -> &Account {
        &self.observer
    }

    /// How to connect as [`admin`](Self::admin), over TCP without TLS.
    #[must_use]
    pub fn admin_opts(&self) -> Opts {
        self.admin.sign_in(
            OptsBuilder::default()
                .ip_or_hostname("127.0.0.1")
                .tcp_port(self.port)
                .db_name(Some(self.database())),
        )
    }

    /// How to connect as [`observer`](Self::observer), over the socket.
    #[must_use]
    pub fn observer_opts(&self) -> Opts {
        self.observer
            .sign_in(OptsBuilder::default().socket(Some(self.socket().display().to_string())))
    }

    /// The server's process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// Shuts the server down and waits for its end.
    ///
    /// # Errors
    /// When the kernel can't be asked about the process.
    pub async fn stop(mut self) -> Result<()> {
        self.end().await
    }

    /// The same for a server that others hold as well.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.daemon.stop(STOP_LIMIT).await
    }
}
