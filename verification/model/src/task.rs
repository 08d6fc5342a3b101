//! Requests that counters are at: between a look at the table or the clock and the write that follows.

use crate::item::TakeOver;
use crate::lease::{Lease, Leases};
use crate::shards::ShardSet;
use crate::timing::{Expiry, Ticks};

/// A request that a counter is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// An acquire.
    Acquire(Acquire),
    /// A release that does not know the shard: the lease is about to be removed from this one.
    Release {
        /// Which lease.
        lease: Lease,
        /// From where.
        shard: u8,
    },
    /// A renewal; the lease's new expiry is about to be written.
    Renew {
        /// Whose.
        holder: usize,
        /// When its holder asked for it: to an earlier call than its last it no longer listens.
        asked: Ticks,
        /// Until when.
        expiry: Expiry,
        /// In which shard.
        shard: u8,
        /// Whether the holder named it. If not, the others are asked too.
        named: bool,
    },
    /// A sweep; the leases that were seen expired are about to be taken away.
    Sweep {
        /// Of which shard.
        shard: u8,
        /// The leases, with the expiry that was seen.
        expired: Leases,
        /// How far ahead the counter's clock is, in seconds.
        ahead: u8,
    },
    /// An anonymous give-back; the oldest anonymous lease was read and is about to be removed.
    GiveBack {
        /// Whose.
        holder: usize,
        /// In which shard.
        shard: u8,
        /// Which lease was read.
        oldest: Lease,
    },
}

/// An acquire that a counter is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Acquire {
    /// For whom.
    pub holder: usize,
    /// Under which id.
    pub lease: Lease,
    /// How far ahead the counter's clock is, in seconds.
    pub ahead: u8,
    /// The shard that it has come to.
    pub shard: u8,
    /// What is about to be asked of it.
    pub ask: Ask,
    /// Whether the shard may be taken for full without being asked.
    pub memory: bool,
    /// Whether it is refused when the table throttles what it asks; else that is an error, which tells its caller
    /// nothing, and which is a request that goes no further.
    pub throttle: bool,
    /// Of a repeated call, the shards in which its lease was out all the time since the call arrived, and of one
    /// whose write was applied without an answer, since then. Nothing is decided by it: it is there to be judged by.
    pub out: ShardSet,
}

/// What an acquire is about to ask of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// A consistent read: whether the lease is out.
    Look,
    /// `expression::add`, with the lease's expiry.
    Add(Expiry),
    /// `expression::take_over`.
    TakeOver(TakeOver),
}
