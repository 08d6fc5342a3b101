//! A number that changes, over time.

use std::time::Duration;

/// A number that changes: what it is, the most that it ever was, and its mean while it is measured.
#[derive(Debug)]
pub(crate) struct Gauge {
    from: Duration,
    to: Duration,
    level: u32,
    most: u32,
    changed: Duration,
    level_seconds: f64,
}

impl Gauge {
    /// A number that is measured `from` then `to` then, and is none at first.
    pub(crate) fn new(from: Duration, to: Duration) -> Self {
        let (changed, level_seconds) = (Duration::ZERO, 0.0);
        Self { from, to, level: 0, most: 0, changed, level_seconds }
    }

    /// It is `level` from now on.
    pub(crate) fn set(&mut self, now: Duration, level: u32) {
        let measured = |at: Duration| at.clamp(self.from, self.to);
        let lasted = measured(now).saturating_sub(measured(self.changed));
        self.level_seconds += f64::from(self.level) * lasted.as_secs_f64();
        (self.changed, self.level) = (now, level);
        self.most = self.most.max(level);
    }

    /// The most that it ever was, measured or not.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Its mean.
    pub(crate) fn mean(&mut self) -> f64 {
        self.set(self.to.max(self.changed), self.level);
        self.level_seconds / self.to.saturating_sub(self.from).as_secs_f64()
    }
}
