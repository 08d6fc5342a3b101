//! Counts for each interval of a run.

use std::{num::NonZeroU32, time::Duration};

use crate::{outcome::Outcome, report};

/// The most intervals of a run: a chart could not show more.
const MAX_INTERVALS: u32 = 600;

#[derive(Clone, Copy, Default)]
struct Interval {
    offered: u64,
    admitted: u64,
    rejected: u64,
    broken: u64,
}

#[derive(Clone)]
pub(crate) struct Timeline {
    bucket_seconds: NonZeroU32,
    intervals: Vec<Interval>,
}

impl Timeline {
    /// For a run of this duration. An interval is a second, or longer in a long run.
    pub(crate) fn new(duration: Duration) -> Self {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let bucket_seconds =
            NonZeroU32::new(seconds.div_ceil(MAX_INTERVALS)).unwrap_or(NonZeroU32::MIN);
        Self { bucket_seconds, intervals: Vec::new() }
    }

    /// Counts a request at this time of the run.
    pub(crate) fn offered(&mut self, at: Duration) {
        self.interval(at).offered += 1;
    }

    /// Removes a request that was counted at this time.
    pub(crate) fn withdrawn(&mut self, at: Duration) {
        let interval = self.interval(at);
        interval.offered = interval.offered.saturating_sub(1);
    }

    /// Counts an answer at this time.
    pub(crate) fn answered(&mut self, at: Duration, outcome: &Outcome) {
        let interval = self.interval(at);
        match outcome {
            Outcome::Admitted => interval.admitted += 1,
            Outcome::Rejected(_) => interval.rejected += 1,
            Outcome::Broken(_) => interval.broken += 1,
        }
    }

    fn interval(&mut self, at: Duration) -> &mut Interval {
        let index = at.as_secs() / u64::from(self.bucket_seconds.get());
        let index = usize::try_from(index).unwrap_or(usize::MAX - 1);
        if index >= self.intervals.len() {
            self.intervals.resize(index + 1, Interval::default());
        }
        &mut self.intervals[index]
    }
}

impl From<&Timeline> for report::Timeline {
    fn from(timeline: &Timeline) -> Self {
        let list = |pick: fn(&Interval) -> u64| timeline.intervals.iter().map(pick).collect();
        Self {
            bucket_seconds: timeline.bucket_seconds.get(),
            offered: list(|interval| interval.offered),
            admitted: list(|interval| interval.admitted),
            rejected: list(|interval| interval.rejected),
            broken: list(|interval| interval.broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_has_its_own_counts() {
        let mut timeline = Timeline::new(Duration::from_secs(30));
        timeline.offered(Duration::ZERO);
        timeline.offered(Duration::from_millis(999));
        timeline.answered(Duration::from_millis(1_000), &Outcome::Admitted);
        timeline.answered(Duration::from_millis(3_500), &Outcome::Rejected("no-slot"));
        let expected = report::Timeline {
            bucket_seconds: 1,
            offered: vec![2, 0, 0, 0],
            admitted: vec![0, 1, 0, 0],
            rejected: vec![0, 0, 0, 1],
            broken: vec![0; 4],
        };
        assert_eq!(report::Timeline::from(&timeline), expected);
    }

    #[test]
    fn a_long_run_has_longer_intervals() {
        let hour = Duration::from_secs(3_600);
        let mut timeline = Timeline::new(hour);
        timeline.offered(hour.checked_sub(Duration::from_millis(1)).unwrap());
        let timeline = report::Timeline::from(&timeline);
        assert_eq!((timeline.bucket_seconds, timeline.offered.len()), (6, 600));
        assert_eq!(timeline.offered[599], 1);
    }
}
