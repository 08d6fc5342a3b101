//! What is simulated.

use std::fmt;
use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::GRACE;
use rds_admission::pool::rejection::Tuning;
use rds_admission::pool::warm::Warm;
use rds_admission::time::saturating_seconds;

pub use crate::arrivals::{Arrivals, Hold};
use crate::chance::Rng;
pub use crate::cloud::Cloud;

/// One run.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about.
    pub name: String,
    /// The seed of its random generator.
    pub seed: u64,
    /// Slots of the pool, all of class standard.
    pub slots: u32,
    /// The most slots that one item holds.
    pub slots_per_item: u32,
    /// Who comes.
    pub arrivals: Arrivals,
    /// How long a holder works.
    pub hold: Hold,
    /// The share of holders that crash and never give back.
    pub crashes: f64,
    /// The length of a lease.
    pub lease: Duration,
    /// Who decides.
    pub via: Via,
    /// The query's instances, where it matters which of them a request meets.
    pub query: Option<Query>,
    /// How it is decided.
    pub algorithm: Algorithm,
    /// The constants of the rejection cache.
    pub tuning: Tuning,
    /// How long a caller waits for a slot before it is refused: `SLOT_WAIT_MS`.
    pub wait: Duration,
    /// Query containers: the most callers that are there at once.
    pub containers: usize,
    /// What surrounds it.
    pub cloud: Cloud,
    /// When the measuring begins.
    pub warm_up: Duration,
    /// When the last caller comes, and the measuring ends.
    pub length: Duration,
}

/// Which of the idle instances takes a call. How Lambda chooses is not documented, so both ends are
/// simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// The one that was used last: few instances, which see much.
    Recent,
    /// A random one of this many warm ones: each sees little.
    Any(usize),
}

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// At most this many counter Lambdas, one call at a time each.
    Counter(usize, Routing),
    /// The query containers themselves, each with a memory of its own.
    Containers(Routing),
    /// This many processes, each for any number of callers at once, which share peeks.
    Processes(usize),
}

/// The instances of the query: each serves one request at a time, and keeps to itself what it has.
#[derive(Debug, Clone, Copy)]
pub struct Query {
    /// Which of the idle ones takes a request.
    pub routing: Routing,
    /// How they keep their slots. `None` when each request takes one and gives it back.
    pub warm: Option<Warm>,
}

/// How it is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The article's: a count, without leases.
    BareCount,
    /// Every acquire is a conditional write.
    Plain,
    /// [`rds_admission::pool::rejection`].
    Cached,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareCount => "bare count",
            Self::Plain => "plain",
            Self::Cached => "cached",
        })
    }
}

impl Default for Scenario {
    /// The reference: a pool of 60 slots that are held for a second, ten times the callers that it can
    /// admit, and counters of which the one that was used last is used again.
    fn default() -> Self {
        let reference = Self {
            name: "reference".to_owned(),
            seed: 1,
            slots: 60,
            slots_per_item: 60,
            arrivals: Arrivals::Open(0.0),
            hold: Hold::Around(Duration::from_secs(1)),
            crashes: 0.0,
            lease: Duration::from_secs(35),
            via: Via::Counter(1_000, Routing::Recent),
            query: None,
            algorithm: Algorithm::Cached,
            tuning: Tuning::default(),
            wait: Duration::ZERO,
            containers: 10_000,
            cloud: Cloud::default(),
            warm_up: Duration::ZERO,
            length: Duration::ZERO,
        };
        reference.at(10.0)
    }
}

impl Scenario {
    /// Rejections from which a price is taken, at the least.
    const REJECTIONS: f64 = 20_000.0;

    /// Items of the pool. The article's count is always one.
    #[must_use]
    pub fn items(&self) -> u32 {
        if self.algorithm == Algorithm::BareCount {
            1
        } else {
            self.slots.div_ceil(self.slots_per_item)
        }
    }

    /// Slots of item `n`: all have as many, or one more.
    #[must_use]
    pub fn slots_of(&self, n: u32) -> u32 {
        self.slots / self.items() + u32::from(n < self.slots % self.items())
    }

    /// The time for which each holder occupies a slot.
    #[must_use]
    pub fn cycle(&self) -> Duration {
        let Cloud { write, invoke, connect, .. } = self.cloud;
        let hops =
            if matches!(self.via, Via::Counter(..)) { invoke.median } else { Duration::ZERO };
        self.hold.mean() + write.median + connect.median + hops
    }

    /// Admissions a second that the pool can do, where its items stay in one write unit: by its slots, and
    /// by the two writes for each.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        let by_slots = f64::from(self.slots) / self.cycle().as_secs_f64();
        let items = f64::from(self.slots.div_ceil(60));
        by_slots.min(self.cloud.writes / 2.0 * items)
    }

    /// The same with `times` the callers that it can admit, for as long as it takes to see enough of them.
    #[must_use]
    pub fn at(self, times: f64) -> Self {
        let (capacity, cycle) = (self.capacity(), self.cycle().as_secs_f64());
        let warm_up = (4.0 * cycle).max(3.0);
        let measured = Self::REJECTIONS / (capacity * (times - 1.0).max(0.3));
        let measured = measured.max(10.0 * cycle).max(5.0);
        Self {
            arrivals: Arrivals::Open(capacity * times),
            warm_up: saturating_seconds(warm_up),
            length: saturating_seconds(warm_up + measured),
            ..self
        }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// What a request may take until it is answered: its lease covers that, and a grace.
    pub(crate) fn deadline(&self) -> Duration {
        self.lease.saturating_sub(GRACE.into())
    }

    /// The time of the work, and whether it ends with a crash.
    pub(crate) fn draw_work(&self, rng: &mut Rng) -> (Duration, bool) {
        // A holder stops before its lease is over.
        let hold = self.hold.draw(rng).min(self.lease * 4 / 5);
        (hold, rng.random_bool(self.crashes))
    }
}
