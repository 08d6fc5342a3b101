//! Kills (SIGKILL) of holders and of counters, by the phase that they are in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rds_admission::client::Via;
use serde_json::json;

use super::login::logging_in;
use super::trap::trap;
use super::{KEEPING, Watchers};
use crate::control::{Instance, State};
use crate::ledger::{Group, Kind};
use crate::scene::Scene;
use crate::server::Phase;
use crate::sockets::{connections_to, ports_of};

/// Whom to kill, and when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kill {
    /// A query whose call of the counter or the table passes the front door: the call and the moment.
    Query(&'static str, &'static str, &'static str),
    /// A query that has just opened a connection.
    FreshConnection,
    /// A query that has logged in and not yet told the server its limits.
    Unlimited,
    /// A query that has a connection.
    AnyConnection,
    /// A counter that calls DynamoDB.
    Counter(&'static str, &'static str),
}

/// What is killed in turn, by who decides for the queries.
pub(super) fn all(via: Via) -> [Kill; 10] {
    let (granted, deciding) = match via {
        Via::Counter => (
            "query: slot granted, not connected",
            [
                Kill::Counter("before", "counter: decided, nothing written"),
                Kill::Counter("after", "counter: written, not answered"),
            ],
        ),
        // The writes are the query's own, and there is no counter in the way.
        Via::Table => (
            "query: slot written, does not know it",
            [
                Kill::Query("acquire", "before", "query: decided, slot not written"),
                Kill::Query("acquire", "granted", "query: slot written, does not know it"),
            ],
        ),
    };
    let [before, after] = deciding;
    [
        Kill::Query("acquire", "granted", granted),
        Kill::AnyConnection,
        Kill::FreshConnection,
        Kill::Query("release", "before", "query: connection closed, slot not given back"),
        Kill::Unlimited,
        before,
        after,
        Kill::FreshConnection,
        Kill::Query("release", "after", "query: slot given back, not answered"),
        Kill::Query("secretsmanager", "after", "query: slot granted, secret read"),
    ]
}

/// How long a new connection is waited for.
const HUNT: Duration = Duration::from_millis(500);

/// Two samples of the server's list of threads, and some.
const SETTLE: Duration = Duration::from_millis(70);

impl Kill {
    pub(super) async fn happen(
        self,
        scene: &Arc<Scene>,
        dice: &mut StdRng,
        watchers: &mut Watchers,
    ) -> Result<()> {
        let (query, counter) = (&scene.stack.query_function, &scene.stack.counter_function);
        match self {
            Self::Query(call, moment, name) => {
                let hit = trap(scene, query, (call, moment), json!({"kill": true})).await?;
                if let Some(hit) = hit {
                    killed(scene, name, hit.lease, watchers);
                }
            }
            Self::Counter(moment, name) => {
                let hit = trap(scene, counter, ("dynamodb", moment), json!({"kill": true})).await?;
                if hit.is_some() {
                    killed(scene, name, None, watchers);
                }
            }
            Self::FreshConnection => {
                if let Some((instance, port)) = hunt(scene).await? {
                    look_and_kill(scene, &instance, port, watchers).await?;
                }
            }
            Self::Unlimited => {
                if let Some(instance) = logging_in(scene).await?
                    && scene.control.kill(&instance.id).await?
                {
                    killed(scene, "query: logged in, limits not told", instance.lease, watchers);
                }
            }
            Self::AnyConnection => {
                if let Some((instance, port)) = scene.connected(dice).await? {
                    look_and_kill(scene, &instance, port, watchers).await?;
                }
            }
        }
        Ok(())
    }
}

/// Records a kill, and has it watched until its slot is back; or, of one that had none, until the
/// service admits again.
fn killed(scene: &Arc<Scene>, name: &str, lease: Option<String>, watchers: &mut Watchers) {
    let kind = Kind::new(Group::Kill, name);
    scene.ledger.happened(&kind);
    let scene = Arc::clone(scene);
    watchers.spawn(async move {
        match lease {
            Some(lease) => scene.watch_lease(&kind, &lease).await,
            None => scene.watch_service(&kind).await,
        }
    });
}

/// Waits for a new connection to the database, and stops its owner at once.
async fn hunt(scene: &Scene) -> Result<Option<(Instance, u16)>> {
    let port = scene.stack.mysql.port;
    let instances = scene.queries().await?;
    // Logging in takes a millisecond or two: no time to be given away to others.
    Ok(tokio::task::block_in_place(|| stop_first_to_connect(&instances, port)))
}

/// Finding out who has connected takes longer than logging in: all are stopped meanwhile.
fn stop_first_to_connect(instances: &[Instance], port: u16) -> Option<(Instance, u16)> {
    let known: BTreeSet<u64> = connections_to(port).into_keys().collect();
    let since = Instant::now();
    while since.elapsed() < HUNT {
        let mut fresh = connections_to(port);
        fresh.retain(|inode, _| !known.contains(inode));
        if fresh.is_empty() {
            continue;
        }
        for one in instances {
            signal(one, Signal::SIGSTOP);
        }
        let owner = instances
            .iter()
            .find_map(|one| Some((one.clone(), *ports_of(one.pid, &fresh).first()?)));
        for one in instances {
            if owner.as_ref().is_none_or(|(owner, _)| owner.id != one.id) {
                signal(one, Signal::SIGCONT);
            }
        }
        // The connection of an instance that came later, or that was frozen, is nobody's here.
        return owner;
    }
    None
}

/// Stops the process, looks which phase its connection is in by the server's word, and kills it.
async fn look_and_kill(
    scene: &Arc<Scene>,
    instance: &Instance,
    port: u16,
    watchers: &mut Watchers,
) -> Result<()> {
    signal(instance, Signal::SIGSTOP);
    tokio::time::sleep(SETTLE).await;
    let threads = scene.server.threads();
    let phase = threads.iter().find(|thread| thread.port == port).map(crate::server::Thread::phase);
    let name = match phase {
        Some(Phase::LoggingIn) => "query: logging in",
        Some(Phase::BetweenStatements) if instance.state == State::Idle => KEEPING,
        Some(Phase::BetweenStatements) => "query: connected, between statements",
        Some(Phase::InAStatement) => "query: in a statement",
        // The list has those only who are through with their login.
        None if connections_to(scene.stack.mysql.port).values().any(|own| *own == port) => {
            "query: logging in"
        }
        None => "query: connection just closed",
    };
    let lease = scene.queries().await?.into_iter().find(|one| one.id == instance.id);
    let lease = lease.and_then(|instance| instance.lease);
    if scene.control.kill(&instance.id).await? {
        killed(scene, name, lease, watchers);
    }
    Ok(())
}

fn signal(instance: &Instance, signal: Signal) {
    if let Ok(pid) = i32::try_from(instance.pid) {
        // An error means that it is gone already.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}
