//! Kills (SIGKILL) of queries and counters, by phase.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rds_admission::backend::BackendKind;
use serde_json::json;

use super::catch;
use crate::control::{Instance, State};
use crate::ledger::{Group, KEEPING, Kind};
use crate::run_context::{RunContext, Watchers};
use crate::server::{Phase, Thread};
use crate::sockets::{connections_to, ports_of};

/// The instance to kill.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kill {
    /// A query at a call: the call, the moment and the name.
    Query(&'static str, &'static str, &'static str),
    /// A query with a new connection.
    FreshConnection,
    /// A query between login and session limits.
    Unlimited,
    /// A query with a connection, in any phase.
    AnyConnection,
    /// A counter at a call of DynamoDB: the moment and the name.
    Counter(&'static str, &'static str),
}

/// The kills in turn, by the queries' backend.
pub(super) fn all(via: BackendKind) -> [Kill; 10] {
    let (granted, deciding) = match via {
        BackendKind::Counter => (
            "query: slot granted, not connected",
            [
                Kill::Counter("before", "counter: decided, nothing written"),
                Kill::Counter("after", "counter: written, response not sent"),
            ],
        ),
        BackendKind::Table | BackendKind::Bypass => (
            "query: slot written, response not received",
            [
                Kill::Query("acquire", "before", "query: decided, slot not written"),
                Kill::Query("acquire", "granted", "query: slot written, response not received"),
            ],
        ),
    };
    let [before, after] = deciding;
    [
        Kill::Query("acquire", "granted", granted),
        Kill::AnyConnection,
        Kill::FreshConnection,
        Kill::Query("release", "before", "query: connection closed, slot not released"),
        Kill::Unlimited,
        before,
        after,
        Kill::FreshConnection,
        Kill::Query("release", "after", "query: slot released, response not received"),
        Kill::Query("secretsmanager", "after", "query: slot granted, secret read"),
    ]
}

/// The longest wait for a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Longer than two samples of the server's list of threads take.
const SETTLE: Duration = Duration::from_millis(70);

impl Kill {
    pub(super) async fn inject(
        self,
        context: &Arc<RunContext>,
        rng: &mut StdRng,
        watchers: &mut Watchers,
    ) -> Result<()> {
        let (query, counter) = (&context.stack.query_function, &context.stack.counter_function);
        match self {
            Self::Query(call, moment, name) => {
                let hit =
                    catch::next_call(context, query, (call, moment), json!({"kill": true})).await?;
                if let Some(hit) = hit {
                    killed(context, name, hit.lease, watchers);
                }
            }
            Self::Counter(moment, name) => {
                let hit =
                    catch::next_call(context, counter, ("dynamodb", moment), json!({"kill": true}))
                        .await?;
                if hit.is_some() {
                    killed(context, name, None, watchers);
                }
            }
            Self::FreshConnection => {
                if let Some((instance, port)) = stop_new_connection(context).await? {
                    kill_in_phase(context, &instance, port, watchers).await?;
                }
            }
            Self::Unlimited => {
                if let Some(instance) = catch::login(context).await?
                    && context.control.kill(&instance.id).await?
                {
                    killed(context, "query: logged in, limits not set", instance.lease, watchers);
                }
            }
            Self::AnyConnection => {
                if let Some((instance, port)) = context.connected(rng).await? {
                    kill_in_phase(context, &instance, port, watchers).await?;
                }
            }
        }
        Ok(())
    }
}

/// Records a kill, and spawns the wait for the end of its lease, or for an admitted request if it had none.
fn killed(context: &Arc<RunContext>, name: &str, lease: Option<String>, watchers: &mut Watchers) {
    let kind = Kind::new(Group::Kill, name);
    context.ledger.injected(&kind);
    let context = Arc::clone(context);
    watchers.spawn(async move {
        match lease {
            Some(lease) => context.watch_lease(&kind, &lease).await,
            None => context.watch_service(&kind).await,
        }
    });
}

/// Waits for a new connection to the database and stops its owner with SIGSTOP.
async fn stop_new_connection(context: &RunContext) -> Result<Option<(Instance, u16)>> {
    let port = context.stack.mysql.port;
    let instances = context.queries().await?;
    // A login takes a millisecond or two, so this must not be preempted by other tasks.
    Ok(tokio::task::block_in_place(|| stop_first_to_connect(&instances, port)))
}

/// Finding the owner takes longer than a login, so all instances are stopped meanwhile.
fn stop_first_to_connect(instances: &[Instance], port: u16) -> Option<(Instance, u16)> {
    let known: BTreeSet<u64> = connections_to(port).into_keys().collect();
    let since = Instant::now();
    while since.elapsed() < CONNECT_TIMEOUT {
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
        // `None` if the owner is a newer or a frozen instance.
        return owner;
    }
    None
}

/// Stops the process, reads the phase of its connection from the server's list, and kills it.
async fn kill_in_phase(
    context: &Arc<RunContext>,
    instance: &Instance,
    port: u16,
    watchers: &mut Watchers,
) -> Result<()> {
    signal(instance, Signal::SIGSTOP);
    tokio::time::sleep(SETTLE).await;
    let threads = context.server.threads();
    let phase = threads.iter().find(|thread| thread.port == port).map(Thread::phase);
    let name = match phase {
        Some(Phase::LoggingIn) => "query: logging in",
        Some(Phase::BetweenStatements) if instance.state == State::Idle => KEEPING,
        Some(Phase::BetweenStatements) => "query: connected, between statements",
        Some(Phase::InAStatement) => "query: in a statement",
        // The server lists a connection only after its login.
        None if connections_to(context.stack.mysql.port).values().any(|own| *own == port) => {
            "query: logging in"
        }
        None => "query: connection just closed",
    };
    let lease = context.queries().await?.into_iter().find(|one| one.id == instance.id);
    let lease = lease.and_then(|instance| instance.lease);
    if context.control.kill(&instance.id).await? {
        killed(context, name, lease, watchers);
    }
    Ok(())
}

fn signal(instance: &Instance, signal: Signal) {
    if let Ok(pid) = i32::try_from(instance.pid) {
        // An error means that the process is gone.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}
