//! Time in the model: ticks, limits and clocks.

use std::time::Duration;

use rds_admission::pool::GRACE;
use rds_admission::time::{Clock, SKEW_ALLOWANCE, Seconds, UnixSeconds};

/// A point in time since the start, or a duration, in ticks.
pub type Ticks = u8;

/// The start, in seconds since the epoch: late enough for clocks that are behind.
const EPOCH: u64 = 1_000;

/// The time that `client::scope` reserves for closing and releasing. It is private there.
const MARGIN: Seconds = Seconds(1);

/// Time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The resolution.
    pub ticks_per_second: u8,
    /// The idle limit of a session: `SessionOptions::idle`.
    pub idle: Seconds,
    /// The server's `connect_timeout`.
    pub connect_timeout: Seconds,
    /// The server's global `wait_timeout`.
    pub wait_timeout: Seconds,
    /// The last part of a lease, in which nothing is sent to the server.
    pub grace: Seconds,
    /// The delay with which the server may end a kept session: `Warm::kept_for`.
    pub late: Seconds,
}

impl Default for Timing {
    /// The values of `SessionOptions`, `pool::GRACE` and the template's parameter group; a tick is a second.
    fn default() -> Self {
        Self {
            ticks_per_second: 1,
            idle: Seconds(2),
            connect_timeout: Seconds(5),
            wait_timeout: Seconds(5),
            grace: GRACE,
            late: Seconds(1),
        }
    }
}

impl Timing {
    /// Seconds in ticks.
    #[must_use]
    pub fn ticks(&self, seconds: Seconds) -> Ticks {
        let ticks = seconds.0.saturating_mul(u32::from(self.ticks_per_second));
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// A duration in ticks, rounded up.
    #[must_use]
    pub fn covering(&self, duration: Duration) -> Ticks {
        let ticks = duration.as_millis().div_ceil(self.tick().as_millis());
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// Ticks as a duration.
    #[must_use]
    pub fn duration(&self, ticks: Ticks) -> Duration {
        self.tick() * u32::from(ticks)
    }

    /// A tick less a millisecond.
    #[must_use]
    pub fn almost_a_tick(&self) -> Duration {
        self.tick().saturating_sub(Duration::from_millis(1))
    }

    fn tick(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.ticks_per_second)
    }

    /// The clock of a counter that is `ahead` of the true time.
    #[must_use]
    pub fn counter_clock(&self, now: Ticks, ahead: Seconds) -> CounterClock {
        CounterClock(Duration::from_secs(EPOCH) + self.duration(now) + Duration::from(ahead))
    }

    /// The end of a holder's work: `client::scope::work_ends`. Its invocation ends the grace before its lease
    /// `ends`; one `without_deadline` has the time that the lease's length allows from the grant on.
    #[must_use]
    pub fn work_ends(
        &self,
        ends: Ticks,
        ttl: Seconds,
        granted_at: Ticks,
        without_deadline: bool,
    ) -> Ticks {
        let deadline = ends.saturating_sub(self.ticks(self.grace));
        let by_lease = granted_at + self.ticks(ttl).saturating_sub(self.ticks(self.grace));
        let end = if without_deadline { by_lease } else { deadline.min(by_lease) };
        end.saturating_sub(self.ticks(MARGIN))
    }
}

/// A reading of a counter's clock.
#[derive(Debug, Clone, Copy)]
pub struct CounterClock(Duration);

impl Clock for CounterClock {
    fn since_epoch(&self) -> Duration {
        self.0
    }
}

/// An expiry, in whole seconds since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(pub u8);

impl From<UnixSeconds> for Expiry {
    fn from(at: UnixSeconds) -> Self {
        Self(u8::try_from(at.0.saturating_sub(EPOCH)).unwrap_or(u8::MAX))
    }
}

impl From<Expiry> for UnixSeconds {
    fn from(expiry: Expiry) -> Self {
        Self(EPOCH + u64::from(expiry.0))
    }
}

/// The skews of counters' clocks: none, and the allowance, or a second more without that assumption.
#[must_use]
pub fn clocks(beyond_the_allowance: bool) -> [Seconds; 2] {
    [Seconds(0), Seconds(SKEW_ALLOWANCE.0 + u32::from(beyond_the_allowance))]
}
