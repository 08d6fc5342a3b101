//! Peeks shared by concurrent acquires: at most one per shard is in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::cache::SharedCache;
use super::{Controller, Parts};
use crate::pool::rejection::PoolSnapshot;
use crate::pool::{Class, LeaseId, Shard};
use crate::store::{SlotStore, StoreError};
use crate::time::{Clock, FreezeAwareInstant};

/// A peek that took longer is ignored: the process was frozen meanwhile.
const STALE: Duration = Duration::from_secs(1);

/// The acquires that wait for a peek, in order of arrival.
pub(super) type Waiters = Vec<(LeaseId, oneshot::Sender<PeekResult>)>;

/// The result of a peek for one acquire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeekResult {
    /// Attempt the write: a slot may be free.
    Attempt,
    /// Take the next step: no slot is free, or it is left to a rival.
    Skip,
    /// The table throttled the read.
    Throttled,
}

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Peeks at a shard for the acquire of `lease`, or joins the peek in flight. Also returns the number of
    /// requests sent, 0 or 1.
    pub(super) async fn peek(
        &self,
        cache: &SharedCache,
        shard: &Shard,
        lease: LeaseId,
    ) -> (PeekResult, u32) {
        let (sender, receiver) = oneshot::channel();
        let requests = match cache.lock().peeks.get_mut(shard.number() as usize) {
            None => return (PeekResult::Skip, 0),
            Some(Some(waiters)) => {
                waiters.push((lease, sender));
                0
            }
            Some(idle) => {
                *idle = Some(vec![(lease, sender)]);
                1
            }
        };
        if requests > 0 {
            // A separate task completes for the other waiters even if this caller is dropped.
            let (parts, cache, shard) = (Arc::clone(&self.parts), cache.clone(), shard.clone());
            tokio::spawn(async move { parts.peek_for_all(&cache, &shard).await });
        }
        // Without a result the state is unknown: attempt.
        (receiver.await.unwrap_or(PeekResult::Attempt), requests)
    }
}

impl<S: SlotStore, C: Clock> Parts<S, C> {
    async fn peek_for_all(&self, cache: &SharedCache, shard: &Shard) {
        let begun = FreezeAwareInstant::now();
        let response = self.store.peek(shard).await;
        let stale = begun.elapsed() > STALE;
        let (now, number) = (self.now(), shard.number() as usize);
        // Always before the cache, as in `acquire`: another order could deadlock.
        let rng = &mut *self.rng();
        let mut cache = cache.lock();
        let waiters = cache.peeks.get_mut(number).and_then(Option::take).unwrap_or_default();
        let waiters: Vec<_> =
            waiters.into_iter().filter(|(_, sender)| !sender.is_closed()).collect();
        let leases: Vec<_> = waiters.iter().map(|(lease, _)| *lease).collect();
        let (attempts, others) = match response {
            Ok(pool) if !stale => {
                let snapshot = PoolSnapshot::of(&pool, Class::Standard, self.clock.now());
                let rejection = &mut cache.rejection;
                let attempts = rejection.peeked(number, now, snapshot, &pool.leases, &leases, rng);
                (attempts, PeekResult::Skip)
            }
            Err(StoreError::Throttled { .. }) => {
                cache.rejection.throttled(now);
                (0, PeekResult::Throttled)
            }
            // The state is unknown: all attempt the write.
            Ok(_) | Err(_) => (leases.len(), PeekResult::Skip),
        };
        for (nth, (_, sender)) in waiters.into_iter().enumerate() {
            // The attempt of a caller dropped meanwhile is forgotten after the replication lag.
            let _ = sender.send(if nth < attempts { PeekResult::Attempt } else { others });
        }
    }
}
