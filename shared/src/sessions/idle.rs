//! The idle session of an instance.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::client::HeldSlot;
use crate::pool::warm::Warm;
use crate::session::Session;
use crate::time::{Deadline, FreezeAwareInstant};

/// An idle session is closed this long before the server would end it, or at half of its time if that is
/// later.
const REAP_EARLY: Duration = Duration::from_secs(1);

/// Longest sleep of the reaper. A session that was held and put back may be due earlier than the last one.
const REAP_INTERVAL: Duration = Duration::from_secs(1);

/// A kept session and its slot. On drop the session is closed and the slot released, in the background.
pub(super) struct IdleSession {
    pub(super) session: Session,
    pub(super) held: HeldSlot,
    /// When the server ends the session.
    pub(super) until: Deadline,
    reap_at: Deadline,
}

impl IdleSession {
    pub(super) fn new(session: Session, held: HeldSlot, until: Deadline) -> Self {
        let reap_at = until.earlier_by(REAP_EARLY.min(until.left() / 2));
        Self { session, held, until, reap_at }
    }
}

/// Holds at most one idle session.
pub(super) struct IdleSlot(Arc<Mutex<State>>);

struct State {
    idle: Option<IdleSession>,
    reaper_runs: bool,
    last_work_ended: Option<FreezeAwareInstant>,
    is_often_called: bool,
}

impl IdleSlot {
    pub(super) fn new() -> Self {
        let state =
            State { idle: None, reaper_runs: false, last_work_ended: None, is_often_called: false };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn work_begins(&self, warm: &Warm) {
        let mut state = lock(&self.0);
        let idle_for = state.last_work_ended.map(|ended| ended.elapsed());
        state.is_often_called = idle_for.is_some_and(|idle| warm.is_often_called(idle));
    }

    pub(super) fn work_ended(&self) {
        lock(&self.0).last_work_ended = Some(FreezeAwareInstant::now());
    }

    /// Returns whether the latest work began soon enough after the work before for a session to be kept.
    pub(super) fn is_often_called(&self) -> bool {
        lock(&self.0).is_often_called
    }

    pub(super) fn take(&self) -> Option<IdleSession> {
        lock(&self.0).idle.take()
    }

    /// Keeps a session, or returns it when concurrent work has left one already.
    ///
    /// A task reaps it in time. While the instance is frozen the task does not run: the server then ends the
    /// connection, and the lease expires.
    pub(super) fn put(&self, idle: IdleSession) -> Result<(), Box<IdleSession>> {
        let mut state = lock(&self.0);
        if state.idle.as_ref().is_some_and(|kept| !kept.reap_at.left().is_zero()) {
            return Err(Box::new(idle));
        }
        state.idle = Some(idle);
        if !state.reaper_runs {
            state.reaper_runs = true;
            tokio::spawn(reap(Arc::downgrade(&self.0)));
        }
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until it finds no idle session, or the [`IdleSlot`] is dropped.
async fn reap(state: Weak<Mutex<State>>) {
    while let Some(pause) = state.upgrade().and_then(|state| reap_if_due(&state)) {
        tokio::time::sleep(pause).await;
    }
}

/// Drops the idle session if it is due. Returns when to check again, `None` when there is none left.
fn reap_if_due(state: &Mutex<State>) -> Option<Duration> {
    let mut state = lock(state);
    drop(state.idle.take_if(|idle| idle.reap_at.left().is_zero()));
    state.reaper_runs = state.idle.is_some();
    state.idle.as_ref().map(|idle| idle.reap_at.left().min(REAP_INTERVAL))
}
