//! A held slot. At most one connection is open under it, and none once it is released.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::pool::{GRACE, LeaseId};
use crate::time::{Deadline, FreezeAwareInstant, Seconds};

/// Time reserved at the end of the work for closing the connection and releasing the slot.
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

/// Deadlines of a slot. They change when a kept slot is renewed or reused.
#[derive(Debug, Clone, Copy)]
struct Ends {
    lease: Deadline,
    last_send: Deadline,
    work: Deadline,
}

impl Ends {
    /// Returns the deadlines of a lease requested at `sent` for `ttl`. The lease is timed from then, on the holder's own
    /// clocks: the backend granted it no earlier.
    fn of_lease(sent: FreezeAwareInstant, ttl: Seconds, work: Deadline) -> Self {
        let lease = Deadline::after(sent, ttl.into());
        Self { lease, last_send: lease.earlier_by(GRACE.into()), work }
    }
}

/// State of the connection under a slot.
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
    /// A connection is open under the slot, or is not known to be closed.
    #[error("a connection is open under this slot already")]
    Connected,
    /// The slot is released, or is about to be. This includes its clones.
    #[error("the slot has been released")]
    GivenBack,
}

impl Slot {
    /// Returns the slot of `lease`, requested at `sent` for `ttl`. Work under it ends at `work_ends`.
    pub(crate) fn new(
        lease: LeaseId,
        sent: FreezeAwareInstant,
        ttl: Seconds,
        work_ends: Deadline,
    ) -> Self {
        Self::with(lease, Ends::of_lease(sent, ttl, work_ends))
    }

    fn with(lease: LeaseId, ends: Ends) -> Self {
        let connection = watch::Sender::default();
        Self(Arc::new(State { lease, ends: Mutex::new(ends), connection }))
    }

    /// Returns a slot for one of the `ReservedConnections`, which are outside the pool: for administration before the
    /// pool exists. It has no lease. The work ends at `deadline`.
    #[must_use]
    pub fn outside_the_pool(deadline: Deadline) -> Self {
        let lease = LeaseId::anonymous(&mut rand::rng());
        Self::with(lease, Ends { lease: deadline, last_send: deadline, work: deadline })
    }

    /// Records a renewal of the lease, requested at `sent` for `ttl`.
    pub(crate) fn renewed(&self, sent: FreezeAwareInstant, ttl: Seconds) {
        let mut ends = self.ends_now();
        *ends = Ends::of_lease(sent, ttl, ends.work);
    }

    /// Sets when the next work under the slot ends.
    pub(crate) fn works_until(&self, work_ends: Deadline) {
        self.ends_now().work = work_ends;
    }

    fn ends_now(&self) -> MutexGuard<'_, Ends> {
        self.0.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether both are the same slot.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the lease's id.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.0.lease
    }

    /// Returns the time until the lease expires. Time in which the instance was frozen counts.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        self.ends_now().lease.left()
    }

    /// Returns how long data may still be sent to the server.
    pub(crate) fn may_speak_for(&self) -> Duration {
        self.ends_now().last_send.left()
    }

    /// Returns the time until the work must end.
    #[must_use]
    pub fn work_left(&self) -> Duration {
        let ends = *self.ends_now();
        ends.work.left().min(ends.lease.left())
    }

    /// Returns the rest of a lease that would cover only the current work.
    pub(crate) fn covered(&self) -> Duration {
        let ends = *self.ends_now();
        ends.lease.left().min(ends.work.left() + MARGIN + Duration::from(GRACE))
    }

    /// Waits until the lease has expired, including renewals in the meantime.
    pub(crate) async fn lease_over(&self) {
        loop {
            let left = self.lease_left();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    /// Registers a connection before it is opened. The slot is released only after [`ConnectionToken::gone`]. If that is
    /// never called, the lease expires instead; the connection must end before it.
    ///
    /// # Errors
    /// [`SlotError::Connected`] while another connection is open under the slot, or is not known to be closed;
    /// [`SlotError::GivenBack`] once the slot's scope has ended.
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

    /// Refuses new connections from now on: the slot is about to be released.
    pub(crate) fn refuse_connections(&self) {
        self.0.connection.send_modify(|now| now.given_back = true);
    }

    /// Waits up to `patience` for the connection to close. Returns whether none is open; `false` also when a token was
    /// dropped without [`ConnectionToken::gone`].
    pub(crate) async fn connection_gone(&self, patience: Duration) -> bool {
        let mut connection = self.0.connection.subscribe();
        let settled = connection.wait_for(|now| now.unproven || !now.open);
        let settled = tokio::time::timeout(patience, settled).await;
        settled.is_ok_and(|now| now.is_ok_and(|now| !now.unproven))
    }
}

/// Represents the connection under a slot.
#[derive(Debug)]
#[must_use]
pub struct ConnectionToken {
    slot: Slot,
    proven: bool,
}

impl ConnectionToken {
    /// Reports that the connection is closed, or was never opened.
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
