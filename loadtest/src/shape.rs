//! How the load changes over a run.

use std::time::Duration;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The load before and after a spike, as a share of the peak.
const BETWEEN_SPIKES: f64 = 0.05;

/// How the load changes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Shape {
    /// The same load from beginning to end
    Steady,
    /// From nothing to the full load, linearly: shows where rejections begin
    Ramp,
    /// A twentieth of the load, the full load in the middle third, then a twentieth again: shows the effect of a
    /// surge during and after it
    Spike,
    /// The same load from beginning to end, with every second user ignoring Retry-After: shows what impatient users
    /// gain, and what they cost the others (closed loop only)
    Storm,
}

impl Shape {
    /// The load at a time of a run of this duration, as a share of the peak: from 0 to 1.
    pub(crate) fn height(self, at: Duration, duration: Duration) -> f64 {
        let done = at.as_secs_f64() / duration.as_secs_f64();
        match self {
            _ if !(0.0..1.0).contains(&done) => 0.0,
            Self::Steady | Self::Storm => 1.0,
            Self::Ramp => done,
            Self::Spike if (1.0 / 3.0..2.0 / 3.0).contains(&done) => 1.0,
            Self::Spike => BETWEEN_SPIKES,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn heights(shape: Shape, seconds: &[u64]) -> Vec<f64> {
        seconds.iter().map(|at| shape.height(Duration::from_secs(*at), MINUTE)).collect()
    }

    #[test]
    fn shapes_are_what_they_are_called() {
        let seconds = [0, 15, 30, 45, 59];
        assert_eq!(heights(Shape::Steady, &seconds), [1.0; 5]);
        assert_eq!(heights(Shape::Storm, &seconds), [1.0; 5]);
        assert_eq!(heights(Shape::Ramp, &seconds), [0.0, 0.25, 0.5, 0.75, 59.0 / 60.0]);
        assert_eq!(heights(Shape::Spike, &seconds), [0.05, 0.05, 1.0, 0.05, 0.05]);
    }

    proptest! {
        #[test]
        fn there_is_no_load_beyond_the_height_nor_after_the_end(
            shape in prop::sample::select(Shape::value_variants()),
            at in 0_u64..200_000,
            duration in 1_u64..100_000,
        ) {
            let (at, duration) = (Duration::from_millis(at), Duration::from_millis(duration));
            let height = shape.height(at, duration);
            prop_assert!((0.0..=1.0).contains(&height));
            prop_assert!(at < duration || height == 0.0);
        }
    }
}
