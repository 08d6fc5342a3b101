//! A counter without a Lambda: real payloads, a store in memory, and faults on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::backend::{Backend, BackendError, BackendFuture, BackendKind};
use rds_admission::controller::Controller;
use rds_admission::store::{MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::SystemClock;
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
    Request, error_type,
};
use serde_json::Value;

/// Answers from memory.
#[derive(Clone)]
pub(crate) struct InMemory {
    controller: Controller<MemoryStore<SystemClock>, SystemClock>,
    /// The number of next releases that fail.
    pub(crate) failing_releases: Arc<AtomicU32>,
    /// The number of next answers to an acquire that are lost after the decision.
    pub(crate) lost_grants: Arc<AtomicU32>,
    /// The number of next answers to a renewal that are lost after the decision.
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

    /// Answers a request as the counter Lambda does, in JSON.
    pub(crate) async fn answer(&self, request: &Request) -> Value {
        let decision = self.controller.answer(request).await.expect("an answer");
        serde_json::to_value(decision.answer).expect("JSON")
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store().read(&super::pool()).await.expect("a pool").in_use()
    }

    /// Waits until this number of slots is in use.
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

fn failed() -> BackendError {
    BackendError::Failed {
        error_type: error_type::STORE_UNAVAILABLE.to_owned(),
        message: "on demand".to_owned(),
    }
}

impl InMemory {
    /// Counts the call, and checks that the counter would read the request as it was meant.
    fn called(&self, request: &Request) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let read = Request::parse(&request.payload()).expect("the client says it right");
        assert_eq!(&read, request);
    }
}

impl Backend for InMemory {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(async {
            self.called(&Request::Acquire(request.clone()));
            let answer = Backend::acquire(&self.controller, request).await;
            if one_of(&self.lost_grants) { Err(failed()) } else { answer }
        })
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        Box::pin(async {
            self.called(&Request::Renew(request.clone()));
            let answer = Backend::renew(&self.controller, request).await;
            if one_of(&self.lost_renewals) { Err(failed()) } else { answer }
        })
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(async {
            self.called(&Request::Release(request.clone()));
            if one_of(&self.failing_releases) {
                return Err(failed());
            }
            Backend::release(&self.controller, request).await
        })
    }
}
