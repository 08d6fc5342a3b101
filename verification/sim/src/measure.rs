//! Measured numbers and times.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::outcome::Times;

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

/// A histogram of microseconds, up to a day.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 86_400_000_000, 3)
        .unwrap_or_else(|never| unreachable!("bounds and digits are valid: {never}"))
}

pub(crate) fn record(times: &mut Histogram<u64>, took: Duration) {
    times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

pub(crate) fn times(times: &Histogram<u64>) -> Times {
    if times.is_empty() {
        return Times::default();
    }
    let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile));
    Times { p50: at(0.5), p99: at(0.99), max: Duration::from_micros(times.max()) }
}
