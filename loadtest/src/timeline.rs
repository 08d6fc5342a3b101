//! Counts for each stretch of a run, as they come in.

use std::{num::NonZeroU32, time::Duration};

use crate::{outcome::Outcome, report};

/// The most stretches that a run is divided into: more could not be told apart in a picture.
const STRETCHES: u32 = 600;

/// The counts of one stretch.
#[derive(Clone, Copy, Default)]
struct Stretch {
    offered: u64,
    admitted: u64,
    rejected: u64,
    broken: u64,
}

/// Counts for each stretch of a run.
#[derive(Clone)]
pub(crate) struct Timeline {
    bucket_seconds: NonZeroU32,
    stretches: Vec<Stretch>,
}

impl Timeline {
    /// For a run of this duration, in stretches of a second, or longer ones if those were too many.
    pub(crate) fn new(duration: Duration) -> Self {
        let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let bucket_seconds =
            NonZeroU32::new(seconds.div_ceil(STRETCHES)).unwrap_or(NonZeroU32::MIN);
        Self { bucket_seconds, stretches: Vec::new() }
    }

    /// Counts a request that began at this time of the run.
    pub(crate) fn offered(&mut self, at: Duration) {
        self.stretch(at).offered += 1;
    }

    /// Takes a request back that was counted at this time of the run.
    pub(crate) fn withdrawn(&mut self, at: Duration) {
        let stretch = self.stretch(at);
        stretch.offered = stretch.offered.saturating_sub(1);
    }

    /// Counts an answer that came at this time of the run.
    pub(crate) fn answered(&mut self, at: Duration, outcome: &Outcome) {
        let stretch = self.stretch(at);
        match outcome {
            Outcome::Admitted => stretch.admitted += 1,
            Outcome::Rejected(_) => stretch.rejected += 1,
            Outcome::Broken(_) => stretch.broken += 1,
        }
    }

    fn stretch(&mut self, at: Duration) -> &mut Stretch {
        let index = at.as_secs() / u64::from(self.bucket_seconds.get());
        let index = usize::try_from(index).unwrap_or(usize::MAX - 1);
        if index >= self.stretches.len() {
            self.stretches.resize(index + 1, Stretch::default());
        }
        &mut self.stretches[index]
    }
}

impl From<&Timeline> for report::Timeline {
    fn from(timeline: &Timeline) -> Self {
        let list = |pick: fn(&Stretch) -> u64| timeline.stretches.iter().map(pick).collect();
        Self {
            bucket_seconds: timeline.bucket_seconds.get(),
            offered: list(|stretch| stretch.offered),
            admitted: list(|stretch| stretch.admitted),
            rejected: list(|stretch| stretch.rejected),
            broken: list(|stretch| stretch.broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_has_its_own_counts() {
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
    fn a_long_run_has_longer_stretches_and_not_more_of_them() {
        let hour = Duration::from_secs(3_600);
        let mut timeline = Timeline::new(hour);
        timeline.offered(hour.checked_sub(Duration::from_millis(1)).unwrap());
        let told = report::Timeline::from(&timeline);
        assert_eq!((told.bucket_seconds, told.offered.len()), (6, 600));
        assert_eq!(told.offered[599], 1);
    }
}
