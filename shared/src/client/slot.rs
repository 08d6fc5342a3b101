//! A slot in its holder's hand, and the connections that are opened under it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::pool::LeaseId;
use crate::time::{Deadline, Moment, Seconds};

/// What a lease lasts beyond its holder's deadline, and how long before its end the last word to the
/// server is said.
///
/// A server hears nothing more from then on, and so ends by its idle limits whatever the holder left
/// behind: a session by its own (twice the idle limit, see [`session`](crate::session)), a login that
/// stopped half-way by the server's `connect_timeout`, a session that has no limits of its own yet by
/// its global `wait_timeout`. The template sets both to this.
pub const GRACE: Seconds = Seconds(5);

/// A slot that is held. Clones are the same slot.
#[derive(Debug, Clone)]
pub struct Slot(Arc<State>);

#[derive(Debug)]
struct State {
    lease: LeaseId,
    lease_ends: Deadline,
    last_word: Deadline,
    work_ends: Deadline,
    connections: watch::Sender<Connections>,
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
    ///
    /// The lease's life is counted from the moment it was asked for, on the holder's own clocks: the
    /// counter can only have granted it later.
    pub(crate) fn new(lease: LeaseId, asked: Moment, ttl: Seconds, work_ends: Deadline) -> Self {
        let lease_ends = Deadline::after(asked, ttl.into());
        let last_word = lease_ends.earlier_by(GRACE.into());
        let connections = watch::Sender::default();
        Self(Arc::new(State { lease, lease_ends, last_word, work_ends, connections }))
    }

    /// Stands for one of the connections that are kept outside the pool (`ReservedConnections`): for
    /// what looks after the database before there is a pool. It has no lease; `deadline` is when its
    /// holder must be done.
    #[must_use]
    pub fn outside_the_pool(deadline: Deadline) -> Self {
        let lease = LeaseId::anonymous(&mut rand::rng());
        Self(Arc::new(State {
            lease,
            lease_ends: deadline,
            last_word: deadline,
            work_ends: deadline,
            connections: watch::Sender::default(),
        }))
    }

    /// The lease's id.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.0.lease
    }

    /// The time until the lease is over. A holder that was frozen finds out here.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        self.0.lease_ends.left()
    }

    /// The time until nothing more may be said to the server.
    pub(crate) fn may_speak_for(&self) -> Duration {
        self.0.last_word.left()
    }

    /// The time until the work must be done.
    #[must_use]
    pub fn work_left(&self) -> Duration {
        self.0.work_ends.left().min(self.lease_left())
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
