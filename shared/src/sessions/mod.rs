//! A slot and a session for a closure, kept between calls while the pool has room.
//!
//! [`Sessions::with_session`] opens and closes a connection inside [`Admission::with_slot`]. With
//! [`Sessions::keeping`] an instance that is called again within seconds reuses its slot and connection, without a
//! decision, a login or a release. [`pool::warm`](crate::pool::warm) has the rules.

mod idle;

use std::fmt;
use tokio::time::timeout;

use crate::client::{
    Admission, AdmissionError, HeldSlot, ReleaseOutcome, Reported, Resumed, Slot, SlotReport,
    within, work_deadline,
};
use crate::pool::warm::{FillLevel, Resume, Warm};
use crate::pool::{Class, lease_covering};
use crate::secret::SecretCache;
use crate::session::{LoginError, Session, SessionOptions, is_gone};
use crate::time::{Deadline, FreezeAwareInstant};
use crate::wire::{Granted, RenewAnswer};
use idle::{IdleSession, IdleSlot};

/// Sessions of one database, each under a slot. Created once per instance, at its start.
pub struct Sessions {
    admission: Admission,
    secret: SecretCache,
    options: SessionOptions,
    warm: Option<Warm>,
    idle: IdleSlot,
}

/// A slot, with its session if it was kept.
struct ReadySlot {
    held: HeldSlot,
    session: Option<Session>,
    resumed: Option<Resumed>,
    lost: bool,
}

/// Why a kept slot is not reused.
enum NotResumed {
    /// A renewal found that its lease is lost.
    LeaseLost,
    /// It cannot be used in time.
    Unusable,
}

impl ReadySlot {
    fn without_session(held: HeldSlot) -> Self {
        Self { held, session: None, resumed: None, lost: false }
    }
}

impl Sessions {
    /// Creates sessions of the database in `secret`, under slots of `admission`. None is kept.
    pub fn new(admission: Admission, secret: SecretCache, options: SessionOptions) -> Self {
        Self { admission, secret, options, warm: None, idle: IdleSlot::new() }
    }

    /// Keeps slots as configured by `warm`, except those of class priority, which are few, and those of a
    /// [`Bypass`](crate::backend::Bypass).
    #[must_use]
    pub fn keeping(self, warm: Warm) -> Self {
        let warm = (self.admission.class() == Class::Standard).then_some(warm);
        Self { warm, ..self }
    }

    /// Returns the admission that grants the slots.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Runs `work` in a session under a slot.
    ///
    /// Without [`keeping`](Self::keeping) the session is new, and is closed before its slot is released. With it, both
    /// may be reused from earlier work and kept for later work. The session is reset in between: `work` finds no
    /// variable, temporary table, lock, transaction or setting of other work. Where a reset is not enough (another
    /// user, role or database was chosen, a statement was abandoned), the session is closed instead.
    ///
    /// A kept session that has died, or is of another database than the secret's current one, is replaced once,
    /// before `work` begins. `work` never runs twice.
    ///
    /// # Errors
    /// The error of `work`, [`AdmissionError`], or [`LoginError`] where there was a slot and no session.
    ///
    /// # Panics
    /// When `work` does, after the slot was released.
    pub async fn with_session<T, E: From<AdmissionError> + From<LoginError>>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with_session_reported(deadline, work).await.result
    }

    /// Runs `work` as [`with_session`](Self::with_session) does, and also returns the report on the slot.
    ///
    /// # Panics
    /// When `work` does, after the slot was released.
    pub async fn with_session_reported<T, E: From<AdmissionError> + From<LoginError>>(
        &self,
        deadline: Deadline,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Reported<T, E> {
        let wanted = FreezeAwareInstant::now();
        // Boxed, as the other parts are: the future would otherwise be as large as all of them together.
        let ready = Box::pin(self.resume_or_acquire(deadline)).await;
        let ReadySlot { held, session, resumed, lost } = match ready {
            Ok(ready) => ready,
            Err(error) => return Reported { result: Err(error.into()), slot: None },
        };
        let granted = held.granted.clone();
        let (decision, refusals) = (held.decision, held.refusals);
        let (acquire, began) = (wanted.elapsed(), FreezeAwareInstant::now());
        let work = Box::pin(self.work(&held.slot, granted.fill_level, session, work));
        let (result, session) = match within(&held.slot, work).await {
            Ok((result, session)) => (Ok(result), session),
            Err(interrupted) => (Err(interrupted), None),
        };
        let (work, done) = (began.elapsed(), FreezeAwareInstant::now());
        let outcome = Box::pin(self.keep_or_release(held, session)).await;
        let release = done.elapsed();
        self.idle.work_ended();
        let result = result.unwrap_or_else(|interrupted| Err(interrupted.into_error().into()));
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

    /// Runs `work` in the kept session or a new one. Returns the session unless there is none.
    async fn work<T, E: From<LoginError>>(
        &self,
        slot: &Slot,
        fill_level: Option<FillLevel>,
        session: Option<Session>,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> (Result<T, E>, Option<Session>) {
        let mut session = match session {
            Some(session) => session,
            None => match self.log_in(slot, fill_level).await {
                Ok(session) => session,
                Err(error) => return (Err(error.into()), None),
            },
        };
        (work(&mut session).await, Some(session))
    }

    async fn log_in(
        &self,
        slot: &Slot,
        fill_level: Option<FillLevel>,
    ) -> Result<Session, LoginError> {
        let mut session = Session::log_in(slot, &self.options, &self.secret).await?;
        // Saves the query for a session that will not be kept.
        if self.may_keep(fill_level) {
            session.capture_baseline().await?;
        }
        Ok(session)
    }

    /// Returns whether a slot may be kept whose lease was granted or last renewed at this fill level.
    fn may_keep(&self, fill_level: Option<FillLevel>) -> bool {
        let has_room = |warm: &Warm| fill_level.is_some_and(|fill_level| warm.may_keep(fill_level));
        self.warm.as_ref().is_some_and(has_room) && self.idle.is_often_called()
    }

    /// Resumes the kept slot, or acquires one.
    async fn resume_or_acquire(&self, deadline: Deadline) -> Result<ReadySlot, AdmissionError> {
        let Some(warm) = &self.warm else {
            return self
                .admission
                .acquire(deadline, lease_covering(deadline.left()))
                .await
                .map(ReadySlot::without_session);
        };
        self.idle.work_begins(warm);
        let lost = match self.idle.take() {
            None => false,
            Some(kept) => match self.resume(warm, kept, deadline).await {
                Ok(ready) => return Ok(ready),
                Err(reason) => matches!(reason, NotResumed::LeaseLost),
            },
        };
        let held = self.admission.acquire(deadline, warm.lease_for(deadline.left())).await?;
        Ok(ReadySlot { lost, ..ReadySlot::without_session(held) })
    }

    /// Resumes a kept slot. On an error its session is closed and the slot released in the background.
    async fn resume(
        &self,
        warm: &Warm,
        kept: IdleSession,
        deadline: Deadline,
    ) -> Result<ReadySlot, NotResumed> {
        let IdleSession { session, mut held, until, .. } = kept;
        let renewed = match warm.resume(held.slot.lease_left(), deadline.left()) {
            Resume::Discard => return Err(NotResumed::Unusable),
            Resume::Reuse => false,
            Resume::Renew => {
                self.renew(warm, &mut held, deadline).await?;
                true
            }
        };
        held.refusals = 0;
        held.guard.set_deadline(deadline);
        held.slot.works_until(work_deadline(deadline, held.slot.lease_left()));
        let session = self.resume_session(session, &held.slot, until).await;
        let replaced = session.is_none();
        if replaced && !is_gone(&held.slot).await {
            return Err(NotResumed::Unusable);
        }
        Ok(ReadySlot { held, session, resumed: Some(Resumed { renewed, replaced }), lost: false })
    }

    async fn renew(
        &self,
        warm: &Warm,
        held: &mut HeldSlot,
        deadline: Deadline,
    ) -> Result<(), NotResumed> {
        let (sent, ttl) = (FreezeAwareInstant::now(), warm.lease_for(deadline.left()));
        let Granted { lease, shard, .. } = held.granted;
        let answer = self.admission.renew(lease, shard, ttl, deadline).await;
        let RenewAnswer { renewed, fill_level, .. } = answer.ok_or(NotResumed::Unusable)?;
        if !renewed {
            return Err(NotResumed::LeaseLost);
        }
        held.slot.renewed(sent, ttl);
        held.granted.fill_level = fill_level;
        Ok(())
    }

    /// Returns the session if it is alive, its server-side timeout has not passed, and its database is the secret's
    /// current one.
    async fn resume_session(
        &self,
        mut session: Session,
        slot: &Slot,
        until: Deadline,
    ) -> Option<Session> {
        // An unreadable secret changes nothing.
        if let Ok(secret) = self.secret.get().await
            && !session.matches(&secret)
        {
            return None;
        }
        let patience = self.options.connect_timeout.min(slot.work_left()).min(until.left());
        if patience.is_zero() {
            return None;
        }
        matches!(timeout(patience, session.resume()).await, Ok(Ok(()))).then_some(session)
    }

    /// Keeps the slot with its session if the pool has room; otherwise closes the session and releases the slot.
    async fn keep_or_release(&self, held: HeldSlot, session: Option<Session>) -> ReleaseOutcome {
        let slot = held.slot.clone();
        let Some(mut session) = session else { return held.guard.release().await };
        let reset = timeout(slot.work_left(), self.reset(&held, &mut session)).await;
        let (held, session) = match reset {
            Ok(Some(until)) => match self.idle.put(IdleSession::new(session, held, until)) {
                Ok(()) => return ReleaseOutcome::Kept,
                Err(not_kept) => (not_kept.held, not_kept.session),
            },
            Ok(None) | Err(_) => (held, session),
        };
        // On a timeout it continues in the background.
        let _ = timeout(slot.work_left(), session.close()).await;
        held.guard.release().await
    }

    async fn reset(&self, held: &HeldSlot, session: &mut Session) -> Option<Deadline> {
        let warm = self.warm.as_ref()?;
        let may_keep = self.may_keep(held.granted.fill_level) && session.is_under(&held.slot);
        if may_keep { session.reset_for_reuse(warm).await } else { None }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("pool", self.admission.pool())
            .field("warm", &self.warm)
            .finish_non_exhaustive()
    }
}
