//! Freezes (SIGSTOP, then SIGCONT after the lease) of queries, by phase.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use serde_json::json;

use super::catch;
use crate::control::{Instance, State};
use crate::frozen;
use crate::ledger::{Group, KEEPING, Kind};
use crate::run_context::{RunContext, Watchers};

/// The query to freeze.
#[derive(Clone, Copy, Debug)]
pub(super) enum Freeze {
    /// At a call: the call, the moment and the name.
    Call(&'static str, &'static str, &'static str),
    /// Between login and session limits.
    Unlimited,
    /// With a connection, in any phase.
    Connected,
}

pub(super) const ALL: [Freeze; 6] = [
    Freeze::Call("acquire", "granted", "query: slot granted, not connected"),
    Freeze::Connected,
    Freeze::Call("acquire", "before", "query: acquiring a slot"),
    Freeze::Unlimited,
    Freeze::Connected,
    Freeze::Call("release", "before", "query: releasing its slot"),
];

/// The time of a freeze beyond the lease: the skew allowance, and a second for a takeover.
const BEYOND: Duration = Duration::from_secs(3);

impl Freeze {
    pub(super) async fn inject(
        self,
        context: &Arc<RunContext>,
        rng: &mut StdRng,
        watchers: &mut Watchers,
    ) -> Result<()> {
        let time = context.lease + BEYOND;
        let query = &context.stack.query_function;
        let (name, id, lease) = match self {
            Self::Call(call, moment, name) => {
                let action = json!({"freezeSeconds": time.as_secs_f64()});
                let hit = catch::next_call(context, query, (call, moment), action).await?;
                let (id, lease) = hit.map(|hit| (hit.instance, hit.lease)).unzip();
                (name, id, lease.flatten())
            }
            Self::Unlimited => {
                let caught = catch::login(context).await?.map(|instance| instance.id);
                if let Some(id) = &caught {
                    context.control.freeze(id, time).await?;
                }
                ("query: logged in, limits not set", caught, None)
            }
            Self::Connected => {
                let frozen = freeze_connected(context, rng, time).await?;
                let idle = frozen.as_ref().is_some_and(|one| one.state == State::Idle);
                let name = if idle { KEEPING } else { "query: connected" };
                (name, frozen.map(|one| one.id), None)
            }
        };
        let instances = context.control.instances().await?;
        let frozen = instances.into_iter().find(|one| Some(&one.id) == id.as_ref());
        if let Some(frozen) = frozen {
            let kind = Kind::new(Group::Freeze, name);
            context.ledger.injected(&kind);
            let lease = lease.or_else(|| frozen.lease.clone());
            follow(context, kind, frozen, lease, watchers);
        }
        Ok(())
    }
}

/// Freezes a random query with a connection.
async fn freeze_connected(
    context: &RunContext,
    rng: &mut StdRng,
    time: Duration,
) -> Result<Option<Instance>> {
    let Some((chosen, _)) = context.connected(rng).await? else { return Ok(None) };
    Ok(context.control.freeze(&chosen.id, time).await?.then_some(chosen))
}

/// Spawns the checks of a frozen instance, and of the lease that it held.
fn follow(
    context: &Arc<RunContext>,
    kind: Kind,
    instance: Instance,
    lease: Option<String>,
    watchers: &mut Watchers,
) {
    if let Some(lease) = lease.clone() {
        let context = Arc::clone(context);
        watchers.spawn(async move { context.watch_lease(&kind, &lease).await });
    }
    let context = Arc::clone(context);
    watchers.spawn(async move { frozen::follow(&context, &instance, lease.as_deref()).await });
}
