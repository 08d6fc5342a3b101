//! All instances: the idle ones, and the concurrency of each function.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::catalog::Function;
use super::instance::{Instance, InstanceInfo};

#[derive(Default)]
struct Inner {
    instances: HashMap<String, Arc<Instance>>,
    functions: HashMap<String, Pool>,
}

#[derive(Default)]
struct Pool {
    /// Idle instances, the most recently used last.
    idle: Vec<(Arc<Instance>, Instant)>,
    in_flight: usize,
    /// Wakes one waiter for each instance that becomes idle.
    freed: Arc<Notify>,
}

/// The instances of all functions.
#[derive(Default)]
pub(super) struct Fleet(Mutex<Inner>);

/// One unit of a function's concurrency. Released when dropped.
pub(super) struct Claim {
    fleet: Arc<Fleet>,
    function: String,
}

impl Fleet {
    /// Claims one unit of the function's concurrency; `None` when all are in use.
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

    /// Takes the most recently used idle instance of this revision of the function. Ends instances of other revisions.
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

    /// Returns an instance that is idle again.
    pub(super) fn return_idle(&self, instance: Arc<Instance>) {
        let mut inner = self.lock();
        let name = instance.function.record.name().to_owned();
        let pool = inner.functions.entry(name).or_default();
        pool.idle.push((instance, Instant::now()));
        pool.freed.notify_one();
    }

    /// Waits until an instance of the function may be idle.
    pub(super) async fn freed(&self, function: &Function) {
        let freed = {
            let mut inner = self.lock();
            let pool = inner.functions.entry(function.record.name().to_owned()).or_default();
            Arc::clone(&pool.freed)
        };
        freed.notified().await;
    }

    /// Starts an instance and lists it until its end. Holds the lock meanwhile: its process may request work before
    /// this thread continues.
    pub(super) fn add(
        self: &Arc<Self>,
        start: impl FnOnce() -> Result<Arc<Instance>>,
    ) -> Result<Arc<Instance>> {
        let mut inner = self.lock();
        let instance = start()?;
        inner.instances.insert(instance.id.clone(), Arc::clone(&instance));
        drop(inner);
        let (fleet, watched) = (Arc::clone(self), Arc::clone(&instance));
        tokio::spawn(async move {
            watched.ended().await;
            fleet.lock().instances.remove(&watched.id);
        });
        Ok(instance)
    }

    /// The living instance with this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Instance>> {
        self.lock().instances.get(id).cloned()
    }

    /// Ends instances that have been idle for longer than `limit`.
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

    /// All living instances, by function and process id.
    pub(super) fn list(&self) -> Vec<InstanceInfo> {
        let mut list: Vec<_> =
            self.lock().instances.values().map(|instance| instance.info()).collect();
        list.sort_by(|a, b| (&a.function, a.pid).cmp(&(&b.function, b.pid)));
        list
    }

    pub(super) fn kill_all(&self) {
        for instance in self.lock().instances.values() {
            instance.kill();
        }
    }

    /// Waits until all present instances have ended.
    pub(super) async fn ended(&self) {
        let instances: Vec<_> = self.lock().instances.values().cloned().collect();
        for instance in instances {
            instance.ended().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(pool) = self.fleet.lock().functions.get_mut(&self.function) {
            pool.in_flight -= 1;
        }
    }
}
