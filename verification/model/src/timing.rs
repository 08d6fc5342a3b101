//! Time in the model: ticks, and the clocks that the rules are asked with.

use std::time::Duration;

use rds_admission::pool::GRACE;
use rds_admission::time::{Clock, SKEW_ALLOWANCE, Seconds, UnixSeconds};

/// A point in time, or a length of it, in ticks since the model began.
pub type Ticks = u8;

/// The second at which the model begins. Far enough from zero that no clock is set back past it.
const EPOCH: u64 = 1_000;

/// What `client::scope` keeps of a holder's time for closing and giving back. It is private there.
const MARGIN: Seconds = Seconds(1);

/// The lengths that the protocol's times are built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How finely time is cut.
    pub ticks_per_second: u8,
    /// How long a session may idle once the server was told: `SessionOptions::idle`.
    pub idle: Seconds,
    /// How long the server waits for a login: its `connect_timeout`.
    pub connect_timeout: Seconds,
    /// How long a session may idle before the server was told: its global `wait_timeout`.
    pub wait_timeout: Seconds,
    /// How long before the end of a lease the last word to the server is said.
    pub grace: Seconds,
    /// How late the server may be to end a session that is kept: `Warm::kept_for`.
    pub late: Seconds,
}

impl Default for Timing {
    /// What `SessionOptions`, `pool::GRACE` and the template's parameter group say, a tick a second.
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
    /// So many seconds, in ticks.
    #[must_use]
    pub fn ticks(&self, seconds: Seconds) -> Ticks {
        let ticks = seconds.0.saturating_mul(u32::from(self.ticks_per_second));
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// The least number of ticks that is not shorter than `duration`.
    #[must_use]
    pub fn covering(&self, duration: Duration) -> Ticks {
        let ticks = duration.as_millis().div_ceil(self.tick().as_millis());
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// So many ticks, as a length of time.
    #[must_use]
    pub fn duration(&self, ticks: Ticks) -> Duration {
        self.tick() * u32::from(ticks)
    }

    /// The longest time within a tick, to the millisecond.
    #[must_use]
    pub fn almost_a_tick(&self) -> Duration {
        self.tick().saturating_sub(Duration::from_millis(1))
    }

    fn tick(&self) -> Duration {
        Duration::from_secs(1) / u32::from(self.ticks_per_second)
    }

    /// The clock of a counter's instance that is `ahead` of the true time `now`.
    #[must_use]
    pub fn counter_clock(&self, now: Ticks, ahead: Seconds) -> CounterClock {
        CounterClock(Duration::from_secs(EPOCH) + self.duration(now) + Duration::from(ahead))
    }

    /// When a holder's work ends: `client::scope::work_ends`. Its invocation ends the grace before
    /// its lease `ends`; one `without_deadline` has all the time that the lease's length allows, from
    /// when it `heard` of its grant.
    #[must_use]
    pub fn work_ends(
        &self,
        ends: Ticks,
        ttl: Seconds,
        heard: Ticks,
        without_deadline: bool,
    ) -> Ticks {
        let deadline = ends.saturating_sub(self.ticks(self.grace));
        let by_lease = heard + self.ticks(ttl).saturating_sub(self.ticks(self.grace));
        let end = if without_deadline { by_lease } else { deadline.min(by_lease) };
        end.saturating_sub(self.ticks(MARGIN))
    }
}

/// The clock of a counter's instance, read once.
#[derive(Debug, Clone, Copy)]
pub struct CounterClock(Duration);

impl Clock for CounterClock {
    fn since_epoch(&self) -> Duration {
        self.0
    }
}

/// An expiry as the state keeps it: in whole seconds since the model began.
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

/// How far ahead a counter's clock may be of another one: nothing, or all that is allowed; with one
/// second more once that is not assumed any longer.
#[must_use]
pub fn clocks(beyond_the_allowance: bool) -> [Seconds; 2] {
    [Seconds(0), Seconds(SKEW_ALLOWANCE.0 + u32::from(beyond_the_allowance))]
}
