//! A flood is answered here, without spending the table's write units.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use rds_admission::pool::PoolName;

/// Limits the acquires that one instance decides for one pool in a second.
///
/// A refused acquire costs a write unit like a granted one, and an item takes 1,000 of them a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>),
/// from which the releases must live. Acquires that may repeat an earlier one count, and are decided all the same:
/// [`reject_rate_limited`](rds_admission::controller::Controller::reject_rate_limited).
pub struct Limiter<C: Clock = DefaultClock> {
    quotas: RateLimiter<PoolName, DashMapStateStore<PoolName>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl Limiter {
    /// Lets `decisions` through a second for each pool, evenly but for a burst of as many.
    #[must_use]
    pub fn per_second(decisions: NonZeroU32) -> Self {
        Self::with_clock(decisions, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// Pools remembered before those that were quiet are forgotten: callers name pools as they like.
    const MOST_POOLS: usize = 1_000;

    /// The same, by another clock.
    pub fn with_clock(decisions: NonZeroU32, clock: C) -> Self {
        let quota = Quota::per_second(decisions);
        Self { quotas: RateLimiter::dashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Whether another acquire may be decided for `pool` now.
    ///
    /// # Errors
    /// The time until one may.
    pub fn check(&self, pool: &PoolName) -> Result<(), Duration> {
        if self.quotas.len() > Self::MOST_POOLS {
            self.quotas.retain_recent();
        }
        self.quotas.check_key(pool).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

impl<C: Clock> fmt::Debug for Limiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    #[test]
    fn each_pool_has_its_own_quota_and_gets_it_back_with_time() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(NonZeroU32::new(10).expect("not 0"), clock.clone());
        let [one, other]: [PoolName; 2] =
            ["one", "other"].map(|name| name.parse().expect("a name"));
        for _ in 0..10 {
            assert_eq!(limiter.check(&one), Ok(()));
        }
        let wait = limiter.check(&one).expect_err("the quota is used up");
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
        assert_eq!(limiter.check(&other), Ok(()));
        clock.advance(wait);
        assert_eq!(limiter.check(&one), Ok(()));
    }

    #[test]
    fn pools_that_were_quiet_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(NonZeroU32::new(10).expect("not 0"), clock.clone());
        for n in 0..=Limiter::<FakeRelativeClock>::MOST_POOLS {
            let pool = format!("pool{n}").parse().expect("a name");
            assert_eq!(limiter.check(&pool), Ok(()));
        }
        clock.advance(Duration::from_secs(2));
        assert_eq!(limiter.check(&"last".parse().expect("a name")), Ok(()));
        assert_eq!(limiter.quotas.len(), 1);
    }
}
