//! How many callers come, and how often.

use std::time::Duration;

use rand::RngExt;
use rds_admission::time::{saturating_seconds, saturating_times};

/// Callers that ask, hold what they get, and ask again after a pause, whatever they were answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How many there are.
    pub callers: u32,
    /// For how long they hold a slot, on average.
    pub hold: Duration,
    /// How long they pause, on average.
    pub pause: Duration,
}

impl Load {
    /// So many callers for `slots` slots, who together ask `times` as often as slots can be had.
    ///
    /// As many as there are slots hold one. The others pause between two questions, so that together they ask
    /// that often.
    #[must_use]
    pub fn rush(callers: u32, slots: u32, hold: Duration, times: f64) -> Self {
        let asks = times * f64::from(slots) / hold.as_secs_f64();
        let waiting = f64::from(callers.saturating_sub(slots));
        Self { callers, hold, pause: saturating_seconds(waiting / asks) }
    }
}

/// A time that is exponentially distributed.
pub(super) fn exponential(mean: Duration, dice: &mut impl RngExt) -> Duration {
    saturating_times(mean, -(1.0 - dice.random_range(0.0..1.0_f64)).ln())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn who_waits_asks_often_enough() {
        let load = Load::rush(256, 60, Duration::from_secs(1), 10.0);
        let asks = (256.0 - 60.0) / load.pause.as_secs_f64();
        assert!((asks - 600.0).abs() < 0.1, "{asks}");
    }

    #[test]
    fn times_have_the_mean_that_they_should() {
        let mut dice = StdRng::seed_from_u64(1);
        let sum: Duration =
            (0..10_000).map(|_| exponential(Duration::from_secs(1), &mut dice)).sum();
        let mean = sum.as_secs_f64() / 10_000.0;
        assert!((0.97..1.03).contains(&mean), "{mean}");
    }
}
