//! What is played on: the stack, those who watch it, and the record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use rds_admission::client::Via;

use crate::control::{Control, Instance};
use crate::flood::Answers;
use crate::frozen::Frozen;
use crate::ledger::{Kind, Ledger};
use crate::sockets::{connections_to, ports_of};
use crate::stack::Stack;
use crate::{pool, server};

/// How long anything may take to be made good. A lease has to end first; and where the pool is not full
/// enough for somebody to take the slot over, the schedule's next sweep does it, of every minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// After this a sample of the pool is surely younger than the fault.
const FRESH: Duration = Duration::from_millis(300);

/// How often it is looked whether it was.
const LOOK: Duration = Duration::from_millis(20);

/// All that a fault needs to know.
pub(crate) struct Scene {
    pub(crate) stack: Stack,
    pub(crate) control: Control,
    pub(crate) answers: Arc<Answers>,
    pub(crate) server: Arc<server::Samples>,
    pub(crate) pool: Arc<pool::Samples>,
    pub(crate) ledger: Ledger,
    pub(crate) frozen: Frozen,
    /// Who decides for the queries.
    pub(crate) via: Via,
    /// How long a lease lasts at the most.
    pub(crate) lease: Duration,
    /// The server's own limit, to be restored.
    pub(crate) max_connections: u32,
}

impl Scene {
    /// The living instances of the query that are not frozen.
    pub(crate) async fn queries(&self) -> anyhow::Result<Vec<Instance>> {
        let mut instances = self.control.instances().await?;
        instances.retain(|one| one.function == self.stack.query_function && !one.frozen);
        Ok(instances)
    }

    /// One of the queries that have a connection to the database, and the connection's port.
    pub(crate) async fn connected(
        &self,
        dice: &mut StdRng,
    ) -> anyhow::Result<Option<(Instance, u16)>> {
        let connections = connections_to(self.stack.mysql.port);
        let mut connected = self.queries().await?;
        connected.retain(|one| !ports_of(one.pid, &connections).is_empty());
        if connected.is_empty() {
            return Ok(None);
        }
        let chosen = connected.swap_remove(dice.random_range(0..connected.len()));
        let port = ports_of(chosen.pid, &connections).first().copied();
        Ok(port.map(|port| (chosen, port)))
    }

    /// Records when the slot of `lease` is back in the pool.
    pub(crate) async fn watch_lease(&self, kind: &Kind, lease: &str) {
        let since = Instant::now();
        let back = || {
            // A sample that was taken before the fault says nothing.
            since.elapsed() > FRESH && !self.pool.latest().leases.contains_key(lease)
        };
        self.watch(kind, self.lease + PATIENCE, back).await;
    }

    /// Records when a request that is sent from now on is admitted.
    pub(crate) async fn watch_service(&self, kind: &Kind) {
        let now = Instant::now();
        self.watch(kind, PATIENCE, || self.answers.admitted_since(now)).await;
    }

    async fn watch(&self, kind: &Kind, patience: Duration, good: impl Fn() -> bool) {
        let since = Instant::now();
        while !good() {
            if since.elapsed() > patience {
                self.ledger.made_good(kind, None);
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.ledger.made_good(kind, Some(since.elapsed()));
    }
}
