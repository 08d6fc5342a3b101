//! A slot in its holder's hand, and the connections that are opened under it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::pool::{GRACE, LeaseId};
use crate::time::{Deadline, Moment, Seconds};

/// What is kept of the holder's time for closing the connection and giving the slot back.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);

/// A slot that is held. Clones are the same slot.
#[derive(Debug, Clone)]
pub struct Slot(Arc<State>);

#[derive(Debug)]
struct State {
    lease: LeaseId,
    ends: Mutex<Ends>,
    connections: watch::Sender<Connections>,
}

/// What ends when. A slot that is kept gets a longer lease, and other work.
#[derive(Debug, Clone, Copy)]
struct Ends {
    lease: Deadline,
    last_word: Deadline,
    work: Deadline,
}

impl Ends {
    /// Of a lease that was asked for at `asked` for `ttl`. Its life is counted from then, on the holder's own
    /// clocks: the counter can only have granted it later.
    fn of_lease(asked: Moment, ttl: Seconds, work: Deadline) -> Self {
        let lease = Deadline::after(asked, ttl.into());
        Self { lease, last_word: lease.earlier_by(GRACE.into()), work }
    }
}

/// What is known of the connections opened under a slot.
#[derive(Debug, Clone, Copy, Default)]
struct Connections {
    open: u32,
    unproven: bool,
}

impl Slot {
    /// The slot of `lease`, which was asked for at `asked` for `ttl`; work under it ends at
    /// `work_ends`.
    pub(crate) fn new(lease: LeaseId, asked: Moment, ttl: Seconds, work_ends: Deadline) -> Self {
        Self::with(lease, Ends::of_lease(asked, ttl, work_ends))
    }

    fn with(lease: LeaseId, ends: Ends) -> Self {
        let connections = watch::Sender::default();
        Self(Arc::new(State { lease, ends: Mutex::new(ends), connections }))
    }

    /// Stands for one of the connections that are kept outside the pool (`ReservedConnections`): for
    /// what looks after the database before there is a pool. It has no lease; `deadline` is when its
    /// holder must be done.
    #[must_use]
    pub fn outside_the_pool(deadline: Deadline) -> Self {
        let lease = LeaseId::anonymous(&mut rand::rng());
        Self::with(lease, Ends { lease: deadline, last_word: deadline, work: deadline })
    }

    /// The lease was renewed, at `asked` for `ttl`.
    pub(crate) fn renewed(&self, asked: Moment, ttl: Seconds) {
        let mut ends = self.ends_now();
        *ends = Ends::of_lease(asked, ttl, ends.work);
    }

    /// Other work begins under it, which ends at `work_ends`.
    pub(crate) fn works_until(&self, work_ends: Deadline) {
        self.ends_now().work = work_ends;
    }

    fn ends_now(&self) -> MutexGuard<'_, Ends> {
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are the same slot.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The lease's id.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.0.lease
    }

    /// The time until the lease is over. A holder that was frozen finds out here.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        self.ends_now().lease.left()
    }

    /// The time until nothing more may be said to the server.
    pub(crate) fn may_speak_for(&self) -> Duration {
        self.ends_now().last_word.left()
    }

    /// The time until the work must be done.
    #[must_use]
    pub fn work_left(&self) -> Duration {
        let ends = *self.ends_now();
        ends.work.left().min(ends.lease.left())
    }

    /// What would be left of a lease that covers no more than the work.
    pub(crate) fn covered(&self) -> Duration {
        let ends = *self.ends_now();
        ends.lease.left().min(ends.work.left() + MARGIN + Duration::from(GRACE))
    }

    /// Waits until the lease is over, however often it is renewed meanwhile.
    pub(crate) async fn lease_over(&self) {
        loop {
            let left = self.lease_left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Tells the slot that a connection is about to be opened. The slot is not given back before the
    /// token says that the connection is gone; if it never says so, the lease is left to expire,
    /// which the connection does not outlive.
    #[must_use]
    pub fn connecting(&self) -> ConnectionToken {
        self.0.connections.send_modify(|connections| connections.open += 1);
        ConnectionToken { slot: self.clone(), proven: false }
    }

    /// Waits until every connection is known to be gone: `true`; or one is known to be unproven, or
    /// `patience` is over: `false`.
    pub(crate) async fn connections_gone(&self, patience: Duration) -> bool {
        let mut connections = self.0.connections.subscribe();
        let settled = connections.wait_for(|now| now.unproven || now.open == 0);
        let settled = tokio::time::timeout(patience, settled).await;
        settled.is_ok_and(|now| now.is_ok_and(|now| !now.unproven))
    }
}

/// Stands for one connection under a slot.
#[derive(Debug)]
pub struct ConnectionToken {
    slot: Slot,
    proven: bool,
}

impl ConnectionToken {
    /// The connection is gone, or was never made.
    pub fn gone(mut self) {
        self.proven = true;
    }
}

impl Drop for ConnectionToken {
    fn drop(&mut self) {
        self.slot.0.connections.send_modify(|connections| {
            connections.open -= 1;
            connections.unproven |= !self.proven;
        });
    }
}
