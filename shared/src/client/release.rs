//! Releases a slot on every way out of its scope.

use std::sync::Arc;
use std::time::Duration;

use super::Slot;
use crate::backend::{Backend, BackendError};
use crate::pool::{LeaseId, PoolName};
use crate::time::Deadline;
use crate::wire::ReleaseRequest;

/// Time limit of a release in the background: long enough for a transient fault, short enough not to add load to a
/// lasting one.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(2);

/// How long a holder waits for the server to roll back, or to end a connection that was abandoned in a statement. The
/// release then continues in the background.
const SERVER_PATIENCE: Duration = Duration::from_secs(1);

/// Time kept for the holder's log line and answer when a release fails until the deadline.
const ANSWER_RESERVE: Duration = Duration::from_millis(200);

/// Pause before the first retry of a failed release. Doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Outcome of a slot at the end of its scope.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReleaseOutcome {
    /// It was released.
    Released,
    /// It had already been released or taken over.
    AlreadyBack,
    /// It is kept with its connection for the next work ([`sessions`](crate::sessions)).
    Kept,
    /// A connection under it is not known to be closed. The slot is released in the background once the server has
    /// ended the connection; otherwise, also when the server may still roll back, the lease expires. The server's
    /// limits end the connection before that.
    LeftToLapse,
    /// The release failed until the deadline. The lease expires.
    Failed(Option<Box<BackendError>>),
}

impl ReleaseOutcome {
    /// Returns the outcome's name in logs.
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

/// Releases a lease that is, or may be, held. When dropped, releases it in the background.
pub(crate) struct ReleaseGuard {
    backend: Arc<dyn Backend>,
    request: ReleaseRequest,
    slot: Option<Slot>,
    deadline: Deadline,
    armed: bool,
}

impl ReleaseGuard {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        pool: PoolName,
        lease: LeaseId,
        deadline: Deadline,
    ) -> Self {
        let request = ReleaseRequest { pool, lease, shard: None };
        Self { backend, request, slot: None, deadline, armed: true }
    }

    /// Records the granted slot and its shard. The release then waits for its connection to close.
    pub(crate) fn granted(&mut self, slot: Slot, shard: Option<u32>) {
        self.slot = Some(slot);
        self.request.shard = shard;
    }

    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Cancels the release, because the acquire was certainly not granted.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
    }

    /// Waits for the connection to close and releases the slot, both before the deadline.
    pub(crate) async fn release(mut self) -> ReleaseOutcome {
        let deadline = self.deadline.earlier_by(ANSWER_RESERVE);
        if let Some(slot) = &self.slot {
            slot.refuse_connections();
            let patience = deadline.left().min(SERVER_PATIENCE);
            if !slot.connection_gone(patience).await {
                return ReleaseOutcome::LeftToLapse;
            }
        }
        let outcome = release(&*self.backend, &self.request, deadline).await;
        self.armed = false;
        outcome
    }
}

impl Drop for ReleaseGuard {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        if let Some(slot) = &self.slot {
            slot.refuse_connections();
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (backend, request) = (Arc::clone(&self.backend), self.request.clone());
            let slot = self.slot.take();
            runtime.spawn(async move {
                if let Some(slot) = slot
                    && !slot.connection_gone(slot.lease_left()).await
                {
                    return;
                }
                release(&*backend, &request, Deadline::within(BACKGROUND_LIMIT)).await;
            });
        }
    }
}

async fn release(
    backend: &dyn Backend,
    request: &ReleaseRequest,
    deadline: Deadline,
) -> ReleaseOutcome {
    let mut pause = FIRST_PAUSE;
    let mut failure = None;
    loop {
        match tokio::time::timeout(deadline.left(), backend.release(request)).await {
            Ok(Ok(answer)) if answer.released => return ReleaseOutcome::Released,
            Ok(Ok(_)) => return ReleaseOutcome::AlreadyBack,
            Ok(Err(error)) => failure = Some(Box::new(error)),
            Err(_) => return ReleaseOutcome::Failed(failure),
        }
        if deadline.left() <= pause {
            return ReleaseOutcome::Failed(failure);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
