//! All instances: which are free, which work, which function is at its limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::catalog::Function;
use super::instance::{Instance, InstanceState};

/// One line of the list of instances.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceInfo {
    /// Its id, which is also the name of its log and its log stream.
    pub id: String,
    /// The function it runs.
    pub function: String,
    /// Its process id.
    pub pid: u32,
    /// What it is doing.
    pub state: InstanceState,
    /// Whether it stands still for now.
    pub frozen: bool,
    /// The lease that it was granted last and has not given back, as seen by the front door.
    pub lease: Option<String>,
    /// How many invocations it has taken.
    pub invocations: u64,
}

#[derive(Default)]
struct Inner {
    instances: HashMap<String, Arc<Instance>>,
    functions: HashMap<String, Pool>,
}

#[derive(Default)]
struct Pool {
    /// Free instances, the most recently used last.
    idle: Vec<(Arc<Instance>, Instant)>,
    in_flight: usize,
    /// Wakes those who wait for a free instance.
    freed: Arc<Notify>,
}

/// The instances of all functions.
#[derive(Default)]
pub(super) struct Fleet {
    inner: Mutex<Inner>,
}

/// One unit of a function's concurrency. Given back when dropped.
pub(super) struct Claim {
    fleet: Arc<Fleet>,
    function: String,
}

impl Fleet {
    /// Takes one unit of the function's concurrency, if there is one left.
    pub(super) fn claim(self: &Arc<Self>, function: &Function) -> Option<Claim> {
        let name = function.record.name();
        let limit = function.record.reserved_concurrency();
        let mut inner = self.lock();
        let pool = inner.functions.entry(name.to_owned()).or_default();
        if limit.is_some_and(|limit| pool.in_flight >= limit) {
            return None;
        }
        pool.in_flight += 1;
        Some(Claim { fleet: Arc::clone(self), function: name.to_owned() })
    }

    /// A free instance of this revision of the function, the most recently used one. Instances
    /// of other revisions are ended.
    pub(super) fn take_idle(&self, function: &Function) -> Option<Arc<Instance>> {
        let mut inner = self.lock();
        let idle = &mut inner.functions.get_mut(function.record.name())?.idle;
        idle.retain(|(instance, _)| {
            let current = instance.function.record.revision() == function.record.revision();
            if !current {
                instance.kill();
            }
            current && instance.is_alive()
        });
        let awake = idle.iter().rposition(|(instance, _)| !instance.is_frozen())?;
        Some(idle.remove(awake).0)
    }

    /// Puts an instance back that is free again.
    pub(super) fn put_idle(&self, instance: Arc<Instance>) {
        let mut inner = self.lock();
        let name = instance.function.record.name().to_owned();
        let pool = inner.functions.entry(name).or_default();
        pool.idle.push((instance, Instant::now()));
        pool.freed.notify_one();
    }

    /// Waits until an instance of the function may have become free. Each that becomes free wakes one
    /// who waits.
    pub(super) async fn freed(&self, function: &Function) {
        let freed = {
            let mut inner = self.lock();
            let pool = inner.functions.entry(function.record.name().to_owned()).or_default();
            Arc::clone(&pool.freed)
        };
        freed.notified().await;
    }

    /// Adds the instance that `start` starts, until its end. Nobody can look for it before it is
    /// there: its process may ask for work sooner than this thread goes on.
    pub(super) fn add(
        self: &Arc<Self>,
        start: impl FnOnce() -> Result<Arc<Instance>>,
    ) -> Result<Arc<Instance>> {
        let mut inner = self.lock();
        let instance = start()?;
        inner.instances.insert(instance.id.clone(), Arc::clone(&instance));
        drop(inner);
        let (fleet, ended) = (Arc::clone(self), Arc::clone(&instance));
        tokio::spawn(async move {
            ended.gone().await;
            fleet.lock().instances.remove(&ended.id);
        });
        Ok(instance)
    }

    /// The living instance with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Instance>> {
        self.lock().instances.get(id).cloned()
    }

    /// Ends instances that have been free for longer than `limit`.
    pub(super) fn end_idle(&self, limit: Duration) {
        for pool in self.lock().functions.values_mut() {
            pool.idle.retain(|(instance, since)| {
                let keep = since.elapsed() < limit;
                if !keep {
                    instance.kill();
                }
                keep && instance.is_alive()
            });
        }
    }

    /// All living instances, by function and age of the log's name.
    pub(super) fn list(&self) -> Vec<InstanceInfo> {
        let mut list: Vec<_> =
            self.lock().instances.values().map(|instance| instance.info()).collect();
        list.sort_by(|a, b| (&a.function, a.pid).cmp(&(&b.function, b.pid)));
        list
    }

    /// Kills all instances.
    pub(super) fn kill_all(&self) {
        for instance in self.lock().instances.values() {
            instance.kill();
        }
    }

    /// Waits until all instances there are now are gone.
    pub(super) async fn gone(&self) {
        let instances: Vec<_> = self.lock().instances.values().cloned().collect();
        for instance in instances {
            instance.gone().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(pool) = self.fleet.lock().functions.get_mut(&self.function) {
            pool.in_flight -= 1;
        }
    }
}
