//! Where an instance keeps its slot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::client::{Counter, Taken};
use crate::pool::warm::Warm;
use crate::session::Session;
use crate::time::{Deadline, Moment};

/// How long before the server would end it a slot that nobody used is given back; half of the time if that is
/// less.
const AHEAD: Duration = Duration::from_secs(1);

/// How often it is looked whether that is now.
const LOOK: Duration = Duration::from_secs(1);

/// A slot and its connection, which nobody uses. Dropped, the connection is closed and the slot given back, in
/// the background.
pub(super) struct Kept<C: Counter + 'static> {
    pub(super) session: Session,
    pub(super) taken: Taken<C>,
    /// Until then the server keeps the connection.
    pub(super) until: Deadline,
    due: Deadline,
}

impl<C: Counter + 'static> Kept<C> {
    pub(super) fn new(session: Session, taken: Taken<C>, until: Deadline) -> Self {
        let due = until.earlier_by(AHEAD.min(until.left() / 2));
        Self { session, taken, until, due }
    }
}

/// Room for one.
pub(super) struct Place<C: Counter + 'static>(Arc<Mutex<Inside<C>>>);

struct Inside<C: Counter + 'static> {
    kept: Option<Kept<C>>,
    /// A task is there that gives back what nobody uses.
    minded: bool,
    /// When work ended last.
    answered: Option<Moment>,
    /// Whether the latest work came soon after that.
    often: bool,
}

impl<C: Counter + 'static> Place<C> {
    pub(super) fn new() -> Self {
        let inside = Inside { kept: None, minded: false, answered: None, often: false };
        Self(Arc::new(Mutex::new(inside)))
    }

    /// Work begins.
    pub(super) fn called(&self, warm: &Warm) {
        let mut inside = inside(&self.0);
        let idle = inside.answered.map(|answered| answered.elapsed());
        inside.often = idle.is_some_and(|idle| warm.is_often_called(idle));
    }

    /// Work has ended.
    pub(super) fn answered(&self) {
        inside(&self.0).answered = Some(Moment::now());
    }

    /// Whether work comes often enough for something to be kept.
    pub(super) fn is_often_used(&self) -> bool {
        inside(&self.0).often
    }

    /// Takes what is kept, for work.
    pub(super) fn take(&self) -> Option<Kept<C>> {
        inside(&self.0).kept.take()
    }

    /// Keeps it; returns it when something is kept already, by other work that went on beside this.
    ///
    /// As long as the instance is not frozen, a task gives it back in time when it is not taken. One that is
    /// frozen has its connection ended by the server, and its slot comes back with the lease.
    pub(super) fn put(&self, kept: Kept<C>) -> Result<(), Box<Kept<C>>> {
        let mut inside = inside(&self.0);
        if inside.kept.as_ref().is_some_and(|kept| !kept.due.left().is_zero()) {
            return Err(Box::new(kept));
        }
        inside.kept = Some(kept);
        if !inside.minded {
            inside.minded = true;
            tokio::spawn(mind(Arc::downgrade(&self.0)));
        }
        Ok(())
    }
}

fn inside<C: Counter + 'static>(place: &Mutex<Inside<C>>) -> MutexGuard<'_, Inside<C>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stays as long as something is kept whenever it looks.
async fn mind<C: Counter + 'static>(place: Weak<Mutex<Inside<C>>>) {
    while let Some(pause) = place.upgrade().and_then(|place| looked_at(&place)) {
        tokio::time::sleep(pause).await;
    }
}

/// Gives back what is due, and says when to look again. `None`: nothing is kept, and nobody minds it any more.
fn looked_at<C: Counter + 'static>(place: &Mutex<Inside<C>>) -> Option<Duration> {
    let mut inside = inside(place);
    drop(inside.kept.take_if(|kept| kept.due.left().is_zero()));
    inside.minded = inside.kept.is_some();
    inside.kept.as_ref().map(|kept| kept.due.left().min(LOOK))
}
