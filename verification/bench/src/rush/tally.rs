//! Counts the events of a run.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use support::capacity::Used;
use tokio::sync::Notify;

use crate::latencies::Latencies;

/// The result of a run, without the warm-up.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The measured time.
    pub lasted: Duration,
    /// Latencies of granted acquires.
    pub grants: Latencies,
    /// Latencies of rejected acquires.
    pub rejections: Latencies,
    /// Latencies of releases.
    pub releases: Latencies,
    /// The share of the slots in use, from the response to the acquire until the response to the release.
    pub utilisation: f64,
    /// Consumed capacity units.
    pub used: Used,
}

impl Outcome {
    /// Wasted read units per rejection. Includes the wasted units of callers that were granted a slot later.
    #[must_use]
    pub fn units_per_rejection(&self) -> f64 {
        self.used.wasted() / count(&self.rejections)
    }

    /// Grants per second.
    #[must_use]
    pub fn granted_per_second(&self) -> f64 {
        count(&self.grants) / self.lasted.as_secs_f64()
    }

    /// Acquires per second.
    #[must_use]
    pub fn acquires_per_second(&self) -> f64 {
        (count(&self.grants) + count(&self.rejections)) / self.lasted.as_secs_f64()
    }
}

fn count(latencies: &Latencies) -> f64 {
    f64::from(u32::try_from(latencies.count()).unwrap_or(u32::MAX))
}

/// Counts between `begin` and `end`.
#[derive(Debug)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
    /// Notified at the last rejection that the run needs.
    pub(super) enough: Notify,
    wanted_rejections: u64,
}

#[derive(Debug)]
struct Counts {
    since: Option<Instant>,
    changed: Instant,
    in_use: u32,
    slot_seconds: f64,
    grants: Latencies,
    rejections: Latencies,
    releases: Latencies,
}

impl Tally {
    pub(super) fn new(wanted_rejections: u64) -> Self {
        let counts = Counts {
            since: None,
            changed: Instant::now(),
            in_use: 0,
            slot_seconds: 0.0,
            grants: Latencies::default(),
            rejections: Latencies::default(),
            releases: Latencies::default(),
        };
        Self { counts: Mutex::new(counts), enough: Notify::new(), wanted_rejections }
    }

    /// Starts counting.
    pub(super) fn begin(&self) {
        let mut counts = self.lock();
        counts.slots(0);
        counts.since = Some(Instant::now());
    }

    /// Adds a grant with its latency.
    pub(super) fn granted(&self, took: Duration) {
        let mut counts = self.lock();
        counts.slots(1);
        if counts.since.is_some() {
            counts.grants.record(took);
        }
    }

    /// Adds a rejection with its latency.
    pub(super) fn rejected(&self, took: Duration) {
        let mut counts = self.lock();
        if counts.since.is_some() {
            counts.rejections.record(took);
            if counts.rejections.count() == self.wanted_rejections {
                self.enough.notify_one();
            }
        }
    }

    /// Adds a release with its latency.
    pub(super) fn released(&self, took: Duration) {
        let mut counts = self.lock();
        counts.slots(-1);
        if counts.since.is_some() {
            counts.releases.record(took);
        }
    }

    /// Stops counting. `used` is what the run consumed of the table.
    pub(super) fn end(&self, slots: u32, used: Used) -> Outcome {
        let mut counts = self.lock();
        counts.slots(0);
        let lasted = counts.since.take().map(|since| since.elapsed()).unwrap_or_default();
        Outcome {
            lasted,
            grants: counts.grants.clone(),
            rejections: counts.rejections.clone(),
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
    /// Changes the number of slots in use.
    fn slots(&mut self, change: i32) {
        let now = Instant::now();
        if self.since.is_some() {
            let lasted = now.duration_since(self.changed);
            self.slot_seconds += f64::from(self.in_use) * lasted.as_secs_f64();
        }
        self.changed = now;
        self.in_use = self.in_use.saturating_add_signed(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasted_units_are_divided_by_the_rejections() {
        let mut rejections = Latencies::default();
        (0..100).for_each(|_| rejections.record(Duration::from_millis(1)));
        let mut grants = Latencies::default();
        (0..10).for_each(|_| grants.record(Duration::from_millis(1)));
        let outcome = Outcome {
            lasted: Duration::from_secs(2),
            grants,
            rejections,
            releases: Latencies::default(),
            utilisation: 1.0,
            // 20 reads, 4 failed conditions, and the two writes of each of ten grants.
            used: Used { requests: 44, writes: 20.0, refused: 4.0, reads: 10.0 },
        };
        assert!((outcome.units_per_rejection() - 0.3).abs() < 1e-9);
        assert!((outcome.granted_per_second() - 5.0).abs() < 1e-9);
        assert!((outcome.acquires_per_second() - 55.0).abs() < 1e-9);
    }
}
