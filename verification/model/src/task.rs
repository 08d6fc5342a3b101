//! Tasks of counters: between a check of the table or the clock, and the write that follows.

use crate::item::TakeOver;
use crate::lease::{Lease, Leases};
use crate::shards::ShardSet;
use crate::timing::{Expiry, Ticks};

/// A task of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// An acquire.
    Acquire(Acquire),
    /// A release without a shard, about to be written to this one.
    Release {
        /// The lease.
        lease: Lease,
        /// The shard.
        shard: u8,
    },
    /// A renewal.
    Renew {
        /// The holder.
        holder: usize,
        /// The time of its request. The holder ignores responses to earlier ones.
        requested: Ticks,
        /// The new expiry.
        expiry: Expiry,
        /// The shard.
        shard: u8,
        /// Whether the holder named the shard; if not, the others follow.
        named: bool,
    },
    /// A sweep.
    Sweep {
        /// The shard.
        shard: u8,
        /// The expired leases, with the expiries read.
        expired: Leases,
        /// By how many seconds the counter's clock is ahead.
        ahead: u8,
    },
    /// An anonymous release.
    AnonymousRelease {
        /// The holder.
        holder: usize,
        /// The shard.
        shard: u8,
        /// The oldest anonymous lease read.
        oldest: Lease,
    },
}

/// An acquire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Acquire {
    /// The holder.
    pub holder: usize,
    /// The lease.
    pub lease: Lease,
    /// By how many seconds the counter's clock is ahead.
    pub ahead: u8,
    /// The current shard.
    pub shard: u8,
    /// The next request to it.
    pub request: Request,
    /// Whether the shard may be skipped as full from the cache.
    pub from_cache: bool,
    /// Whether throttling by the table is a rejection. If not it is an error: no step follows.
    pub throttle: bool,
    /// The shards in which the lease was held ever since a repeated call arrived, or a write was applied without
    /// a response. Only for the properties; no decision depends on it.
    pub held_in: ShardSet,
}

/// A request to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    /// A consistent read for the lease.
    Read,
    /// `expression::add`, with the expiry.
    Add(Expiry),
    /// `expression::take_over`.
    TakeOver(TakeOver),
}
