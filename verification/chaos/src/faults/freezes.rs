//! Freezes (SIGSTOP, and SIGCONT when the lease is over) of holders, by the phase that they are in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use serde_json::json;

use super::login::logging_in;
use super::trap::trap;
use super::{KEEPING, Watchers};
use crate::control::{Instance, State};
use crate::ledger::{Group, Kind};
use crate::scene::Scene;

/// Whom to freeze, and when.
#[derive(Clone, Copy, Debug)]
pub(super) enum Freeze {
    /// A query whose call passes the front door: the call and the moment.
    Call(&'static str, &'static str, &'static str),
    /// A query that has logged in and not yet told the server its limits.
    Unlimited,
    /// A query that has a connection.
    Connected,
}

pub(super) const ALL: [Freeze; 6] = [
    Freeze::Call("acquire", "granted", "query: slot granted, not connected"),
    Freeze::Connected,
    Freeze::Call("acquire", "before", "query: asking for a slot"),
    Freeze::Unlimited,
    Freeze::Connected,
    Freeze::Call("release", "before", "query: giving its slot back"),
];

/// What a freeze lasts beyond the lease: the allowance for the counters' clocks, and a second in
/// which somebody else takes the slot.
const BEYOND: Duration = Duration::from_secs(3);

impl Freeze {
    pub(super) async fn happen(
        self,
        scene: &Arc<Scene>,
        dice: &mut StdRng,
        watchers: &mut Watchers,
    ) -> Result<()> {
        let time = scene.lease + BEYOND;
        let query = &scene.stack.query_function;
        let (name, id, lease) = match self {
            Self::Call(call, moment, name) => {
                let action = json!({"freezeSeconds": time.as_secs_f64()});
                let hit = trap(scene, query, (call, moment), action).await?;
                let (id, lease) = hit.map(|hit| (hit.instance, hit.lease)).unzip();
                (name, id, lease.flatten())
            }
            Self::Unlimited => {
                let caught = logging_in(scene).await?.map(|instance| instance.id);
                if let Some(id) = &caught {
                    scene.control.freeze(id, time).await?;
                }
                ("query: logged in, limits not told", caught, None)
            }
            Self::Connected => {
                let frozen = freeze_connected(scene, dice, time).await?;
                let idle = frozen.as_ref().is_some_and(|one| one.state == State::Idle);
                let name = if idle { KEEPING } else { "query: connected" };
                (name, frozen.map(|one| one.id), None)
            }
        };
        let instances = scene.control.instances().await?;
        let frozen = instances.into_iter().find(|one| Some(&one.id) == id.as_ref());
        if let Some(frozen) = frozen {
            let kind = Kind::new(Group::Freeze, name);
            scene.ledger.happened(&kind);
            let lease = lease.or_else(|| frozen.lease.clone());
            follow(scene, kind, frozen, lease, watchers);
        }
        Ok(())
    }
}

/// Freezes one of the queries that have a connection.
async fn freeze_connected(
    scene: &Scene,
    dice: &mut StdRng,
    time: Duration,
) -> Result<Option<Instance>> {
    let Some((chosen, _)) = scene.connected(dice).await? else { return Ok(None) };
    Ok(scene.control.freeze(&chosen.id, time).await?.then_some(chosen))
}

/// Has a frozen instance watched, and the slot that it held, if it did.
fn follow(
    scene: &Arc<Scene>,
    kind: Kind,
    frozen: Instance,
    lease: Option<String>,
    watchers: &mut Watchers,
) {
    if let Some(lease) = lease.clone() {
        let scene = Arc::clone(scene);
        watchers.spawn(async move { scene.watch_lease(&kind, &lease).await });
    }
    let scene = Arc::clone(scene);
    watchers.spawn(async move { scene.follow(&frozen, lease.as_deref()).await });
}
