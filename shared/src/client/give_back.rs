//! Giving a slot back, on every way out.

use std::sync::Arc;
use std::time::Duration;

use super::{Counter, CounterError, Slot};
use crate::pool::{LeaseId, PoolName};
use crate::time::Deadline;
use crate::wire::{ReleaseAnswer, Request};

/// How long a slot that nobody waits for is tried to be given back: long enough for a passing fault,
/// short enough not to add to a lasting one.
const IN_THE_BACKGROUND: Duration = Duration::from_secs(2);

/// How long whoever held a slot waits for the server to roll back, and to end a connection that was abandoned in the
/// middle of a statement. Then it goes on, and the slot comes back behind it.
const FOR_THE_SERVER: Duration = Duration::from_secs(1);

/// What is left of the holder's time when it is given up: a holder that is ended at its deadline has to log before
/// that, and to answer.
const TO_TELL: Duration = Duration::from_millis(200);

/// The pause before a failed release is tried again; doubled at each try.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What became of a slot at the end.
#[derive(Debug)]
pub enum GivenBack {
    /// It is back.
    Released,
    /// It was back, or somebody else's, already.
    AlreadyBack,
    /// It is kept, with its connection, for the holder's next work: see [`sessions`](crate::sessions).
    Kept,
    /// A connection under it is not known to be gone. The slot comes back in the background when the
    /// server has ended it, or else (also when the server may yet roll something back) when the lease
    /// expires, which the server's own limits make the connection not outlive.
    LeftToLapse,
    /// The counter could not be told in the time that was left: the lease expires by itself.
    Failed(Option<Box<CounterError>>),
}

impl GivenBack {
    /// The outcome's name in logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::AlreadyBack => "already_back",
            Self::Kept => "kept",
            Self::LeftToLapse => "left_to_lapse",
            Self::Failed(_) => "failed",
        }
    }
}

/// A lease that may be out and has to come back. Dropped in the middle, it gives the slot back in the
/// background.
pub(crate) struct GiveBack<C: Counter + 'static> {
    counter: Arc<C>,
    request: Request,
    slot: Option<Slot>,
    deadline: Deadline,
    armed: bool,
}

impl<C: Counter + 'static> GiveBack<C> {
    pub(crate) fn new(counter: Arc<C>, pool: PoolName, lease: LeaseId, deadline: Deadline) -> Self {
        Self {
            counter,
            request: Request::Release { pool, lease, shard: None },
            slot: None,
            deadline,
            armed: true,
        }
    }

    /// The slot is granted, in this shard of the pool: from now on its connection matters.
    pub(crate) fn granted(&mut self, slot: Slot, granted_in: Option<u32>) {
        self.slot = Some(slot);
        if let Request::Release { shard, .. } = &mut self.request {
            *shard = granted_in;
        }
    }

    /// It is to be back by another `deadline`.
    pub(crate) fn by(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// It is certain that no lease is out.
    pub(crate) fn not_needed(mut self) {
        self.armed = false;
    }

    /// Waits until the connection is gone and gives the slot back, in time before the deadline.
    pub(crate) async fn now(mut self) -> GivenBack {
        let deadline = self.deadline.earlier_by(TO_TELL);
        if let Some(slot) = &self.slot {
            slot.takes_no_more();
            let patience = deadline.left().min(FOR_THE_SERVER);
            if !slot.connection_gone(patience).await {
                return GivenBack::LeftToLapse;
            }
        }
        let given_back = release(&*self.counter, &self.request, deadline).await;
        self.armed = false;
        given_back
    }
}

impl<C: Counter + 'static> Drop for GiveBack<C> {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        if let Some(slot) = &self.slot {
            slot.takes_no_more();
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (counter, request) = (Arc::clone(&self.counter), self.request.clone());
            runtime.spawn(in_the_background(counter, request, self.slot.take()));
        }
    }
}

async fn in_the_background<C: Counter>(counter: Arc<C>, request: Request, slot: Option<Slot>) {
    if let Some(slot) = slot
        && !slot.connection_gone(slot.lease_left()).await
    {
        return;
    }
    release(&*counter, &request, Deadline::within(IN_THE_BACKGROUND)).await;
}

async fn release<C: Counter>(counter: &C, request: &Request, deadline: Deadline) -> GivenBack {
    let mut pause = FIRST_PAUSE;
    let mut failure = None;
    loop {
        let left = deadline.left();
        let Ok(answer) = tokio::time::timeout(left, counter.ask::<ReleaseAnswer>(request)).await
        else {
            return GivenBack::Failed(failure);
        };
        match answer {
            Ok(ReleaseAnswer { released: true, .. }) => return GivenBack::Released,
            Ok(ReleaseAnswer { released: false, .. }) => return GivenBack::AlreadyBack,
            Err(error) => failure = Some(Box::new(error)),
        }
        if deadline.left() <= pause {
            return GivenBack::Failed(failure);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
