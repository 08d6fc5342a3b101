//! Instances that were frozen until after their lease: from then on none may have a connection.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::Instance;
use crate::pool::{SKEW_ALLOWANCE, epoch_seconds};
use crate::scene::Scene;
use crate::sockets::{connections_to, ports_of};

/// How often such an instance is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How often it is asked whether the instance is still there.
const ASK: Duration = Duration::from_millis(500);

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
    /// Follows an instance that has just been frozen for longer than its lease, until it is gone or
    /// in another invocation.
    pub(crate) async fn follow(&self, instance: &Instance, lease: Option<&str>) {
        let expiry = lease.and_then(|lease| self.pool.latest().leases.get(lease).copied());
        let over =
            expiry.unwrap_or_else(|| epoch_seconds() + self.lease.as_secs()) + SKEW_ALLOWANCE;
        let said_before = self.outcomes(instance).len();
        let mut asked = Instant::now();
        loop {
            if epoch_seconds() >= over {
                self.look(instance, over);
            }
            if asked.elapsed() > ASK {
                asked = Instant::now();
                // A stack that does not answer is asked again.
                let all = self.control.instances().await;
                let still = |all: &Vec<Instance>| {
                    all.iter()
                        .any(|one| one.id == instance.id && one.invocations == instance.invocations)
                };
                if all.is_ok_and(|all| !still(&all)) {
                    break;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        let said = self.outcomes(instance);
        let outcome = said.get(said_before).map_or("nothing", String::as_str);
        *self.frozen.lock().outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    fn look(&self, instance: &Instance, over: u64) {
        let ports = ports_of(instance.pid, &connections_to(self.stack.mysql.port));
        let mut frozen = self.frozen.lock();
        frozen.looks += 1;
        if !ports.is_empty() {
            let late = epoch_seconds() - over;
            let id = &instance.id;
            frozen.trespasses.push(format!("{id} has a connection, {late} s too late"));
        }
    }
}
