//! A dropped request leaves no slot and no connection behind, at every await point and for every behaviour of its
//! dependencies.
//!
//! A future can be dropped at any await: when a client disconnects, when a deadline passes, or when another branch of a
//! `select!` completes. So each combination of behaviours is repeated: dropped at the first await, the second, and so
//! on, until the request completes before it is dropped.

mod counter;
mod relay;
mod secret;
mod server;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use counter::{Acquire, Gate, Gates, Release};
use query::Employees;
use rds_admission::client::Admission;
use rds_admission::secret::SecretCache;
use rds_admission::session::{SessionOptions, Tls};
use rds_admission::sessions::Sessions;
use rds_admission::time::Deadline;
use secret::{Secret, Vault};
use server::Server;

/// Time limit of a request. Its lease lasts 5 seconds longer.
const TIME: Duration = Duration::from_secs(20);

/// Limit for releasing the slot and closing the connection: much less than the lease.
const PATIENCE: Duration = Duration::from_secs(8);

/// Behaviour of one request's dependencies.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    acquire: Acquire,
    secret: Secret,
    statement: Statement,
    release: Release,
}

/// Result of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statement {
    Works,
    /// It succeeds after a delay in which the server does not notice a client that disconnects.
    TakesLong,
    Fails,
}

/// Duration of a long statement.
const LONG: Duration = Duration::from_millis(100);

/// Returns all distinct combinations: without a slot a request reads no secret, without a session it runs no
/// statement.
fn behaviours() -> Vec<Behaviour> {
    let mut all = Vec::new();
    for release in Release::ALL {
        for secret in Secret::ALL {
            for statement in [Statement::Works, Statement::TakesLong, Statement::Fails] {
                all.push(Behaviour { acquire: Acquire::Granted, secret, statement, release });
            }
        }
        for acquire in [Acquire::Refused, Acquire::Failed, Acquire::GrantedButLost] {
            let (secret, statement) = (Secret::Kept, Statement::Works);
            all.push(Behaviour { acquire, secret, statement, release });
        }
    }
    all
}

/// The dependencies that all requests share.
struct RunContext {
    server: Server,
    vault: Vault,
    gates: Arc<Gates>,
}

impl RunContext {
    async fn new() -> Self {
        let server = Server::start().await;
        let vault = Vault::open().await;
        let gates = Arc::new(Gates::new(server.open()).await);
        Self { server, vault, gates }
    }

    /// Runs a request and drops it at its `points`th await. Returns whether it completed before.
    async fn drop_at(&self, behaviour: Behaviour, points: u32) -> bool {
        let database = match behaviour.statement {
            Statement::Fails => "information_schema",
            Statement::Works | Statement::TakesLong => self.server.database(),
        };
        let secret = self.server.secret(database);
        self.vault.hold(behaviour.secret, &secret);
        self.gates.set(behaviour.acquire, behaviour.release);
        let cache = SecretCache::new(self.vault.client(), "the secret");
        if matches!(behaviour.secret, Secret::Kept | Secret::Outdated | Secret::Rotating) {
            cache.get().await.expect("a secret");
        }
        let options = SessionOptions { tls: Tls::Off, ..SessionOptions::default() };
        let admission = Admission::new(Arc::new(Gate(Arc::clone(&self.gates))), counter::pool());
        let mut employees = Employees::new(Sessions::new(admission, cache, options));
        if behaviour.statement == Statement::TakesLong {
            employees = employees.holding(LONG);
        }
        until(employees.count(Deadline::within(TIME)), points).await
    }

    /// Waits until the slot is released and the connection closed.
    async fn settles(&self) {
        let mut observer = self.server.observer().await;
        let settled = async {
            loop {
                let leases = self.gates.in_use().await;
                let connections = self.server.connections(&mut observer).await;
                if (leases, connections) == (0, 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("slot and connection come back");
    }
}

/// Polls `future` until it was pending `points` times. Returns whether it completed before.
async fn until(future: impl Future, points: u32) -> bool {
    let mut future = pin!(future);
    let mut waited = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending => {
            waited += 1;
            if waited == points { Poll::Ready(false) } else { Poll::Pending }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_is_dropped_leaves_nothing_behind() {
    let context = RunContext::new().await;
    let (mut tried, mut combinations) = (0, 0);
    for behaviour in behaviours() {
        combinations += 1;
        for points in 1.. {
            let ended = context.drop_at(behaviour, points).await;
            context.settles().await;
            assert_eq!(context.gates.too_soon(), 0, "{behaviour:?}, dropped at {points}");
            if ended {
                // A request without await points would not be tested.
                assert!(points > 2, "{behaviour:?} waits at {} points only", points - 1);
                break;
            }
            tried += 1;
        }
    }
    println!("{combinations} combinations, dropped at {tried} points");
}
