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
use super::{Reported, Slot, SlotReport};
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

/// An acquired slot. Its guard releases it, also on drop.
pub(crate) struct HeldSlot {
    pub(crate) slot: Slot,
    pub(crate) granted: Granted,
    pub(crate) guard: ReleaseGuard,
    /// Time of the request that was granted.
    pub(crate) decision: Duration,
    /// Rejected attempts before the grant.
    pub(crate) refusals: u32,
}

/// Why work did not complete.
pub(crate) enum Interrupted {
    Panicked(Box<dyn Any + Send>),
    OutOfTime,
}

impl Interrupted {
    /// Resumes a panic; otherwise returns the error.
    pub(crate) fn into_error(self) -> AdmissionError {
        match self {
            Self::Panicked(panic) => resume_unwind(panic),
            Self::OutOfTime => AdmissionError::OutOfTime { phase: Phase::Work },
        }
    }
}

/// Runs `work` until the time under `slot` is over.
pub(crate) async fn within<T>(
    slot: &Slot,
    work: impl Future<Output = T>,
) -> Result<T, Interrupted> {
    match timeout(slot.work_left(), AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(panic)) => Err(Interrupted::Panicked(panic)),
        Err(_) => Err(Interrupted::OutOfTime),
    }
}

/// The part of a scope in which the time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before a slot was granted.
    Acquire,
    /// While it was held.
    Work,
}

/// Why work did not run, or did not complete.
#[derive(Debug, Error)]
pub enum AdmissionError {
    /// The request was rejected; carries when to try again. The work did not run.
    #[error("no slot: {}", .0.reason.as_str())]
    Rejected(Refused),
    /// The backend did not answer. The work did not run.
    #[error("admission is not available")]
    Unavailable {
        /// The backend's error.
        #[from]
        source: BackendError,
    },
    /// The deadline passed. Running work was dropped.
    #[error("out of time ({phase:?})")]
    OutOfTime {
        /// Part of the scope.
        phase: Phase,
    },
}

impl Admission {
    /// Returns admission to `pool`, decided by `backend`, for class [`Class::Standard`].
    pub fn new(backend: Arc<dyn Backend>, pool: PoolName) -> Self {
        Self { backend, pool, class: Class::Standard, wait: Duration::ZERO }
    }

    /// Sets the class.
    #[must_use]
    pub fn with_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Lets a rejected caller repeat its request for up to `wait`, but not past its deadline, after
    /// [random pauses](wait_delay). There is no queue: the first caller after a release gets the slot.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Returns the pool.
    #[must_use]
    pub fn pool(&self) -> &PoolName {
        &self.pool
    }

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
    /// The slot is released however `work` ends, once the connection opened through a
    /// [`Session`](crate::session::Session) is closed. From then on no connection is opened under it, nor under a
    /// clone. `work` is dropped a second before `deadline`, which leaves time for the release. Pass the end of the
    /// invocation as the deadline: the lease outlives it by a grace, so nothing that the invocation still does can
    /// outlive the lease.
    ///
    /// # Errors
    /// The error of `work`, or [`AdmissionError`].
    ///
    /// # Panics
    /// When `work` does, after the release.
    pub async fn with_slot<T, E: From<AdmissionError>>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(Slot) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with_slot_reported(deadline, work).await.result
    }

    /// Runs `work` as [`with_slot`](Self::with_slot) does, and also returns the report on the slot.
    ///
    /// # Panics
    /// When `work` does, after the release.
    pub async fn with_slot_reported<T, E: From<AdmissionError>>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(Slot) -> Result<T, E>,
    ) -> Reported<T, E> {
        let wanted = FreezeAwareInstant::now();
        let held = match self.acquire(deadline, lease_covering(deadline.left())).await {
            Ok(held) => held,
            Err(error) => return Reported { result: Err(error.into()), slot: None },
        };
        let (acquire, began) = (wanted.elapsed(), FreezeAwareInstant::now());
        let ended = within(&held.slot, work(held.slot.clone())).await;
        let (work, done) = (began.elapsed(), FreezeAwareInstant::now());
        let HeldSlot { granted, guard, decision, refusals, .. } = held;
        let outcome = guard.release().await;
        let release = done.elapsed();
        let (resumed, lost) = (None, false);
        let result = ended.unwrap_or_else(|interrupted| Err(interrupted.into_error().into()));
        let slot = SlotReport {
            granted,
            acquire,
            decision,
            refusals,
            work,
            release,
            outcome,
            resumed,
            lost,
        };
        Reported { result, slot: Some(slot) }
    }

    /// Renews `lease`, which `shard` granted, for `ttl` from now. Returns `None` when no answer came: the lease may or
    /// may not be renewed.
    pub(crate) async fn renew(
        &self,
        lease: LeaseId,
        shard: Option<u32>,
        ttl: Seconds,
        deadline: Deadline,
    ) -> Option<RenewAnswer> {
        let request = RenewRequest { pool: self.pool.clone(), lease, ttl, shard };
        timeout(deadline.left(), self.backend.renew(&request)).await.ok()?.ok()
    }

    /// Acquires a slot, repeating rejected attempts while the caller waits.
    pub(crate) async fn acquire(
        &self,
        deadline: Deadline,
        ttl: Seconds,
    ) -> Result<HeldSlot, AdmissionError> {
        let wait = Deadline::within(self.wait);
        let mut refusals = 0;
        loop {
            let refused = match self.attempt(deadline, ttl).await {
                Err(AdmissionError::Rejected(refused)) => refused,
                other => return other.map(|held| HeldSlot { refusals, ..held }),
            };
            refusals += 1;
            let left = wait.left().min(deadline.left());
            let pause = match refused.reason {
                // Draining outlasts any wait.
                Reason::Draining => None,
                Reason::Full | Reason::Throttled => wait_delay(refusals, left, &mut rand::rng()),
            };
            let Some(pause) = pause else { return Err(AdmissionError::Rejected(refused)) };
            sleep(pause).await;
        }
    }

    /// Sends one acquire, under a lease id of its own.
    async fn attempt(&self, deadline: Deadline, ttl: Seconds) -> Result<HeldSlot, AdmissionError> {
        let lease = LeaseId::random(&mut rand::rng());
        let sent = FreezeAwareInstant::now();
        let (backend, pool, class) = (Arc::clone(&self.backend), self.pool.clone(), self.class);
        let mut guard = ReleaseGuard::new(backend, pool.clone(), lease, deadline);
        let request = AcquireRequest { pool, lease, ttl, class, attempt: Some(NonZeroU32::MIN) };
        let answer = timeout(deadline.left(), self.backend.acquire(&request)).await;
        let decision = sent.elapsed();
        match answer {
            Ok(Ok(AcquireAnswer::Granted(granted))) => {
                let slot = Slot::new(lease, sent, ttl, work_deadline(deadline, ttl.into()));
                guard.granted(slot.clone(), granted.shard);
                Ok(HeldSlot { slot, granted, guard, decision, refusals: 0 })
            }
            Ok(Ok(AcquireAnswer::Refused(refused))) => {
                guard.disarm();
                Err(AdmissionError::Rejected(refused))
            }
            Ok(Err(source)) => {
                // Otherwise the guard releases, on drop, a lease that may have been granted.
                if !source.may_have_decided() {
                    guard.disarm();
                }
                Err(source.into())
            }
            Err(_) => Err(AdmissionError::OutOfTime { phase: Phase::Acquire }),
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

/// Returns when work under a lease ends: early enough to close the connection and release the slot, and a grace before
/// the lease expires.
pub(crate) fn work_deadline(deadline: Deadline, lease_left: Duration) -> Deadline {
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

    fn covering(time: Duration) -> Seconds {
        lease_covering(Deadline::within(time).left())
    }

    #[tokio::test]
    async fn a_lease_lasts_as_long_as_its_holder_and_a_grace() {
        assert_eq!(covering(Duration::from_secs(30)), Seconds(35));
        assert_eq!(covering(Duration::from_millis(29_900)), Seconds(35));
        assert_eq!(covering(Duration::from_secs(900)), Seconds(905));
        assert_eq!(covering(Duration::from_secs(9_000)), MAX_LEASE);
    }

    #[tokio::test]
    async fn work_ends_before_the_deadline_and_before_the_lease() {
        let deadline = Deadline::within(Duration::from_secs(30));
        assert!(is_about(work_deadline(deadline, Seconds(35).into()).left(), 29));
        let long = Deadline::within(Duration::from_secs(9_000));
        assert!(is_about(work_deadline(long, MAX_LEASE.into()).left(), 954));
    }
}
