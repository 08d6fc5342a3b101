//! Waiting for a slot instead of being refused.

use std::time::Duration;

use rand::RngExt;

use crate::time::saturating_times;

/// The longest pause after the first refusal. Shorter ones cost requests, and a rush has enough callers
/// that a free slot does not wait for these.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause of all. It is what a lone waiting caller can miss a free slot by, half of it on
/// average.
const LONGEST: Duration = Duration::from_secs(1);

/// The pause before a caller asks again that was refused `refusals` times (1 at the first), and has
/// `left` to wait. `None` when that would come too late: then it is refused.
///
/// Full jitter (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>): any pause
/// up to a bound that doubles is as likely as any other, so that callers that were refused together do
/// not come back together.
pub fn pause(refusals: u32, left: Duration, dice: &mut impl RngExt) -> Option<Duration> {
    let doublings = 1_u32.checked_shl(refusals.saturating_sub(1)).unwrap_or(u32::MAX);
    let bound = FIRST.saturating_mul(doublings).min(LONGEST);
    let pause = saturating_times(bound, dice.random_range(0.0..1.0));
    (pause < left).then_some(pause)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_end_with_the_time_left() {
        let mut dice = StdRng::seed_from_u64(1);
        let mut longest = |refusals| {
            let pauses = (0..1_000).filter_map(|_| pause(refusals, Duration::MAX, &mut dice));
            pauses.max().unwrap_or_default()
        };
        let near = |longest: Duration, bound| longest < bound && longest > bound * 9 / 10;
        assert!(near(longest(1), FIRST));
        assert!(near(longest(3), FIRST * 4));
        assert!(near(longest(99), LONGEST));
        assert_eq!(pause(1, Duration::ZERO, &mut dice), None);
    }
}
