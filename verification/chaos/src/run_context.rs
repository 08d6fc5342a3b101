//! What all parts of a run share: the stack, its observers and the record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rds_admission::backend::BackendKind;
use support::stack::Stack;
use tokio::task::JoinSet;

use crate::control::{Control, Instance};
use crate::flood::Answers;
use crate::ledger::{Kind, Ledger};
use crate::sockets::{connections_to, ports_of};
use crate::{pool, server};

/// The longest time to recovery, after the lease's end where a lease is involved. In a pool that is not full
/// only the scheduled sweep, once a minute, removes an expired lease.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this time the latest sample of the pool is younger than the fault.
const FRESH: Duration = Duration::from_millis(300);

/// The interval between two checks for recovery.
const POLL: Duration = Duration::from_millis(20);

/// Tasks that wait for the recovery from a fault.
pub(crate) type Watchers = JoinSet<()>;

/// What all parts of a run share.
pub(crate) struct RunContext {
    pub(crate) stack: Stack,
    pub(crate) control: Control,
    pub(crate) answers: Arc<Answers>,
    pub(crate) server: Arc<server::Samples>,
    pub(crate) pool: Arc<pool::Samples>,
    pub(crate) ledger: Ledger,
    /// The backend of the queries.
    pub(crate) via: BackendKind,
    /// The longest lease.
    pub(crate) lease: Duration,
    /// The server's `max_connections`, to be restored.
    pub(crate) max_connections: u32,
}

impl RunContext {
    /// The query's instances that are not frozen.
    pub(crate) async fn queries(&self) -> anyhow::Result<Vec<Instance>> {
        let mut instances = self.control.instances().await?;
        instances.retain(|one| one.function == self.stack.query_function && !one.frozen);
        Ok(instances)
    }

    /// A random query with a connection to the database, and the connection's port.
    pub(crate) async fn connected(
        &self,
        rng: &mut StdRng,
    ) -> anyhow::Result<Option<(Instance, u16)>> {
        let connections = connections_to(self.stack.mysql.port);
        let mut connected = self.queries().await?;
        connected.retain(|one| !ports_of(one.pid, &connections).is_empty());
        if connected.is_empty() {
            return Ok(None);
        }
        let chosen = connected.swap_remove(rng.random_range(0..connected.len()));
        let port = ports_of(chosen.pid, &connections).first().copied();
        Ok(port.map(|port| (chosen, port)))
    }

    /// Records the recovery: the end of `lease` in the pool.
    pub(crate) async fn watch_lease(&self, kind: &Kind, lease: &str) {
        let since = Instant::now();
        let back = || since.elapsed() > FRESH && !self.pool.latest().leases.contains_key(lease);
        self.watch(kind, self.lease + PATIENCE, back).await;
    }

    /// Records the recovery: the admission of a request sent from now on.
    pub(crate) async fn watch_service(&self, kind: &Kind) {
        let now = Instant::now();
        self.watch(kind, PATIENCE, || self.answers.admitted_since(now)).await;
    }

    async fn watch(&self, kind: &Kind, patience: Duration, is_recovered: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_recovered() {
            if since.elapsed() > patience {
                self.ledger.recovered(kind, None);
                return;
            }
            tokio::time::sleep(POLL).await;
        }
        self.ledger.recovered(kind, Some(since.elapsed()));
    }
}
