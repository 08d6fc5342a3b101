//! How many callers there are for a slot.

use std::time::Duration;

use super::Tuning;

/// An instance's callers for each slot that it was granted, over its last callers.
///
/// Every instance gets its share of the slots, so that its own ratio is that of all, and it need not know
/// how many instances there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rush {
    callers: f64,
    grants: f64,
    called_at: Duration,
}

impl Rush {
    /// The callers over which the ratio is taken, the latest weighing most: at ten callers for a slot six
    /// or seven grants, from which a ratio can be told.
    const CALLERS: f64 = 64.0;

    /// The ratio, from 1 on.
    pub(super) fn ratio(self) -> f64 {
        (self.callers / self.grants.max(f64::EPSILON)).max(1.0)
    }

    /// A caller comes at `now`.
    pub(super) fn called(&mut self, now: Duration) {
        if now.saturating_sub(self.called_at) >= Tuning::LULL {
            *self = Self::default();
        }
        self.called_at = now;
        let kept = 1.0 - 1.0 / Self::CALLERS;
        self.callers = self.callers * kept + 1.0;
        self.grants *= kept;
    }

    /// A caller was granted a slot.
    pub(super) fn granted(&mut self) {
        self.grants += 1.0;
    }
}

impl Default for Rush {
    /// As if one caller had come and been granted a slot: it takes three that are refused to make a rush.
    fn default() -> Self {
        Self { callers: 1.0, grants: 1.0, called_at: Duration::ZERO }
    }
}
