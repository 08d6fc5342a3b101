//! The rate limit that keeps a burst of acquires from using up the table's write units.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use rds_admission::pool::PoolName;

/// Limits the acquires per second that one instance decides for each pool.
///
/// A rejected acquire costs a write unit like a granted one, and an item takes 1,000 of them a second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>),
/// which the releases need too. Acquires that may repeat an earlier attempt count, but are never rejected here:
/// [`reject_rate_limited`](rds_admission::controller::Controller::reject_rate_limited).
pub struct Limiter<C: Clock = DefaultClock> {
    quotas: RateLimiter<PoolName, DashMapStateStore<PoolName>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl Limiter {
    /// Allows `decisions` acquires per second for each pool, and a burst of the same number.
    #[must_use]
    pub fn per_second(decisions: NonZeroU32) -> Self {
        Self::with_clock(decisions, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// Above this number of pools, those with a full quota are removed: callers choose the names.
    const MOST_POOLS: usize = 1_000;

    /// Like [`per_second`](Limiter::per_second), with another clock.
    pub fn with_clock(decisions: NonZeroU32, clock: C) -> Self {
        let quota = Quota::per_second(decisions);
        Self { quotas: RateLimiter::dashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Counts an acquire for `pool` against its quota.
    ///
    /// # Errors
    /// The time until the next one is allowed, when the quota is used up.
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
    fn idle_pools_are_removed() {
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
