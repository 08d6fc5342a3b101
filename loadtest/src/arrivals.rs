//! Open arrivals: the times at which requests are due, independent of the answers.

use std::{sync::Mutex, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::shape::Shape;

/// A Poisson process whose rate follows a shape: the arrivals of many independent clients. All users of a run take their
/// next request from it.
pub(crate) struct Arrivals {
    shape: Shape,
    duration: Duration,
    /// Requests per second at the peak of the shape.
    peak: f64,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    /// The time of the last candidate in seconds.
    at: f64,
}

impl Arrivals {
    /// Arrivals over `duration`, with `per_second` at the peak. The same seed gives the same times.
    pub(crate) fn new(shape: Shape, per_second: f64, duration: Duration, seed: u64) -> Self {
        let state = Mutex::new(State { rng: StdRng::seed_from_u64(seed), at: 0.0 });
        Self { shape, duration, peak: per_second, state }
    }

    /// When the next request is due, from the beginning of the run; `None` after the end.
    ///
    /// Candidates come at the peak rate; each is kept with the probability of the shape's height at its time (thinning: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by
    /// thinning", 1979).
    pub(crate) fn next(&self) -> Option<Duration> {
        // The state is consistent even after a panic.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            // 1 - [0, 1) is never 0, which has no logarithm.
            let gap = -(1.0 - state.rng.random::<f64>()).ln() / self.peak;
            state.at += gap;
            let at = Duration::try_from_secs_f64(state.at).ok().filter(|at| *at < self.duration)?;
            if state.rng.random::<f64>() < self.shape.height(at, self.duration) {
                return Some(at);
            }
        }
    }

    /// Takes and counts the remaining requests that were due before `end`.
    pub(crate) fn left(&self, end: Duration) -> u64 {
        std::iter::from_fn(|| self.next()).take_while(|at| *at < end).map(|_| 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(shape: Shape, seed: u64) -> Vec<f64> {
        let arrivals = Arrivals::new(shape, 100.0, Duration::from_secs(300), seed);
        std::iter::from_fn(|| arrivals.next()).map(|at| at.as_secs_f64()).collect()
    }

    fn between(times: &[f64], from: f64, to: f64) -> f64 {
        let count = times.iter().filter(|at| (from..to).contains(*at)).count();
        f64::from(u32::try_from(count).unwrap())
    }

    /// Whether a count is within five standard deviations of a Poisson distribution's mean.
    fn is_about(count: f64, mean: f64) -> bool {
        (count - mean).abs() < 5.0 * mean.sqrt()
    }

    #[test]
    fn they_come_in_order_at_the_rate_and_as_the_seed_has_it() {
        let seen = times(Shape::Steady, 1);
        assert!(seen.is_sorted());
        assert!(is_about(between(&seen, 0.0, 300.0), 30_000.0), "{}", seen.len());
        assert_eq!(seen, times(Shape::Steady, 1));
        assert_ne!(seen, times(Shape::Steady, 2));
    }

    #[test]
    fn what_is_left_was_due_before_the_end_and_is_taken() {
        let run = Duration::from_secs(300);
        let seen = times(Shape::Steady, 1);
        for end in [Duration::from_secs(100), run, 2 * run] {
            let arrivals = Arrivals::new(Shape::Steady, 100.0, run, 1);
            assert!(arrivals.next().is_some());
            let due = seen.iter().filter(|at| **at < end.as_secs_f64()).count();
            assert_eq!(usize::try_from(arrivals.left(end)).unwrap(), due - 1, "{end:?}");
            assert_eq!(arrivals.left(end), 0, "{end:?}");
        }
    }

    #[test]
    fn gaps_are_those_of_clients_that_know_nothing_of_each_other() {
        let seen = times(Shape::Steady, 1);
        let gaps: Vec<f64> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let long = gaps.iter().filter(|gap| **gap > 0.01).count();
        let share =
            f64::from(u32::try_from(long).unwrap()) / f64::from(u32::try_from(gaps.len()).unwrap());
        // Of exponential gaps, e^-1 are longer than the mean; of even ones, none.
        assert!((share - (-1.0_f64).exp()).abs() < 0.02, "{share}");
    }

    #[test]
    fn they_follow_the_shape() {
        let spike = times(Shape::Spike, 1);
        assert!(is_about(between(&spike, 0.0, 100.0), 500.0));
        assert!(is_about(between(&spike, 100.0, 200.0), 10_000.0));
        assert!(is_about(between(&spike, 200.0, 300.0), 500.0));
        let ramp = times(Shape::Ramp, 1);
        assert!(is_about(between(&ramp, 0.0, 150.0), 3_750.0));
        assert!(is_about(between(&ramp, 150.0, 300.0), 11_250.0));
    }
}
