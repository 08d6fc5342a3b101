//! The report on a slot, for logs and metrics.

use std::time::Duration;

use super::ReleaseOutcome;
use crate::wire::Granted;

/// The result of work under a slot, with the report on the slot.
#[derive(Debug)]
pub struct Reported<T, E> {
    /// The result of the work, or why it did not run to its end.
    pub result: Result<T, E>,
    /// The report, if there was a slot.
    pub slot: Option<SlotReport>,
}

/// How a slot was acquired, used and released.
#[derive(Debug)]
pub struct SlotReport {
    /// The grant, with the usage of the pool at that time.
    pub granted: Granted,
    /// Time to acquire the slot, including the wait.
    pub acquire: Duration,
    /// Time of the request that was granted.
    pub decision: Duration,
    /// Rejected attempts before the grant.
    pub refusals: u32,
    /// Time of the work.
    pub work: Duration,
    /// Time to release the slot, or to reset its session and keep it.
    pub release: Duration,
    /// Outcome of the slot.
    pub outcome: ReleaseOutcome,
    /// How the work resumed a kept session, if it did.
    pub resumed: Option<Resumed>,
    /// Whether the lease of a kept slot was lost, so that another slot was acquired.
    pub lost: bool,
}

/// How a kept session was resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// The lease was renewed first.
    pub renewed: bool,
    /// The connection was unusable, and another was opened.
    pub replaced: bool,
}
