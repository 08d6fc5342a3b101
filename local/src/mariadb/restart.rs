//! A server that goes away and comes back, and one that takes fewer connections than before.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error};
use tokio::time::Instant;

use super::{MariaDb, STOP_LIMIT};

/// How long a full server is asked again.
const FULL_LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);

/// `ER_CON_COUNT_ERROR`: <https://mariadb.com/kb/en/mariadb-error-codes/>.
const TOO_MANY_CONNECTIONS: u16 = 1040;

/// How a server goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is killed, and recovers when it comes back.
    Crash,
    /// It is shut down.
    Shutdown,
}

impl MariaDb {
    /// Ends the server, leaves it away for `away`, and starts it again with the same data, at the
    /// same port, with the settings it was first started with. Returns when it answers.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart(&mut self, ending: Ending, away: Duration) -> Result<()> {
        match ending {
            Ending::Crash => {
                self.daemon.kill();
                self.daemon.wait().await?;
            }
            Ending::Shutdown => self.daemon.stop(STOP_LIMIT).await?,
        }
        tokio::time::sleep(away).await;
        self.daemon = self.layout.spawn(&self.options, self.port)?;
        self.answers().await
    }

    /// Sets how many connections the server accepts from now on. Those that are open stay.
    ///
    /// # Errors
    /// When the server can't be reached, refuses, or stays full for 20 seconds.
    pub async fn set_max_connections(&self, connections: NonZeroU32) -> Result<()> {
        let until = Instant::now() + FULL_LIMIT;
        let mut observer = loop {
            match Conn::new(self.observer_opts()).await {
                // Another observer may have the one connection to spare.
                Err(Error::Server(refusal))
                    if refusal.code == TOO_MANY_CONNECTIONS && Instant::now() < until =>
                {
                    tokio::time::sleep(PAUSE).await;
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
}
