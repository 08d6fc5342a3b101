//! One look for all that want it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::memory::Shared;
use super::{Controller, Parts};
use crate::pool::frugal::Sighting;
use crate::pool::{Class, LeaseId, Shard};
use crate::store::{SlotStore, StoreError};
use crate::time::{Clock, FreezeAwareInstant};

/// A look that took longer tells of a pool that is no more: its process was frozen meanwhile.
const STALE: Duration = Duration::from_secs(1);

/// The callers that wait for a look, in the order in which they came.
pub(super) type Waiting = Vec<(LeaseId, oneshot::Sender<Looked>)>;

/// What a look means to one who waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// There may be a slot: ask.
    Ask,
    /// There is none, or it is somebody else's.
    GoOn,
    /// The table throttled the look.
    Throttled,
}

/// Whether a look was a request, or shared in somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Own(pub(super) bool);

impl<S: SlotStore + 'static, C: Clock + 'static> Controller<S, C> {
    /// Looks at a shard for the caller that wants `lease`: with a request, or with those that wait for one.
    pub(super) async fn look(
        &self,
        memory: &Shared,
        shard: &Shard,
        lease: LeaseId,
    ) -> (Looked, Own) {
        let (tell, told) = oneshot::channel();
        let own = {
            let mut memory = memory.lock();
            match memory.looking.get_mut(shard.number() as usize) {
                Some(Some(waiting)) => {
                    waiting.push((lease, tell));
                    false
                }
                Some(nobody) => {
                    *nobody = Some(vec![(lease, tell)]);
                    true
                }
                None => return (Looked::GoOn, Own(false)),
            }
        };
        if own {
            // A task of its own: it comes to its end for the others, whoever of them goes away.
            let (parts, memory, shard) = (Arc::clone(&self.parts), memory.clone(), shard.clone());
            tokio::spawn(async move { parts.look_for_all(&memory, &shard).await });
        }
        // Without an answer nothing is known, as at first: ask.
        (told.await.unwrap_or(Looked::Ask), Own(own))
    }
}

impl<S: SlotStore, C: Clock> Parts<S, C> {
    async fn look_for_all(&self, memory: &Shared, shard: &Shard) {
        let begun = FreezeAwareInstant::now();
        let seen = self.store.peek(shard).await;
        let stale = begun.elapsed() > STALE;
        let (now, number) = (self.now(), shard.number() as usize);
        let mut memory = memory.lock();
        let waiting = memory.looking.get_mut(number).and_then(Option::take).unwrap_or_default();
        let waiting: Vec<_> = waiting.into_iter().filter(|(_, tell)| !tell.is_closed()).collect();
        let leases: Vec<_> = waiting.iter().map(|(lease, _)| *lease).collect();
        let (may, others) = match seen {
            Ok(pool) if !stale => {
                let sighting = Sighting::of(&pool, Class::Standard, self.clock.now());
                memory.saw(number, &pool);
                let dice = &mut *self.dice();
                (memory.frugal.looked(number, now, &sighting, &leases, dice), Looked::GoOn)
            }
            Err(StoreError::Throttled { .. }) => {
                memory.frugal.throttled(now);
                (0, Looked::Throttled)
            }
            // It says nothing: whoever wanted it finds out by asking.
            Ok(_) | Err(_) => (leases.len(), Looked::GoOn),
        };
        for (at, (_, tell)) in waiting.into_iter().enumerate() {
            // Who has gone away meanwhile does not ask: its chance is forgotten in a moment.
            let _ = tell.send(if at < may { Looked::Ask } else { others });
        }
    }
}
