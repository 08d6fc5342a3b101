//! The scope that holds a slot.

use std::any::Any;
use std::fmt;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::release::ReleaseGuard;
use super::slot::MARGIN;
use super::{Held, Holding, Slot};
use crate::backend::{Backend, BackendError, BackendKind};
use crate::pool::{Class, GRACE, LeaseId, PoolName, lease_covering, wait_delay};
use crate::time::{Deadline, FreezeAwareInstant, Seconds};
use crate::wire::{
    AcquireAnswer, AcquireRequest, Granted, Reason, Refused, RenewAnswer, RenewRequest,
};

/// Admission to one pool.
pub struct Admission {
    backend: Arc<dyn Backend>,
    pool: PoolName,
    class: Class,
    wait: Duration,
}

/// A slot that was taken.
pub(crate) struct HeldSlot {
    /// The slot.
    pub(crate) slot: Slot,
    /// What was said with it.
    pub(crate) granted: Granted,
    /// What gives it back, also when it is dropped.
    pub(crate) guard: ReleaseGuard,
    /// How long it took to decide that.
    pub(crate) decision: Duration,
    /// How often there was none before.
    pub(crate) refusals: u32,
}

/// How work under a slot ended.
pub(crate) enum Ended<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    OutOfTime,
}

impl<T> Ended<T> {
    /// The same for whoever called; a panic goes on.
    pub(crate) fn told(self, held: Held) -> Result<Admitted<T>, AdmissionError> {
        match self {
            Self::Returned(value) => Ok(Admitted { value, held }),
            Self::Panicked(panic) => resume_unwind(panic),
            Self::OutOfTime => {
                Err(AdmissionError::OutOfTime { phase: Phase::Work, held: Some(held) })
            }
        }
    }
}

/// Runs `work` as long as there is time under `slot`.
pub(crate) async fn within<T>(slot: &Slot, work: impl Future<Output = T>) -> Ended<T> {
    match timeout(slot.work_left(), AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(value)) => Ended::Returned(value),
        Ok(Err(panic)) => Ended::Panicked(panic),
        Err(_) => Ended::OutOfTime,
    }
}

/// What a closure returned, and how its slot was held.
#[derive(Debug)]
pub struct Admitted<T> {
    /// What the closure returned.
    pub value: T,
    /// How the slot was held.
    pub held: Held,
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
        source: BackendError,
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

impl Admission {
    /// Returns admission to `pool`, decided by `backend`, for class [`Class::Standard`].
    pub fn new(backend: Arc<dyn Backend>, pool: PoolName) -> Self {
        Self { backend, pool, class: Class::Standard, wait: Duration::ZERO }
    }

    /// The same for another class.
    #[must_use]
    pub fn with_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// The same, with callers that wait for a slot for so long at the most before they are refused, and no
    /// longer than to their deadline. They ask again after [random pauses](wait_delay); nobody is in line,
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

    /// Who asks.
    pub(crate) fn class(&self) -> Class {
        self.class
    }

    /// Returns which backend decides.
    #[must_use]
    pub fn backend(&self) -> BackendKind {
        self.backend.kind()
    }

    /// Runs `work` while it holds a slot.
    ///
    /// The slot is given back when `work` ends in whatever way and the connection that it opened
    /// through a [`Session`](crate::session::Session) is closed; from then on no connection is opened under
    /// it, nor under a clone. `work` is dropped a second before
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
        let wanted = FreezeAwareInstant::now();
        let taken = self.take_for(deadline).await?;
        let mut holding = Holding::begins(wanted, &taken);
        let ended = within(&taken.slot, work(taken.slot.clone())).await;
        holding.worked();
        let given_back = taken.guard.release().await;
        ended.told(holding.ended(given_back))
    }

    /// Makes `lease`, which is in this shard, last for `ttl` from now, unless it is lost. `None` when it is not
    /// known whether it is.
    pub(crate) async fn renew(
        &self,
        lease: LeaseId,
        shard: Option<u32>,
        ttl: Seconds,
        deadline: Deadline,
    ) -> Option<RenewAnswer> {
        let request = RenewRequest { pool: self.pool.clone(), lease, ttl, shard };
        let answer = timeout(deadline.left(), self.backend.renew(&request)).await;
        answer.ok()?.ok()
    }

    /// A slot for as long as it takes to `deadline`.
    pub(crate) async fn take_for(&self, deadline: Deadline) -> Result<HeldSlot, AdmissionError> {
        self.take(deadline, lease_for(deadline)).await
    }

    /// Asks until there is a slot, or no time to wait for one. Says how often there was none.
    pub(crate) async fn take(
        &self,
        deadline: Deadline,
        ttl: Seconds,
    ) -> Result<HeldSlot, AdmissionError> {
        let waits = Deadline::within(self.wait);
        let mut refusals = 0;
        loop {
            let refused = match self.ask(deadline, ttl).await {
                Err(AdmissionError::Rejected(refused)) => refused,
                taken => return taken.map(|taken| HeldSlot { refusals, ..taken }),
            };
            refusals += 1;
            let left = waits.left().min(deadline.left());
            // A pool that drains does so for longer than anybody waits.
            let pause = match refused.reason {
                Reason::Draining => None,
                Reason::Full | Reason::Throttled => wait_delay(refusals, left, &mut rand::rng()),
            };
            let Some(pause) = pause else { return Err(AdmissionError::Rejected(refused)) };
            sleep(pause).await;
        }
    }

    /// Asks once, under a lease of its own.
    async fn ask(&self, deadline: Deadline, ttl: Seconds) -> Result<HeldSlot, AdmissionError> {
        let lease = LeaseId::random(&mut rand::rng());
        let asked = FreezeAwareInstant::now();
        let mut guard =
            ReleaseGuard::new(Arc::clone(&self.backend), self.pool.clone(), lease, deadline);
        let attempt = Some(NonZeroU32::MIN);
        let (pool, class) = (self.pool.clone(), self.class);
        let request = AcquireRequest { pool, lease, ttl, class, attempt };
        let answer = timeout(deadline.left(), self.backend.acquire(&request)).await;
        let decision = asked.elapsed();
        match answer {
            Ok(Ok(AcquireAnswer::Granted(granted))) => {
                let slot = Slot::new(lease, asked, ttl, work_ends(deadline, ttl.into()));
                guard.granted(slot.clone(), granted.shard);
                Ok(HeldSlot { slot, granted, guard, decision, refusals: 0 })
            }
            Ok(Ok(AcquireAnswer::Refused(refused))) => {
                guard.disarm();
                Err(AdmissionError::Rejected(refused))
            }
            Ok(Err(source)) => {
                // A lease that may be out after all comes back when `guard` is dropped.
                if !source.may_have_decided() {
                    guard.disarm();
                }
                Err(source.into())
            }
            Err(_) => Err(AdmissionError::OutOfTime { phase: Phase::Acquire, held: None }),
        }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("backend", &self.backend.kind())
            .field("pool", &self.pool)
            .field("class", &self.class)
            .field("wait", &self.wait)
            .finish()
    }
}

/// The length of a lease whose holder ends at `deadline`.
fn lease_for(deadline: Deadline) -> Seconds {
    lease_covering(deadline.left())
}

/// When work under a lease ends: in time to close and give back, and a grace before the lease.
pub(crate) fn work_ends(deadline: Deadline, lease_left: Duration) -> Deadline {
    let by_lease = lease_left.saturating_sub(GRACE.into());
    Deadline::within(deadline.left().min(by_lease).saturating_sub(MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::MAX_LEASE;

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
        assert!(is_about(work_ends(deadline, Seconds(35).into()).left(), 29));
        let long = Deadline::within(Duration::from_secs(9_000));
        assert!(is_about(work_ends(long, MAX_LEASE.into()).left(), 954));
    }
}
