//! How a slot was held.

use std::time::Duration;

use super::{HeldSlot, ReleaseOutcome};
use crate::pool::LeaseId;
use crate::time::FreezeAwareInstant;
use crate::wire::Granted;

/// How a slot was held: for the holder's log.
#[derive(Debug)]
pub struct Held {
    /// The lease's id.
    pub lease: LeaseId,
    /// How long it took to get the slot, the waiting for one included.
    pub acquire: Duration,
    /// How long the decision took that granted it.
    pub decision: Duration,
    /// How often it was refused before that, by a caller that waits.
    pub refusals: u32,
    /// How long the closure ran.
    pub work: Duration,
    /// How long it took to give the slot back, or to make it ready to be kept.
    pub release: Duration,
    /// Whether it came back.
    pub given_back: ReleaseOutcome,
    /// Slots out when this one was granted, itself included.
    pub in_use: u32,
    /// Slots of the pool.
    pub max_connections: u32,
    /// Expired leases that its grant took over.
    pub taken_over: u32,
    /// What became of the slot and the connection that had been kept for this, if they were.
    pub woken: Option<Woken>,
    /// The lease that had been kept for this was over when it was to be renewed: this is another one.
    pub lost: bool,
}

/// How a slot was used that had been kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// Its lease was renewed first.
    pub renewed: bool,
    /// Its connection could not be used any more, so that another one had to be opened.
    pub replaced: bool,
}

/// A slot that is being held, by the clock: what [`Held`] is made of in the end.
pub(crate) struct Holding {
    granted: Granted,
    decision: Duration,
    refusals: u32,
    woken: Option<Woken>,
    lost: bool,
    acquire: Duration,
    work: Duration,
    since: FreezeAwareInstant,
}

impl Holding {
    /// Work begins under a slot that was wanted at `wanted`.
    pub(crate) fn begins(wanted: FreezeAwareInstant, taken: &HeldSlot) -> Self {
        Self {
            granted: taken.granted.clone(),
            decision: taken.decision,
            refusals: taken.refusals,
            woken: None,
            lost: false,
            acquire: wanted.elapsed(),
            work: Duration::ZERO,
            since: FreezeAwareInstant::now(),
        }
    }

    /// The same, where a slot had been kept for the work: it was `woken`, or found `lost`.
    pub(crate) fn kept_before(self, woken: Option<Woken>, lost: bool) -> Self {
        Self { woken, lost, ..self }
    }

    /// The work is over; now the slot is given back, or made ready to be kept.
    pub(crate) fn worked(&mut self) {
        self.work = self.since.elapsed();
        self.since = FreezeAwareInstant::now();
    }

    /// That was done, and this became of it.
    pub(crate) fn ended(self, given_back: ReleaseOutcome) -> Held {
        let Granted { lease, in_use, max_connections, taken_over, .. } = self.granted;
        Held {
            lease,
            acquire: self.acquire,
            decision: self.decision,
            refusals: self.refusals,
            work: self.work,
            release: self.since.elapsed(),
            given_back,
            in_use,
            max_connections,
            taken_over,
            woken: self.woken,
            lost: self.lost,
        }
    }
}
