//! A counter without a Lambda: real payloads, a store in memory, and faults on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rds_admission::client::{Counter, CounterError};
use rds_admission::store::{Acquired, MemoryStore, Store};
use rds_admission::time::SystemClock;
use rds_admission::wire::{
    AcquireAnswer, Granted, Reason, Refused, ReleaseAnswer, Request, error_type,
};
use serde_json::Value;

/// Answers from memory.
#[derive(Clone)]
pub(crate) struct InMemory {
    pub(crate) store: Arc<MemoryStore<SystemClock>>,
    /// So many of the next releases fail.
    pub(crate) failing_releases: Arc<AtomicU32>,
    /// So many of the next answers to an acquire are lost, although it was decided.
    pub(crate) lost_grants: Arc<AtomicU32>,
}

impl InMemory {
    pub(crate) async fn new() -> Self {
        let store = Arc::new(MemoryStore::new(SystemClock));
        store.define(&super::pool(), super::t2_micro()).await.expect("a pool");
        Self { store, failing_releases: Arc::default(), lost_grants: Arc::default() }
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store.read(&super::pool()).await.expect("a pool").in_use()
    }

    /// Waits until so many slots are out.
    pub(crate) async fn settles_at(&self, in_use: u32) {
        let settled = async {
            while self.in_use().await != in_use {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, settled).await.expect("the slots come back");
    }
}

fn one_of(faults: &AtomicU32) -> bool {
    faults.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn failed() -> CounterError {
    CounterError::Failed {
        error_type: error_type::STORE_UNAVAILABLE.to_owned(),
        message: "on demand".to_owned(),
    }
}

fn refused(reason: Reason, in_use: u32, max_connections: u32) -> AcquireAnswer {
    AcquireAnswer::Refused(Refused {
        reason,
        retry_after: Duration::from_millis(250),
        in_use: Some(in_use),
        max_connections: Some(max_connections),
    })
}

impl Counter for InMemory {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        let answer = match Request::parse(&request.payload()).expect("the client says it right") {
            Request::Acquire { pool, lease, ttl, class, .. } => {
                let decided = self.store.acquire(&pool, lease, ttl, class).await.expect("a pool");
                if one_of(&self.lost_grants) {
                    return Err(failed());
                }
                serde_json::to_value(match decided {
                    Acquired::Granted { expires_at, in_use, max_connections, .. } => {
                        AcquireAnswer::Granted(Granted {
                            lease,
                            expires_at,
                            shard: None,
                            in_use,
                            max_connections,
                        })
                    }
                    Acquired::Full { in_use, max_connections } => {
                        refused(Reason::Full, in_use, max_connections)
                    }
                    Acquired::Draining { in_use, max_connections } => {
                        refused(Reason::Draining, in_use, max_connections)
                    }
                })
            }
            Request::Release { pool, lease, .. } => {
                if one_of(&self.failing_releases) {
                    return Err(failed());
                }
                let release = self.store.release(&pool, lease).await.expect("a pool");
                serde_json::to_value(ReleaseAnswer {
                    released: release.released,
                    in_use: release.in_use,
                })
            }
            other => panic!("the scope does not ask for {other:?}"),
        };
        Ok(answer.expect("JSON"))
    }
}
