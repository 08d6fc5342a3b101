//! A server that goes away and comes back, and one that takes fewer connections than before.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;

use super::{MariaDb, STOP_LIMIT};

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
    /// When the server can't be reached, or refuses.
    pub async fn set_max_connections(&self, connections: NonZeroU32) -> Result<()> {
        let mut observer =
            Conn::new(self.observer_opts()).await.context("connecting to MariaDB")?;
        observer
            .query_drop(format!("SET GLOBAL max_connections = {connections}"))
            .await
            .context("setting max_connections")?;
        observer.disconnect().await.context("closing the connection to MariaDB")
    }
}
