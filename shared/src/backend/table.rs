//! Decisions in this process, by writing to the table.

use super::{Backend, BackendError, BackendFuture, BackendKind};
use crate::controller::Controller;
use crate::store::SlotStore;
use crate::time::Clock;
use crate::wire::{
    AcquireAnswer, AcquireRequest, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
};

/// Saves the invocation of the counter. The same conditional writes give the same guarantees, but this process caches
/// only what its own requests have seen, which are fewer than the counter's.
impl<S: SlotStore + 'static, C: Clock + 'static> Backend for Controller<S, C> {
    fn kind(&self) -> BackendKind {
        BackendKind::Table
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        Box::pin(async move {
            let AcquireRequest { pool, lease, ttl, class, .. } = request;
            let first = request.is_first_attempt();
            let decided = Controller::acquire(self, pool, *lease, *ttl, *class, first).await;
            decided.map(|decision| decision.answer).map_err(|source| BackendError::Table { source })
        })
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        Box::pin(async move {
            let RenewRequest { pool, lease, ttl, shard } = request;
            let renewed = Controller::renew(self, pool, *lease, *ttl, *shard).await;
            renewed.map(RenewAnswer::from).map_err(|source| BackendError::Table { source })
        })
    }

    fn release<'a>(&'a self, request: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(async move {
            let ReleaseRequest { pool, lease, shard } = request;
            let released = Controller::release(self, pool, *lease, *shard).await;
            released.map(ReleaseAnswer::from).map_err(|source| BackendError::Table { source })
        })
    }
}
