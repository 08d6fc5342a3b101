//! Where an instance keeps its slot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::client::{Counter, Taken};
use crate::session::Session;
use crate::time::Deadline;

/// How long before the server would end it a slot that nobody used is given back.
const AHEAD: Duration = Duration::from_secs(1);

/// How long that may take.
const TO_GIVE_BACK: Duration = Duration::from_secs(2);

/// A slot and its connection, which nobody uses. Dropped, the connection is closed and the slot given back, in
/// the background.
pub(super) struct Kept<C: Counter + 'static> {
    pub(super) session: Session,
    pub(super) taken: Taken<C>,
    /// Until then the server keeps the connection.
    pub(super) until: Deadline,
}

impl<C: Counter + 'static> Kept<C> {
    async fn give_back(mut self) {
        self.session.close().await;
        self.taken.slot_back.by(Deadline::within(TO_GIVE_BACK));
        self.taken.slot_back.now().await;
    }
}

/// Room for one.
pub(super) struct Place<C: Counter + 'static>(Arc<Mutex<Inside<C>>>);

struct Inside<C: Counter + 'static> {
    kept: Option<Kept<C>>,
    /// A task is there that gives back what nobody uses.
    minded: bool,
}

impl<C: Counter + 'static> Place<C> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inside { kept: None, minded: false })))
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
        if inside.kept.is_some() {
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
    loop {
        let Some(pause) = place.upgrade().and_then(|place| due_in(&place)) else { return };
        if pause.is_zero() {
            let due = place.upgrade().and_then(|place| inside(&place).kept.take());
            if let Some(kept) = due {
                kept.give_back().await;
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// When what is kept is to be given back. `None`: nothing is, and nobody minds it any more.
fn due_in<C: Counter + 'static>(place: &Mutex<Inside<C>>) -> Option<Duration> {
    let mut inside = inside(place);
    inside.minded = inside.kept.is_some();
    inside.kept.as_ref().map(|kept| kept.until.earlier_by(AHEAD).left())
}
