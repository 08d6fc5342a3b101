//! Delays between attempts while waiting for a slot.

use std::time::Duration;

use rand::RngExt;

use crate::time::saturating_times;

/// The bound of the first delay. Under contention a free slot finds another caller meanwhile.
const FIRST: Duration = Duration::from_millis(100);

/// The bound of every later delay, and so the longest time that a lone waiting caller can miss a free slot.
const LONGEST: Duration = Duration::from_secs(1);

/// Returns a random delay before the next attempt, after `rejections` of them (1 after the first). `None`
/// if the attempt would come after the time `left` to wait.
///
/// Full jitter (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>): uniform up to a
/// bound that doubles, so that callers rejected together do not return together.
pub fn wait_delay(rejections: u32, left: Duration, rng: &mut impl RngExt) -> Option<Duration> {
    let doublings = 1_u32.checked_shl(rejections.saturating_sub(1)).unwrap_or(u32::MAX);
    let bound = FIRST.saturating_mul(doublings).min(LONGEST);
    let delay = saturating_times(bound, rng.random_range(0.0..1.0));
    (delay < left).then_some(delay)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_end_with_the_time_left() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut longest = |rejections| {
            let delays = (0..1_000).filter_map(|_| wait_delay(rejections, Duration::MAX, &mut rng));
            delays.max().unwrap_or_default()
        };
        let near = |longest: Duration, bound| longest < bound && longest > bound * 9 / 10;
        assert!(near(longest(1), FIRST));
        assert!(near(longest(3), FIRST * 4));
        assert!(near(longest(99), LONGEST));
        assert_eq!(wait_delay(1, Duration::ZERO, &mut rng), None);
    }
}
