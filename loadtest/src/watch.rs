//! Samples of the database server's counters.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use mysql_async::{Conn, Opts, OptsBuilder, prelude::Queryable};
use tokio::time::timeout;

use crate::{
    report::{Connections, Server},
    sampling::{Gauges, Probe, SamplingError, seconds_between},
};

/// The interval of samples.
pub(crate) const EVERY: Duration = Duration::from_millis(100);
/// How long opening the connection may take.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Sent at the login. The server's limit, 5 s in the template, can be shorter than the interval of a long run. An hour is
/// enough for runs of up to fifty days.
const IDLE: &str = "SET SESSION wait_timeout = 3600";
const LIMIT: &str = "SELECT VERSION(), CAST(@@GLOBAL.max_connections AS UNSIGNED)";
const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Max_used_connections', \
    'Aborted_connects', 'Connection_errors_max_connections', 'Threads_connected')";
/// The connections of the service: all that use its database, except this one.
const SERVICE: &str = "SELECT COUNT(*) FROM information_schema.processlist \
    WHERE db = DATABASE() AND id <> CONNECTION_ID()";

/// Succeeds only for an account that can see the connections of others, by its own privilege PROCESS or a role's. Without
/// it the list of threads is not denied, but has only the account's own.
const OTHERS: &str = "SELECT COUNT(*) FROM information_schema.innodb_trx";
/// `ER_SPECIFIC_ACCESS_DENIED_ERROR`: the account lacks a privilege.
const DENIED: u16 = 1227;

/// The connection for the samples.
pub(crate) struct Watch {
    conn: Conn,
    before: Reading,
    sees_others: bool,
    server: Server,
    taken: Vec<Instant>,
    gauges: Arc<Gauges>,
}

/// The samples, before the beginning of the run is known.
pub(crate) struct Watched {
    server: Server,
    taken: Vec<Instant>,
}

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    #[error("connecting to the database failed")]
    Connect(#[source] mysql_async::Error),
    #[error("reading {what} from the database failed")]
    Read { what: &'static str, source: mysql_async::Error },
    #[error("the database has no {0}")]
    Missing(&'static str),
    #[error("the database did not answer within {} s", OPEN_LIMIT.as_secs())]
    Slow,
    #[error("watching the database failed")]
    Sampling(#[from] SamplingError),
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
    /// Connects and reads the counters for the first time.
    ///
    /// Before the flood, so that the connection is neither refused nor the spare one that a full server keeps for a
    /// superuser.
    pub(crate) async fn open(opts: Opts, gauges: Arc<Gauges>) -> Result<Self, WatchError> {
        // On a loopback address the driver would also connect to the server's socket.
        let opts = OptsBuilder::from_opts(opts).prefer_socket(false).init(vec![IDLE]);
        let opening = async {
            let mut conn = Conn::new(opts).await.map_err(WatchError::Connect)?;
            let (version, max_connections) = first(&mut conn, LIMIT, "max_connections").await?;
            let sees_others = sees_others(&mut conn).await?;
            let before = reading(&mut conn).await?;
            let max_used_before = before.max_used;
            let server = Server { version, max_connections, max_used_before, ..Server::default() };
            Ok(Self { conn, before, sees_others, server, taken: Vec::new(), gauges })
        };
        timeout(OPEN_LIMIT, opening).await.map_err(|_| WatchError::Slow)?
    }
}

impl Probe for Watch {
    type Result = Watched;
    type Error = WatchError;

    async fn sample(&mut self, now: Instant) -> Result<(), WatchError> {
        let used = reading(&mut self.conn).await?.threads;
        if self.sees_others {
            let service = first(&mut self.conn, SERVICE, "the service's connections").await?;
            self.server.samples.service.push(service);
        }
        self.taken.push(now);
        self.server.samples.used.push(used);
        self.gauges.set_connections(used, self.server.max_connections);
        Ok(())
    }

    async fn conclude(mut self) -> Result<Watched, WatchError> {
        let after = reading(&mut self.conn).await?;
        let Self { mut server, before, taken, .. } = self;
        let highest = |samples: &[u64]| samples.iter().copied().max();
        server.peak_threads = highest(&server.samples.used).unwrap_or_default();
        server.peak_service = highest(&server.samples.service);
        server.max_used_after = after.max_used;
        server.aborted_connects = after.aborted.saturating_sub(before.aborted);
        server.connection_errors_max_connections =
            after.errors_max.saturating_sub(before.errors_max);
        // All is read: a failed disconnect is no error.
        let _ = self.conn.disconnect().await;
        Ok(Watched { server: server.with_peak(), taken })
    }
}

impl Watched {
    /// The samples with their times from the beginning of the run.
    pub(crate) fn since(self, start: Instant) -> Server {
        let at = self.taken.iter().map(|taken| seconds_between(start, *taken)).collect();
        let samples = Connections { at, ..self.server.samples };
        Server { samples, ..self.server }
    }
}

/// Whether the account can see the connections of others.
async fn sees_others(conn: &mut Conn) -> Result<bool, WatchError> {
    match conn.query_drop(OTHERS).await {
        Ok(()) => Ok(true),
        Err(mysql_async::Error::Server(denied)) if denied.code == DENIED => Ok(false),
        Err(source) => Err(WatchError::Read { what: "the account's privileges", source }),
    }
}

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

async fn first<R>(conn: &mut Conn, query: &str, what: &'static str) -> Result<R, WatchError>
where
    R: mysql_async::prelude::FromRow + Send + 'static,
{
    conn.query_first(query)
        .await
        .map_err(|source| WatchError::Read { what, source })?
        .ok_or(WatchError::Missing(what))
}

#[cfg(test)]
mod tests {
    use local::{MariaDb, MariaDbOptions};

    use super::*;

    #[tokio::test]
    async fn a_watch_outlives_the_idle_limit_of_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let server = MariaDb::start(MariaDbOptions::new(folder.path())).await.unwrap();
        let mut observer = Conn::new(server.observer_opts()).await.unwrap();
        observer.query_drop("SET GLOBAL wait_timeout = 1").await.unwrap();
        let mut other = Conn::new(server.admin_opts()).await.unwrap();

        let mut watch = Watch::open(server.admin_opts(), Arc::default()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!(other.query_drop("DO 1").await.is_err(), "the server keeps idle connections");
        watch.sample(Instant::now()).await.unwrap();
        watch.conclude().await.unwrap();
        server.stop().await.unwrap();
    }
}
