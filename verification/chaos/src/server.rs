//! Samples of the database server's connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use support::stack::Stack;

use crate::sampler::Sampler;
use crate::sockets::connections_at;

/// The interval between two samples.
const EVERY: Duration = Duration::from_millis(20);

/// Samples above the limit kept for the report.
const SHOWN: usize = 5;

/// A server thread of a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    /// The client's port.
    pub(crate) port: u16,
    /// Its `COMMAND` in the server's list.
    pub(crate) command: String,
    /// Its current statement.
    pub(crate) statement: Option<String>,
}

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    LoggingIn,
    BetweenStatements,
    InAStatement,
}

impl Thread {
    pub(crate) fn phase(&self) -> Phase {
        match (self.command.as_str(), &self.statement) {
            ("Query" | "Execute", Some(_)) => Phase::InAStatement,
            ("Connect", _) => Phase::LoggingIn,
            _ => Phase::BetweenStatements,
        }
    }
}

/// The samples so far.
#[derive(Default)]
pub(crate) struct Samples(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    threads: Vec<Thread>,
    /// The number of samples by number of connections.
    histogram: BTreeMap<usize, u64>,
    /// The most connections that the kernel listed.
    most_sockets: usize,
    above: Vec<String>,
    above_count: u64,
    longest_gap: Duration,
    /// Whether the server is down on purpose; gaps do not count then.
    away: bool,
}

impl Samples {
    /// The threads of the latest sample.
    pub(crate) fn threads(&self) -> Vec<Thread> {
        self.lock().threads.clone()
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().histogram.values().sum()
    }

    /// The most connections in a sample.
    pub(crate) fn most(&self) -> usize {
        self.lock().histogram.keys().next_back().copied().unwrap_or_default()
    }

    /// The most connections that the kernel listed in a sample. Includes those before login, which the server
    /// does not list yet.
    pub(crate) fn most_sockets(&self) -> usize {
        self.lock().most_sockets
    }

    /// The number of samples above the limit by either count, and the first ones.
    pub(crate) fn above(&self) -> (u64, Vec<String>) {
        let inner = self.lock();
        (inner.above_count, inner.above.clone())
    }

    /// The longest time without a sample while the server was up.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.lock().longest_gap
    }

    /// Records that the server is down on purpose, or up again.
    pub(crate) fn away(&self, away: bool) {
        self.lock().away = away;
    }

    fn add(
        &self,
        threads: Vec<Thread>,
        sockets: &BTreeMap<u16, String>,
        limit: usize,
        since: Duration,
    ) {
        let mut inner = self.lock();
        if !inner.away {
            inner.longest_gap = inner.longest_gap.max(since);
        }
        *inner.histogram.entry(threads.len()).or_default() += 1;
        inner.most_sockets = inner.most_sockets.max(sockets.len());
        if threads.len().max(sockets.len()) > limit {
            inner.above_count += 1;
            if inner.above.len() < SHOWN {
                let (listed, known) = (threads.len(), sockets.len());
                let unlisted: Vec<_> = sockets
                    .iter()
                    .filter(|(port, _)| threads.iter().all(|thread| thread.port != **port))
                    .collect();
                let text = format!("{listed} listed, {known} by the kernel, unlisted {unlisted:?}");
                inner.above.push(text);
            }
        }
        inner.threads = threads;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The login of the observer, which sees all connections.
pub(crate) fn observer(stack: &Stack) -> Opts {
    OptsBuilder::default()
        .socket(Some(stack.observer.socket.display().to_string()))
        .user(Some(&stack.observer.user))
        .pass(Some(&stack.observer.password))
        .into()
}

/// Samples the service's connections. `limit` is the most allowed.
///
/// # Errors
/// When the observer cannot log in or query.
pub(crate) async fn sample(stack: &Stack, limit: u32) -> Result<Sampler<Samples>> {
    let mut conn = Conn::new(observer(stack)).await.context("observing the database")?;
    threads(&mut conn, stack).await.context("observing the database")?;
    let stack = stack.clone();
    Ok(Sampler::start(Samples::default(), |into, stopped| async move {
        let mut conn = Some(conn);
        let mut last = Instant::now();
        while !*stopped.borrow() {
            let sample = match &mut conn {
                Some(conn) => threads(conn, &stack).await,
                None => connect_and_list(&mut conn, &stack).await,
            };
            match sample {
                Ok(threads) => {
                    let sockets = connections_at(stack.mysql.port);
                    into.add(threads, &sockets, limit as usize, last.elapsed());
                    last = Instant::now();
                }
                Err(_) => conn = None,
            }
            tokio::time::sleep(EVERY).await;
        }
    }))
}

async fn connect_and_list(
    conn: &mut Option<Conn>,
    stack: &Stack,
) -> Result<Vec<Thread>, mysql_async::Error> {
    let fresh = conn.insert(Conn::new(observer(stack)).await?);
    threads(fresh, stack).await
}

/// Lists the service's threads, including those before login: no other client connects over TCP.
async fn threads(conn: &mut Conn, stack: &Stack) -> Result<Vec<Thread>, mysql_async::Error> {
    let sql = format!(
        "SELECT HOST, COMMAND, INFO FROM information_schema.PROCESSLIST \
         WHERE USER IN ('{}', 'unauthenticated user')",
        stack.mysql.admin_user
    );
    let rows: Vec<(String, String, Option<String>)> = conn.query(sql).await?;
    Ok(rows.into_iter().filter_map(thread).collect())
}

/// A thread with a client's address. Without one it is an observer's over the socket, or just being accepted;
/// the next sample has it then.
fn thread((host, command, statement): (String, String, Option<String>)) -> Option<Thread> {
    let (_, port) = host.rsplit_once(':')?;
    Some(Thread { port: port.parse().ok()?, command, statement })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(command: &str, statement: Option<&str>) -> Thread {
        Thread { port: 1, command: command.to_owned(), statement: statement.map(str::to_owned) }
    }

    #[test]
    fn only_clients_with_an_address_are_the_services() {
        let row = |host: &str| super::thread((host.to_owned(), "Connect".to_owned(), None));
        assert_eq!(row("127.0.0.1:4711").map(|thread| thread.port), Some(4711));
        assert_eq!((row("localhost"), row("")), (None, None));
    }

    #[test]
    fn the_phase_is_read_from_the_list() {
        assert_eq!(thread("Connect", None).phase(), Phase::LoggingIn);
        assert_eq!(thread("Sleep", None).phase(), Phase::BetweenStatements);
        assert_eq!(thread("Query", Some("SELECT SLEEP(1)")).phase(), Phase::InAStatement);
    }

    #[test]
    fn samples_above_the_limit_and_gaps_are_remembered() {
        let samples = Samples::default();
        let second = Duration::from_secs(1);
        let sockets = |count: u16| (0..count).map(|port| (port, "01".to_owned())).collect();
        samples.add(vec![thread("Sleep", None); 2], &sockets(2), 2, second);
        assert_eq!((samples.most(), samples.above().0), (2, 0));
        samples.add(vec![thread("Sleep", None); 3], &sockets(2), 2, 2 * second);
        assert_eq!((samples.most(), samples.above().0, samples.count()), (3, 1, 2));
        samples.add(Vec::new(), &sockets(3), 2, second);
        assert_eq!((samples.most_sockets(), samples.above().0), (3, 2));
        samples.away(true);
        samples.add(Vec::new(), &sockets(0), 2, 9 * second);
        assert_eq!(samples.longest_gap(), 2 * second);
    }
}
