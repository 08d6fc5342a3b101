//! A counter without a Lambda: real payloads, a store in memory, and faults on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::client::{Counter, CounterError};
use rds_admission::controller::Controller;
use rds_admission::store::{MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::SystemClock;
use rds_admission::wire::{Request, error_type};
use serde_json::Value;

/// Answers from memory.
#[derive(Clone)]
pub(crate) struct InMemory {
    controller: Controller<MemoryStore<SystemClock>, SystemClock>,
    /// So many of the next releases fail.
    pub(crate) failing_releases: Arc<AtomicU32>,
    /// So many of the next answers to an acquire are lost, although it was decided.
    pub(crate) lost_grants: Arc<AtomicU32>,
    /// So many of the next answers to a renewal are lost, although it was decided.
    pub(crate) lost_renewals: Arc<AtomicU32>,
    /// How often it was asked.
    pub(crate) calls: Arc<AtomicU32>,
}

impl InMemory {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new(SystemClock);
        store.define(&super::pool(), super::t2_micro(), None).await.expect("a pool");
        Self {
            controller: Controller::new(store, SystemClock, StdRng::seed_from_u64(0)),
            failing_releases: Arc::default(),
            lost_grants: Arc::default(),
            lost_renewals: Arc::default(),
            calls: Arc::default(),
        }
    }

    pub(crate) fn store(&self) -> &MemoryStore<SystemClock> {
        self.controller.store()
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store().read(&super::pool()).await.expect("a pool").in_use()
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

impl Counter for InMemory {
    async fn call(&self, request: &Request) -> Result<Value, CounterError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let request = Request::parse(&request.payload()).expect("the client says it right");
        if matches!(request, Request::Release { .. }) && one_of(&self.failing_releases) {
            return Err(failed());
        }
        let answer = self.controller.call(&request).await;
        let lost = match request {
            Request::Acquire { .. } => one_of(&self.lost_grants),
            Request::Renew { .. } => one_of(&self.lost_renewals),
            _ => false,
        };
        if lost { Err(failed()) } else { answer }
    }
}
