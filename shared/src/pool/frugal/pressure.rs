//! Holding back while the table throttles.

use std::time::Duration;

use rand::RngExt;

use super::Tuning;

/// The share of callers for whom anything is asked of a table that throttles.
///
/// An item takes 1,000 writes a second, and releases must live from the same. So acquires are held back
/// until few requests are throttled: by half at each that is, and by a little less at each grant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pressure {
    share: f64,
    changed_at: Duration,
}

impl Pressure {
    /// Whether a caller who comes at `now` is let through.
    pub(super) fn lets_through(
        &mut self,
        now: Duration,
        tuning: &Tuning,
        dice: &mut impl RngExt,
    ) -> bool {
        if self.share >= 1.0 {
            return true;
        }
        if now.saturating_sub(self.changed_at) >= tuning.relief {
            self.set(self.share * 2.0, now);
        }
        dice.random_bool(self.share)
    }

    /// A request was throttled.
    pub(super) fn throttled(&mut self, now: Duration, tuning: &Tuning) {
        if self.share >= 1.0 || now.saturating_sub(self.changed_at) >= tuning.once {
            self.set(self.share * tuning.throttled, now);
        }
    }

    /// A write was applied.
    pub(super) fn applied(&mut self, tuning: &Tuning) {
        self.share = (self.share * tuning.applied).min(1.0);
    }

    fn set(&mut self, share: f64, now: Duration) {
        self.share = share.clamp(Tuning::LEAST_SHARE, 1.0);
        self.changed_at = now;
    }
}

impl Default for Pressure {
    fn default() -> Self {
        Self { share: 1.0, changed_at: Duration::ZERO }
    }
}
