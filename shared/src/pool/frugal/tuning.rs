//! The numbers that the rule depends on.

use std::time::Duration;

/// The numbers that the rule depends on, each with its reason. What becomes of cost and utilisation when
/// one of them is halved or doubled is a table of `docs/simulation.md`, made by the crate `sim`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Looks that a slot is worth in a rush: with ten callers for each, three look and seven are refused
    /// from memory. Fewer leave slots idle, more cost half a read unit each and find nothing more.
    pub looks: f64,
    /// Looks that all slots of a small pool together are worth: a slot of ten is worth four, the only one
    /// forty. A slot stays idle until somebody looks, and that one idle slot is the larger part of a pool
    /// the fewer there are.
    pub looks_of_few: f64,
    /// The time over which "full" fades from a memory: after half of it every second caller looks that
    /// would else be refused. It bounds how long a caller can be refused by a pool that is no longer full.
    /// Shorter makes each caller of an instance with few of them look, longer refuses after a rush.
    pub memory: Duration,
    /// How long after a pool was full its callers look before they ask. Longer than the holds of most
    /// queries, whose slots all come free together when they were taken together: such a pool is full
    /// again at once. Too long costs half a read unit for each of the callers after a rush.
    pub calm: Duration,
    /// A pool in which less than one slot of so many is free counts as full: another caller takes that
    /// one before a third gets to it.
    pub tight: u32,
    /// A pool in which one slot of so many is free, and more than one, is in no rush, whatever was seen of
    /// it before: nobody leaves a slot to rivals there. Without it the rivals of a rush would keep callers
    /// from an empty pool.
    pub ample: u32,
    /// Callers of other instances that see the same free slot, as an instance presumes at first. Who sees
    /// `f` free slots asks with probability `f / (f + rivals)`. Fewer make instances with few callers,
    /// which learn late, lose more races than a rejection may cost.
    pub rivals: f64,
    /// What becomes of the presumed rivals when a race is lost.
    pub lost: f64,
    /// What becomes of them when one is won: with [`lost`](Self::lost), two lost races in seven hold the
    /// balance, which is what 95 % of 60 slots need where looks come too late to tell anything.
    pub won: f64,
    /// How long a replica may not know of a write of one's own. Ten times the delay that is presumed of
    /// most; until then the slot that was asked for counts as taken.
    pub late: Duration,
    /// Requests that a caller may make in vain, one for each shard, when there is no rush: the chance that
    /// so many are full while the pool has room is small, and each costs time.
    pub tries: usize,
    /// What is left of the share of callers that is let through, when the table throttles.
    pub throttled: f64,
    /// What becomes of that share with a grant: with [`throttled`](Self::throttled), one throttled request
    /// in 15 holds the balance.
    pub applied: f64,
    /// Requests that are throttled within this time are throttled for the same reason, and count once: a
    /// process with hundreds of callers would else hold back all of them after a burst. Longer lets
    /// releases wait.
    pub once: Duration,
    /// Whenever so long has passed without a change the share that is let through doubles: the table has
    /// recovered, or nobody has asked.
    pub relief: Duration,
    /// Callers for a slot above which the pause that refused callers are asked for grows longer than a
    /// slot is held.
    pub patience: f64,
}

impl Tuning {
    /// The shortest and the longest pause that refused callers are asked for, on average: `Retry-After`
    /// counts whole seconds, and nobody waits longer than a Lambda's client does.
    pub(super) const PAUSES: (Duration, Duration) =
        (Duration::from_secs(1), Duration::from_secs(30));
    /// After so long in which nobody has come, or nothing was seen, what was known of a rush says nothing any more:
    /// whoever is refused in one is asked to come back within [`PAUSES`](Self::PAUSES), which is 53 s at the most.
    pub(super) const LULL: Duration = Duration::from_secs(60);
    /// The bounds of the presumed rivals: a caller that is alone asks all but always, and one of a
    /// thousand asks at times.
    pub(super) const RIVALS: (f64, f64) = (0.05, 64.0);
    /// The least share of callers that is let through: enough to notice that the table has recovered.
    pub(super) const LEAST_SHARE: f64 = 0.002;
}

impl Tuning {
    /// Whether so many free slots, of as many as the limit, are as good as none.
    pub(super) fn is_tight(&self, free: u32, limit: u32) -> bool {
        free.saturating_mul(self.tight) < limit
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            looks: 3.0,
            looks_of_few: 40.0,
            memory: Duration::from_secs(10),
            calm: Duration::from_secs(10),
            tight: 20,
            ample: 4,
            rivals: 4.0,
            lost: 1.3,
            won: 0.9,
            late: Duration::from_millis(200),
            tries: 4,
            throttled: 0.5,
            applied: 1.05,
            once: Duration::from_millis(20),
            relief: Duration::from_secs(1),
            patience: 4.0,
        }
    }
}
