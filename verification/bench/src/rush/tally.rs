//! What happens in a run, while it is measured.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::outcome::Outcome;
use crate::latencies::Latencies;
use crate::meter::Used;

/// Counts while it is told to.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
    /// The rejections that were waited for have come.
    pub(super) enough: Notify,
    most_rejections: u64,
}

#[derive(Debug)]
struct Counts {
    since: Option<Instant>,
    changed: Instant,
    out: u32,
    slot_seconds: f64,
    grants: Latencies,
    refusals: Latencies,
    releases: Latencies,
}

impl Tally {
    pub(super) fn new(most_rejections: u64) -> Self {
        let counts = Counts {
            since: None,
            changed: Instant::now(),
            out: 0,
            slot_seconds: 0.0,
            grants: Latencies::default(),
            refusals: Latencies::default(),
            releases: Latencies::default(),
        };
        Self { counts: Mutex::new(counts), enough: Notify::new(), most_rejections }
    }

    /// From here on it counts.
    pub(super) fn begin(&self) {
        let mut counts = self.lock();
        counts.slots(0);
        counts.since = Some(Instant::now());
    }

    /// A slot was granted, `took` after it was asked for.
    pub(super) fn granted(&self, took: Duration) {
        let mut counts = self.lock();
        counts.slots(1);
        if counts.since.is_some() {
            counts.grants.record(took);
        }
    }

    /// A caller was refused, `took` after it asked.
    pub(super) fn refused(&self, took: Duration) {
        let mut counts = self.lock();
        if counts.since.is_some() {
            counts.refusals.record(took);
            if counts.refusals.count() == self.most_rejections {
                self.enough.notify_one();
            }
        }
    }

    /// A slot was given back, which `took` so long.
    pub(super) fn released(&self, took: Duration) {
        let mut counts = self.lock();
        counts.slots(-1);
        if counts.since.is_some() {
            counts.releases.record(took);
        }
    }

    /// What was counted, of a pool of so many slots in which so much was used meanwhile.
    pub(super) fn end(&self, slots: u32, used: Used) -> Outcome {
        let mut counts = self.lock();
        counts.slots(0);
        let lasted = counts.since.take().map(|since| since.elapsed()).unwrap_or_default();
        Outcome {
            lasted,
            grants: counts.grants.clone(),
            refusals: counts.refusals.clone(),
            releases: counts.releases.clone(),
            utilisation: counts.slot_seconds / lasted.as_secs_f64() / f64::from(slots),
            used,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// So many slots more are out.
    fn slots(&mut self, change: i32) {
        let now = Instant::now();
        if self.since.is_some() {
            let lasted = now.duration_since(self.changed);
            self.slot_seconds += f64::from(self.out) * lasted.as_secs_f64();
        }
        self.changed = now;
        self.out = self.out.saturating_add_signed(change);
    }
}
