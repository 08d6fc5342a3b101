//! Holding back while the table throttles.

use std::time::Duration;

use rand::RngExt;

use super::Tuning;

/// The share of callers for whom anything is asked of a table that throttles.
///
/// An item takes 1,000 writes a second, and releases must live from the same. So acquires are held back
/// until few requests are throttled: by half at each that is, by a little less at each grant, and by half as much
/// with each [relief](Tuning::relief) that passes.
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
        self.recover(now, tuning);
        self.share >= 1.0 || dice.random_bool(self.share)
    }

    /// A request was throttled.
    pub(super) fn throttled(&mut self, now: Duration, tuning: &Tuning) {
        self.recover(now, tuning);
        if self.share >= 1.0 || now.saturating_sub(self.changed_at) >= tuning.once {
            self.set(self.share * tuning.throttled, now);
        }
    }

    /// A write was applied.
    pub(super) fn applied(&mut self, now: Duration, tuning: &Tuning) {
        self.recover(now, tuning);
        self.share = (self.share * tuning.applied).min(1.0);
    }

    /// Doubles the share for every relief that has passed, whether anybody has come meanwhile or not: an
    /// instance with few callers would else refuse for minutes in front of a table that is well.
    fn recover(&mut self, now: Duration, tuning: &Tuning) {
        while self.share < 1.0 && now.saturating_sub(self.changed_at) >= tuning.relief {
            self.set(self.share * 2.0, self.changed_at.saturating_add(tuning.relief));
        }
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
