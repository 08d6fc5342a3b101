//! The scope that holds a slot.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::give_back::GiveBack;
use super::slot::GRACE;
use super::{Counter, CounterError, GivenBack, Slot};
use crate::pool::{Class, LeaseId, MAX_LEASE, PoolName, frugal};
use crate::time::{Deadline, Moment, Seconds};
use crate::wire::{AcquireAnswer, Granted, Reason, Refused, Request};

/// What is kept of the holder's time for closing the connection and giving the slot back.
const MARGIN: Duration = Duration::from_secs(1);

/// Admission to one pool.
#[derive(Debug)]
pub struct Admission<C> {
    counter: Arc<C>,
    pool: PoolName,
    class: Class,
    wait: Duration,
}

/// What a closure returned, and how its slot was held.
#[derive(Debug)]
pub struct Admitted<T> {
    /// What the closure returned.
    pub value: T,
    /// How the slot was held.
    pub held: Held,
}

/// How a slot was held: for the holder's log.
#[derive(Debug)]
pub struct Held {
    /// The lease's id.
    pub lease: LeaseId,
    /// How long it took to get the slot, the waiting for one included.
    pub acquire: Duration,
    /// How often it was refused before that, by a caller that waits.
    pub refusals: u32,
    /// How long the closure ran.
    pub work: Duration,
    /// How long it took to give the slot back.
    pub release: Duration,
    /// Whether it came back.
    pub given_back: GivenBack,
    /// Slots out when this one was granted, itself included.
    pub in_use: u32,
    /// Slots of the pool.
    pub max_connections: u32,
}

/// In which part of a scope the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before a slot was had.
    Acquire,
    /// While it was held.
    Work,
}

/// Why a closure was not run, or not to its end.
#[derive(Debug, Error)]
pub enum AdmissionError {
    /// No slot: try again later. The closure was not run.
    #[error("no slot: {}", .0.reason.as_str())]
    Rejected(Refused),
    /// The counter gave no answer. The closure was not run.
    #[error("admission is not available")]
    Unavailable {
        /// Why not.
        #[from]
        source: CounterError,
    },
    /// The deadline came first. A closure that was running was dropped.
    #[error("out of time ({phase:?})")]
    OutOfTime {
        /// In which part.
        phase: Phase,
        /// How the slot was held, if it was.
        held: Option<Held>,
    },
}

impl<C: Counter + 'static> Admission<C> {
    /// Admission to `pool`, decided by `counter`, for class [`Class::Standard`].
    pub fn new(counter: C, pool: PoolName) -> Self {
        Self { counter: Arc::new(counter), pool, class: Class::Standard, wait: Duration::ZERO }
    }

    /// The same for another class.
    #[must_use]
    pub fn with_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// The same, with callers that wait for a slot for so long at the most before they are refused, and no
    /// longer than to their deadline. They ask again after [random pauses](frugal::pause); nobody is in line,
    /// and who asks at the right moment gets it.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// Whether it is decided in this process, and in nobody else's log.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.counter.decides()
    }

    /// Whether no more are let in than there are slots: not so with a [`Bypass`](super::Bypass).
    #[must_use]
    pub fn protects(&self) -> bool {
        self.counter.protects()
    }

    /// Runs `work` while it holds a slot.
    ///
    /// The slot is given back when `work` ends in whatever way and the connections that it opened
    /// through a [`Session`](crate::session::Session) are closed. `work` is dropped a second before
    /// `deadline`, so that there is time for this. Pass the end of the invocation as the deadline: the
    /// lease outlives it by a grace, and so nothing that the invocation still does can outlive the
    /// lease.
    ///
    /// # Errors
    /// [`AdmissionError`]. What `work` itself returns, errors included, is the value.
    ///
    /// # Panics
    /// When `work` does; after the slot was given back.
    pub async fn with_slot<T>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(Slot) -> T,
    ) -> Result<Admitted<T>, AdmissionError> {
        let asked = Moment::now();
        let (mut slot_back, granted, slot, refusals) = self.wait_for_slot(deadline).await?;
        slot_back.granted(slot.clone(), granted.shard);
        let acquire = asked.elapsed();
        let begun = Moment::now();
        let work_left = slot.work_left();
        let outcome = timeout(work_left, AssertUnwindSafe(work(slot)).catch_unwind()).await;
        let work = begun.elapsed();

        let ended = Moment::now();
        let given_back = slot_back.now().await;
        let Granted { lease, in_use, max_connections, .. } = granted;
        let release = ended.elapsed();
        let held =
            Held { lease, acquire, refusals, work, release, given_back, in_use, max_connections };
        match outcome {
            Ok(Ok(value)) => Ok(Admitted { value, held }),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(AdmissionError::OutOfTime { phase: Phase::Work, held: Some(held) }),
        }
    }

    /// Asks until there is a slot, or no time to wait for one. Says how often there was none.
    async fn wait_for_slot(
        &self,
        deadline: Deadline,
    ) -> Result<(GiveBack<C>, Granted, Slot, u32), AdmissionError> {
        let waits = Deadline::within(self.wait);
        let mut refusals = 0;
        loop {
            let refused = match self.take_slot(deadline).await {
                Err(AdmissionError::Rejected(refused)) => refused,
                Ok((slot_back, granted, slot)) => return Ok((slot_back, granted, slot, refusals)),
                Err(other) => return Err(other),
            };
            refusals += 1;
            let left = waits.left().min(deadline.left());
            // A pool that drains does so for longer than anybody waits.
            let pause = match refused.reason {
                Reason::Draining => None,
                Reason::Full | Reason::Throttled => frugal::pause(refusals, left, &mut rand::rng()),
            };
            let Some(pause) = pause else { return Err(AdmissionError::Rejected(refused)) };
            sleep(pause).await;
        }
    }

    /// Asks once, under a lease of its own.
    async fn take_slot(
        &self,
        deadline: Deadline,
    ) -> Result<(GiveBack<C>, Granted, Slot), AdmissionError> {
        let lease = LeaseId::random(&mut rand::rng());
        let ttl = lease_for(deadline);
        let asked = Moment::now();
        let slot_back =
            GiveBack::new(Arc::clone(&self.counter), self.pool.clone(), lease, deadline);
        let attempt = Some(NonZeroU32::MIN);
        let (pool, class) = (self.pool.clone(), self.class);
        let request = Request::Acquire { pool, lease, ttl, class, attempt };
        match timeout(deadline.left(), self.counter.ask(&request)).await {
            Ok(Ok(AcquireAnswer::Granted(granted))) => {
                let slot = Slot::new(lease, asked, ttl, work_ends(deadline, ttl));
                Ok((slot_back, granted, slot))
            }
            Ok(Ok(AcquireAnswer::Refused(refused))) => {
                slot_back.not_needed();
                Err(AdmissionError::Rejected(refused))
            }
            Ok(Err(source)) => {
                // A lease that may be out after all comes back when `slot_back` is dropped.
                if !source.may_have_decided() {
                    slot_back.not_needed();
                }
                Err(source.into())
            }
            Err(_) => Err(AdmissionError::OutOfTime { phase: Phase::Acquire, held: None }),
        }
    }
}

/// The length of a lease whose holder ends at `deadline`.
fn lease_for(deadline: Deadline) -> Seconds {
    let covering = Seconds::covering(deadline.left());
    Seconds(covering.0.saturating_add(GRACE.0)).min(MAX_LEASE)
}

/// When work under a lease ends: in time to close and give back, and a grace before the lease.
fn work_ends(deadline: Deadline, ttl: Seconds) -> Deadline {
    let by_lease = Duration::from(Seconds(ttl.0.saturating_sub(GRACE.0)));
    Deadline::within(deadline.left().min(by_lease).saturating_sub(MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wall clock runs on in tests, by less than this.
    const TESTS: Duration = Duration::from_millis(500);

    fn is_about(left: Duration, seconds: u64) -> bool {
        let expected = Duration::from_secs(seconds);
        left <= expected && left + TESTS > expected
    }

    #[tokio::test]
    async fn a_lease_lasts_as_long_as_its_holder_and_a_grace() {
        assert_eq!(lease_for(Deadline::within(Duration::from_secs(30))), Seconds(35));
        assert_eq!(lease_for(Deadline::within(Duration::from_millis(29_900))), Seconds(35));
        assert_eq!(lease_for(Deadline::within(Duration::from_secs(900))), Seconds(905));
        assert_eq!(lease_for(Deadline::within(Duration::from_secs(9_000))), MAX_LEASE);
    }

    #[tokio::test]
    async fn work_ends_before_the_deadline_and_before_the_lease() {
        let deadline = Deadline::within(Duration::from_secs(30));
        assert!(is_about(work_ends(deadline, Seconds(35)).left(), 29));
        let long = Deadline::within(Duration::from_secs(9_000));
        assert!(is_about(work_ends(long, MAX_LEASE).left(), 954));
    }
}
