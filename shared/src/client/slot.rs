//! A slot in its holder's hand, and the connection that is opened under it: one at a time, and none once the slot
//! is given back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::pool::{GRACE, LeaseId};
use crate::time::{Deadline, FreezeAwareInstant, Seconds};

/// What is kept of the holder's time for closing the connection and giving the slot back.
pub(crate) const MARGIN: Duration = Duration::from_secs(1);

/// A slot that is held. Clones are the same slot.
#[derive(Debug, Clone)]
pub struct Slot(Arc<State>);

#[derive(Debug)]
struct State {
    lease: LeaseId,
    ends: Mutex<Ends>,
    connection: watch::Sender<Connection>,
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
    fn of_lease(asked: FreezeAwareInstant, ttl: Seconds, work: Deadline) -> Self {
        let lease = Deadline::after(asked, ttl.into());
        Self { lease, last_word: lease.earlier_by(GRACE.into()), work }
    }
}

/// What is known of the connection opened under a slot.
#[derive(Debug, Clone, Copy, Default)]
struct Connection {
    open: bool,
    unproven: bool,
    given_back: bool,
}

/// Why no connection may be opened under a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SlotError {
    /// A connection is open under the slot, or one is not known to be gone. A slot is one connection.
    #[error("a connection is open under this slot already")]
    Connected,
    /// The slot is given back, or is about to be. A clone of it may live on; it is worth nothing.
    #[error("the slot has been given back")]
    GivenBack,
}

impl Slot {
    /// The slot of `lease`, which was asked for at `asked` for `ttl`; work under it ends at
    /// `work_ends`.
    pub(crate) fn new(
        lease: LeaseId,
        asked: FreezeAwareInstant,
        ttl: Seconds,
        work_ends: Deadline,
    ) -> Self {
        Self::with(lease, Ends::of_lease(asked, ttl, work_ends))
    }

    fn with(lease: LeaseId, ends: Ends) -> Self {
        let connection = watch::Sender::default();
        Self(Arc::new(State { lease, ends: Mutex::new(ends), connection }))
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
    pub(crate) fn renewed(&self, asked: FreezeAwareInstant, ttl: Seconds) {
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
    ///
    /// # Errors
    /// [`SlotError::Connected`] while another connection is open under the slot, or is not known to be gone;
    /// [`SlotError::GivenBack`] from when the slot's scope has ended.
    pub fn connecting(&self) -> Result<ConnectionToken, SlotError> {
        let mut refused = None;
        self.0.connection.send_if_modified(|now| {
            refused = match *now {
                Connection { given_back: true, .. } => Some(SlotError::GivenBack),
                Connection { open: true, .. } | Connection { unproven: true, .. } => {
                    Some(SlotError::Connected)
                }
                Connection { .. } => None,
            };
            now.open |= refused.is_none();
            refused.is_none()
        });
        match refused {
            Some(error) => Err(error),
            None => Ok(ConnectionToken { slot: self.clone(), proven: false }),
        }
    }

    /// The slot is about to be given back: from now on no connection is opened under it.
    pub(crate) fn refuse_connections(&self) {
        self.0.connection.send_modify(|now| now.given_back = true);
    }

    /// Waits until the connection is known to be gone, or there is none: `true`; or it is known to be unproven, or
    /// `patience` is over: `false`.
    pub(crate) async fn connection_gone(&self, patience: Duration) -> bool {
        let mut connection = self.0.connection.subscribe();
        let settled = connection.wait_for(|now| now.unproven || !now.open);
        let settled = tokio::time::timeout(patience, settled).await;
        settled.is_ok_and(|now| now.is_ok_and(|now| !now.unproven))
    }
}

/// Stands for the connection under a slot.
#[derive(Debug)]
#[must_use]
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
        self.slot.0.connection.send_modify(|now| {
            now.open = false;
            now.unproven |= !self.proven;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot::outside_the_pool(Deadline::within(Duration::from_secs(60)))
    }

    #[test]
    fn a_slot_is_one_connection_and_then_another() {
        let slot = slot();
        let token = slot.connecting().expect("the first");
        assert_eq!(slot.clone().connecting().err(), Some(SlotError::Connected));
        token.gone();
        slot.connecting().expect("the first is gone").gone();
    }

    #[test]
    fn a_connection_that_may_be_there_is_not_followed_by_another() {
        let slot = slot();
        drop(slot.connecting().expect("the first"));
        assert_eq!(slot.connecting().err(), Some(SlotError::Connected));
    }

    #[tokio::test]
    async fn a_slot_that_is_given_back_takes_no_connection() {
        let slot = slot();
        let token = slot.connecting().expect("in time");
        slot.refuse_connections();
        assert_eq!(slot.connecting().err(), Some(SlotError::GivenBack));
        token.gone();
        assert_eq!(slot.connecting().err(), Some(SlotError::GivenBack));
        assert!(slot.connection_gone(Duration::ZERO).await);
    }
}
