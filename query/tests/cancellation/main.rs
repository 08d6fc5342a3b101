//! A request that is dropped, at every point where it waits and however those that it waits for
//! behave, leaves no slot and no connection behind.
//!
//! A future can be dropped wherever it waits: when a client goes away, when a deadline comes first,
//! when somebody else's branch of a `select!` wins. So each combination of behaviours is run again and
//! again, dropped the first time that it waits, the second time, and so on, until it comes to its end
//! before it is dropped.

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

/// The time that a request has. Its lease lasts 5 seconds longer.
const TIME: Duration = Duration::from_secs(20);

/// How long a slot and a connection may take to come back: much less than the lease.
const PATIENCE: Duration = Duration::from_secs(8);

/// What one request meets.
#[derive(Clone, Copy, Debug)]
struct Behaviour {
    acquire: Acquire,
    secret: Secret,
    statement: Statement,
    release: Release,
}

/// How the statement fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statement {
    Works,
    /// It works, after a while in which the server notices nothing of a client that goes away.
    TakesLong,
    Fails,
}

/// What takes long.
const LONG: Duration = Duration::from_millis(100);

/// All combinations that a request can tell apart: without a slot it reads no secret, without a
/// session it runs no statement.
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

/// Everything that a request needs, shared by all.
struct Scene {
    server: Server,
    vault: Vault,
    gates: Arc<Gates>,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::start().await;
        let vault = Vault::open().await;
        let gates = Arc::new(Gates::new(server.open()).await);
        Self { server, vault, gates }
    }

    /// Runs a request and drops it when it waits for the `points`th time. True when it came to its
    /// end before.
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

    /// Waits until the slot and the connection are back.
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

/// Polls `future` until it has waited `points` times, or has come to its end, which is told.
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
    let scene = Scene::new().await;
    let (mut tried, mut combinations) = (0, 0);
    for behaviour in behaviours() {
        combinations += 1;
        for points in 1.. {
            let ended = scene.drop_at(behaviour, points).await;
            scene.settles().await;
            assert_eq!(scene.gates.too_soon(), 0, "{behaviour:?}, dropped at {points}");
            if ended {
                // One that waits nowhere would not have been tried.
                assert!(points > 2, "{behaviour:?} waits at {} points only", points - 1);
                break;
            }
            tried += 1;
        }
    }
    println!("{combinations} combinations, dropped at {tried} points");
}
