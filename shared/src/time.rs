//! Clocks, and the units of leases.
//!
//! The counter compares the current second with expiries that other instances wrote, and needs a wall clock
//! ([`Clock`]). A holder measures the time since it requested its lease, and must also count the time for
//! which its virtual machine was paused ([`FreezeAwareInstant`]).

use std::fmt;
#[cfg(any(test, feature = "test-support"))]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The largest difference between the clocks of two counter instances at which no live lease is taken for an
/// expired one.
///
/// AWS synchronises the clocks of Lambda's hosts with the Amazon Time Sync Service, whose error is below a
/// millisecond; two seconds also cover a leap second that is not smeared.
pub const SKEW_ALLOWANCE: Seconds = Seconds(2);

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u32);

impl Seconds {
    /// The shortest whole number of seconds that is not shorter than `duration`.
    #[must_use]
    pub fn covering(duration: Duration) -> Self {
        Self(u32::try_from(whole_seconds(duration)).unwrap_or(u32::MAX))
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Duration::from_secs(seconds.0.into())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// A point in time: whole seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub u64);

impl UnixSeconds {
    /// The point in time `later` seconds after this one.
    #[must_use]
    pub fn plus(self, later: Seconds) -> Self {
        Self(self.0.saturating_add(later.0.into()))
    }
}

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The wall clock by which leases expire.
pub trait Clock: Send + Sync {
    /// The time since the epoch, at the clock's full resolution.
    fn since_epoch(&self) -> Duration;

    /// The current time, rounded down, so that a lease never counts as expired early.
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.since_epoch().as_secs())
    }

    /// The expiry of a lease of length `ttl` that starts now, rounded up, so that a lease is never shorter than
    /// requested.
    fn expiry(&self, ttl: Seconds) -> UnixSeconds {
        UnixSeconds(whole_seconds(self.since_epoch())).plus(ttl)
    }
}

/// `seconds` as a [`Duration`]: [`Duration::MAX`] for more than it holds (2^64), zero for negative numbers and
/// NaN. Unlike [`Duration::from_secs_f64`], it never panics.
#[must_use]
pub fn saturating_seconds(seconds: f64) -> Duration {
    let beyond = if seconds > 0.0 { Duration::MAX } else { Duration::ZERO };
    Duration::try_from_secs_f64(seconds).unwrap_or(beyond)
}

/// `time` times `factor`, within the bounds of [`saturating_seconds`]. Unlike [`Duration::mul_f64`], it never
/// panics.
#[must_use]
pub fn saturating_times(time: Duration, factor: f64) -> Duration {
    saturating_seconds(time.as_secs_f64() * factor)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// A clock that stands still until it is [advanced](Self::advance), for tests.
#[cfg(any(test, feature = "test-support"))]
#[derive(Debug)]
pub struct FakeClock(AtomicU64);

#[cfg(any(test, feature = "test-support"))]
impl FakeClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: UnixSeconds) -> Self {
        Self(AtomicU64::new(start.0))
    }

    /// Moves the clock forward by `seconds`.
    pub fn advance(&self, seconds: Seconds) {
        self.0.fetch_add(seconds.0.into(), Ordering::SeqCst);
    }
}

#[cfg(any(test, feature = "test-support"))]
impl Clock for FakeClock {
    fn since_epoch(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(any(test, feature = "test-support"))]
impl<C: Clock> Clock for std::sync::Arc<C> {
    fn since_epoch(&self) -> Duration {
        (**self).since_epoch()
    }
}

/// A reading of both of a process's clocks, to measure the time since, freezes included.
///
/// While a Lambda instance is frozen its monotonic clock may stand still, and its wall clock jumps when it
/// resumes; a wall clock may also be set back. The clock that has moved further counts, so that a lease never
/// looks younger than it is.
#[derive(Debug, Clone, Copy)]
pub struct FreezeAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
}

impl FreezeAwareInstant {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The time since, by the clock that has moved further.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let wall = self.wall.elapsed().unwrap_or_default();
        self.monotonic.elapsed().max(wall)
    }
}

/// The time by which a holder must have finished: for a Lambda, the end of its invocation.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    from: FreezeAwareInstant,
    left: Duration,
}

impl Deadline {
    /// A deadline `left` from now.
    #[must_use]
    pub fn within(left: Duration) -> Self {
        Self::after(FreezeAwareInstant::now(), left)
    }

    /// The deadline `left` after `from`.
    #[must_use]
    pub fn after(from: FreezeAwareInstant, left: Duration) -> Self {
        Self { from, left }
    }

    /// The deadline of Lambda's header `Lambda-Runtime-Deadline-Ms`, in milliseconds since the epoch
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
    #[must_use]
    pub fn at_epoch_ms(deadline: u64) -> Self {
        Self::within(Duration::from_millis(deadline).saturating_sub(SystemClock.since_epoch()))
    }

    /// The same deadline, `margin` earlier.
    #[must_use]
    pub fn earlier_by(self, margin: Duration) -> Self {
        Self { left: self.left.saturating_sub(margin), ..self }
    }

    /// The time left; zero once it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.left.saturating_sub(self.from.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(Duration);
    impl Clock for At {
        fn since_epoch(&self) -> Duration {
            self.0
        }
    }

    #[test]
    fn a_lease_is_never_shorter_than_asked_nor_called_expired_early() {
        let clock = At(Duration::from_millis(10_400));
        assert_eq!(clock.now(), UnixSeconds(10));
        assert_eq!(clock.expiry(Seconds(5)), UnixSeconds(16));
        let on_the_second = At(Duration::from_secs(10));
        assert_eq!(on_the_second.expiry(Seconds(5)), UnixSeconds(15));
    }

    #[test]
    fn seconds_cover_a_duration() {
        assert_eq!(Seconds::covering(Duration::from_millis(1)), Seconds(1));
        assert_eq!(Seconds::covering(Duration::from_secs(2)), Seconds(2));
        assert_eq!(Seconds::covering(Duration::MAX), Seconds(u32::MAX));
    }

    #[test]
    fn every_number_becomes_a_duration() {
        let second = Duration::from_secs(1);
        assert_eq!(saturating_seconds(0.25), second / 4);
        for none in [-1e300, -1.0, -0.0, 0.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(saturating_seconds(none), Duration::ZERO, "{none}");
            assert_eq!(saturating_times(second, none), Duration::ZERO, "{none}");
        }
        for most in [f64::INFINITY, f64::MAX, 1.9e19] {
            assert_eq!(saturating_seconds(most), Duration::MAX, "{most}");
            assert_eq!(saturating_times(second, most), Duration::MAX, "{most}");
        }
        assert_eq!(saturating_times(Duration::MAX, 2.0), Duration::MAX);
        assert_eq!(saturating_times(second, 1.5), Duration::from_millis(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_runs_down_and_stays_at_zero() {
        let deadline = Deadline::within(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(deadline.left(), Duration::from_secs(6));
        assert_eq!(deadline.earlier_by(Duration::from_secs(1)).left(), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(deadline.left(), Duration::ZERO);
    }

    #[test]
    fn a_frozen_monotonic_clock_does_not_hide_a_pause() {
        let paused = FreezeAwareInstant {
            monotonic: Instant::now(),
            wall: SystemTime::now() - Duration::from_secs(60),
        };
        assert!(paused.elapsed() >= Duration::from_secs(60));
        let set_back = FreezeAwareInstant {
            monotonic: Instant::now(),
            wall: SystemTime::now() + Duration::from_secs(60),
        };
        assert!(set_back.elapsed() < Duration::from_secs(60));
    }
}
