//! The constants of the rule.

use std::time::Duration;

/// The constants of the rule. `docs/simulation.md` shows the effect of halving and doubling each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Peeks to spend on each slot. Under overload, the share of acquires that may peek at a full shard is
    /// this by the acquires per grant; otherwise, the shards that one acquire may try. Fewer leave slots
    /// idle; more cost half a read unit each and find nothing more.
    pub peeks_per_slot: u32,
    /// How long a pool that was full counts as contended, and how fast the knowledge that it is full becomes
    /// outdated. Shorter causes more peeks, longer more rejections after an overload.
    pub cooldown: Duration,
    /// A pool with less than one free slot in this many counts as full: another caller takes that slot
    /// first.
    pub full_threshold: u32,
    /// The initial estimate of rivals. Matters for instances with few callers, which see few races.
    pub rivals: f64,
    /// How much a lost race raises the estimate of rivals; a win lowers it by a third of that. The estimate
    /// is stable at about two lost races in seven.
    pub rival_step: f64,
    /// How long a replica may miss a write. Ten times the assumed mean; until then the slot of an own
    /// attempt counts as taken.
    pub replication_lag: Duration,
    /// Requests throttled within this time count once: they have the same cause, and a process with
    /// hundreds of callers would otherwise stop all of them after a burst.
    pub throttle_window: Duration,
    /// The time after which the share of acquires that may send requests doubles.
    pub throttle_recovery: Duration,
    /// The number of acquires over which the contention is averaged, and the highest estimate of rivals.
    pub contention_window: f64,
    /// The longest mean delay that rejected callers are asked for.
    pub max_retry_after: Duration,
}

impl Tuning {
    /// The shortest mean delay that rejected callers are asked for: `Retry-After` counts whole seconds
    /// (<https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>).
    pub(super) const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            peeks_per_slot: 3,
            cooldown: Duration::from_secs(10),
            full_threshold: 20,
            rivals: 4.0,
            rival_step: 0.3,
            replication_lag: Duration::from_millis(200),
            throttle_window: Duration::from_millis(20),
            throttle_recovery: Duration::from_secs(1),
            contention_window: 64.0,
            max_retry_after: Duration::from_secs(30),
        }
    }
}
