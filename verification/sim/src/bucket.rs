//! A limit of units a second.

use std::time::Duration;

/// A token bucket that holds what one second brings.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    units: f64,
    at: Duration,
}

impl Bucket {
    pub(crate) fn per_second(per_second: f64) -> Self {
        Self { per_second, units: per_second, at: Duration::ZERO }
    }

    /// Takes `units` at `now`, if they are there.
    pub(crate) fn take(&mut self, units: f64, now: Duration) -> bool {
        let brought = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.units = (self.units + brought).min(self.per_second);
        self.at = now;
        let there = self.units >= units;
        if there {
            self.units -= units;
        }
        there
    }
}
