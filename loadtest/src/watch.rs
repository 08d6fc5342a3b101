//! The database's side of the flood, read from its own counters.

use std::{collections::HashMap, time::Duration};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::report::Server;

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(100);
/// How long the server may take to accept the connection, and to answer at the end.
const PATIENCE: Duration = Duration::from_secs(10);

const LIMIT: &str = "SELECT CAST(@@GLOBAL.max_connections AS UNSIGNED)";
const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Max_used_connections', \
    'Aborted_connects', 'Connection_errors_max_connections', 'Threads_connected')";
/// Connections of the service: all that have selected its database, but this one.
const SERVICE: &str = "SELECT COUNT(*) FROM information_schema.processlist \
    WHERE db = DATABASE() AND id <> CONNECTION_ID()";

/// A watch in progress. Dropping it ends it.
pub struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Server, WatchError>>,
}

/// Why the database's side is not known.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The server did not accept the connection.
    #[error("connecting to the database failed")]
    Connect(#[source] mysql_async::Error),
    /// A query failed.
    #[error("reading {what} from the database failed")]
    Read {
        /// What was asked for.
        what: &'static str,
        /// The driver's error.
        source: mysql_async::Error,
    },
    /// A counter is not there, or not a number.
    #[error("the database does not tell {0}")]
    Missing(&'static str),
    /// The server did not answer in time.
    #[error("the database did not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// The task that watched ended by a panic.
    #[error("the watch broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
}

/// One reading of the server's counters.
#[derive(Clone, Copy)]
struct Reading {
    max_used: u64,
    aborted: u64,
    errors_max: u64,
    threads: u64,
}

impl Watch {
    /// Connects, reads the counters, and goes on to sample them.
    ///
    /// The connection is opened before the flood on purpose: it is then neither refused nor the
    /// spare that servers keep for a superuser once all others are taken.
    ///
    /// # Errors
    /// [`WatchError`] when the server cannot be reached or does not tell its counters.
    pub async fn start(opts: Opts) -> Result<Self, WatchError> {
        // On a loopback address the driver would connect a second time, to the server's socket.
        let opts = OptsBuilder::from_opts(opts).prefer_socket(false);
        let opening = async {
            let mut conn = Conn::new(opts).await.map_err(WatchError::Connect)?;
            let limit = number(&mut conn, LIMIT, "max_connections").await?;
            let before = reading(&mut conn).await?;
            Ok((conn, limit, before))
        };
        let (conn, limit, before) =
            timeout(PATIENCE, opening).await.map_err(|_| WatchError::Slow)??;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample(conn, limit, before, stopped));
        Ok(Self { stop, task })
    }

    /// Reads the counters a last time, and returns what they came to.
    ///
    /// # Errors
    /// [`WatchError`] when the connection was lost on the way or the server no longer answers.
    pub async fn finish(self) -> Result<Server, WatchError> {
        // A task that has ended already has its result ready.
        let _ = self.stop.send(());
        timeout(PATIENCE, self.task)
            .await
            .map_err(|_| WatchError::Slow)?
            .map_err(WatchError::BrokeOff)?
    }
}

/// Samples until told to stop, or until the [`Watch`] is dropped.
async fn sample(
    mut conn: Conn,
    max_connections: u64,
    before: Reading,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Server, WatchError> {
    let mut ticks = interval(EVERY);
    // A busy machine delays samples; catching up would only add to the load.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut server =
        Server { max_connections, max_used_before: before.max_used, ..Server::default() };
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            _ = ticks.tick() => {}
        }
        let threads = reading(&mut conn).await?.threads;
        let service = number(&mut conn, SERVICE, "the service's connections").await?;
        server.peak_threads = server.peak_threads.max(threads);
        server.peak_service = server.peak_service.max(service);
        server.samples += 1;
    }
    let after = reading(&mut conn).await?;
    server.max_used_after = after.max_used;
    server.aborted_connects = after.aborted.saturating_sub(before.aborted);
    server.connection_errors_max_connections = after.errors_max.saturating_sub(before.errors_max);
    // All is read; a failing goodbye changes nothing.
    let _ = conn.disconnect().await;
    Ok(server)
}

/// Reads the counters.
async fn reading(conn: &mut Conn) -> Result<Reading, WatchError> {
    let rows: Vec<(String, String)> = conn
        .query(STATUS)
        .await
        .map_err(|source| WatchError::Read { what: "the status counters", source })?;
    let rows: HashMap<String, String> =
        rows.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let value = |name: &'static str| {
        rows.get(&name.to_ascii_lowercase())
            .and_then(|value| value.parse().ok())
            .ok_or(WatchError::Missing(name))
    };
    Ok(Reading {
        max_used: value("Max_used_connections")?,
        aborted: value("Aborted_connects")?,
        errors_max: value("Connection_errors_max_connections")?,
        threads: value("Threads_connected")?,
    })
}

/// Reads one number.
async fn number(conn: &mut Conn, query: &str, what: &'static str) -> Result<u64, WatchError> {
    conn.query_first(query)
        .await
        .map_err(|source| WatchError::Read { what, source })?
        .ok_or(WatchError::Missing(what))
}
