//! Random times.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rds_admission::time::saturating_times;

/// A random generator whose numbers are the same in every version of its library.
pub(crate) type Rng = Pcg64Mcg;

/// Returns the generator of this seed.
pub(crate) fn seeded_rng(seed: u64) -> Rng {
    Pcg64Mcg::seed_from_u64(seed)
}

/// A latency: log-normal, by its median and the time that 99 of 100 stay below.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// Half of all take longer.
    pub median: Duration,
    /// One of 100 takes longer.
    pub p99: Duration,
}

impl Latency {
    /// How many standard deviations the 99th percentile of the normal distribution lies above its median.
    const P99: f64 = 2.326_347_9;

    /// A latency by its median and 99th percentile in milliseconds.
    #[must_use]
    pub const fn millis(median: u64, p99: u64) -> Self {
        Self { median: Duration::from_millis(median), p99: Duration::from_millis(p99) }
    }

    pub(crate) fn draw(self, rng: &mut Rng) -> Duration {
        let sigma = (self.p99.as_secs_f64() / self.median.as_secs_f64()).ln() / Self::P99;
        saturating_times(self.median, (sigma * normal(rng)).exp())
    }
}

/// A time that is exponentially distributed: that between the events of a Poisson process.
pub(crate) fn exponential(mean: Duration, rng: &mut Rng) -> Duration {
    saturating_times(mean, -(1.0 - rng.random_range(0.0..1.0_f64)).ln())
}

/// A number from the standard normal distribution (Box and Muller).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random_range(0.0..1.0_f64)).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random_range(0.0..1.0_f64)).cos()
}
