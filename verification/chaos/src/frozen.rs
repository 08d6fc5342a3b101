//! Instances that were frozen until after their lease: from then on none may have a connection.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Instance, State};
use crate::pool::{SKEW_ALLOWANCE, epoch_seconds};
use crate::scene::Scene;
use crate::sockets::{connections_to, ports_of};

/// How often such an instance is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How often it is asked whether the instance is still there.
const ASK: Duration = Duration::from_millis(500);

/// For so many seconds after its lease an instance is looked at that was thawed, and that nobody calls: it may not
/// be called again, and be there for minutes.
const UNCALLED: u64 = 10;

/// What was seen of all of them.
#[derive(Default)]
pub(crate) struct Frozen(Mutex<Inner>);

#[derive(Clone, Default)]
pub(crate) struct Inner {
    /// Looks at an instance after its lease.
    pub(crate) looks: u64,
    /// Looks that found a connection.
    pub(crate) trespasses: Vec<String>,
    /// What the instances said they came to after the thaw, and how often.
    pub(crate) outcomes: BTreeMap<String, u64>,
}

impl Frozen {
    pub(crate) fn seen(&self) -> Inner {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scene {
    /// Follows an instance that has just been frozen for longer than its lease, until it is gone, in another
    /// invocation, or thawed and long enough without one.
    pub(crate) async fn follow(&self, instance: &Instance, lease: Option<&str>) {
        let expiry = lease.and_then(|lease| self.pool.latest().leases.get(lease).copied());
        let over =
            expiry.unwrap_or_else(|| epoch_seconds() + self.lease.as_secs()) + SKEW_ALLOWANCE;
        let said_before = self.outcomes(instance).len();
        let mut asked = Instant::now();
        loop {
            let connected = epoch_seconds() >= over && self.look(instance);
            if connected || asked.elapsed() > ASK {
                asked = Instant::now();
                // A stack that does not answer is asked again.
                if let Ok(all) = self.control.instances().await {
                    let still = |one: &&Instance| {
                        one.id == instance.id && one.invocations == instance.invocations
                    };
                    let uncalled = |one: &Instance| {
                        one.state == State::Idle
                            && !one.frozen
                            && epoch_seconds() >= over + UNCALLED
                    };
                    match all.iter().find(still) {
                        // Its next invocation may have a connection.
                        None => break,
                        Some(_) if connected => self.trespassed(instance, over),
                        Some(one) if uncalled(one) => break,
                        Some(_) => {}
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        let said = self.outcomes(instance);
        let outcome = said.get(said_before).map_or("nothing", String::as_str);
        *self.frozen.lock().outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    /// Whether the instance has a connection.
    fn look(&self, instance: &Instance) -> bool {
        self.frozen.lock().looks += 1;
        !ports_of(instance.pid, &connections_to(self.stack.mysql.port)).is_empty()
    }

    fn trespassed(&self, instance: &Instance, over: u64) {
        let (id, late) = (&instance.id, epoch_seconds().saturating_sub(over));
        let trespass = format!("{id} has a connection, {late} s too late");
        self.frozen.lock().trespasses.push(trespass);
    }
}
