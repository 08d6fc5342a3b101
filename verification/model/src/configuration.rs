//! A configuration of the model: pool, holders, and what may happen to them.

use rds_admission::pool::warm::Warm;
use rds_admission::time::{Clock, Seconds};

use crate::ablations::Ablation;
use crate::script::Script;
use crate::state::State;
use crate::timing::{Expiry, Ticks, Timing, clocks};

/// A configuration.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The name.
    pub name: &'static str,
    /// What it covers.
    pub covers: &'static str,
    /// Time limits.
    pub timing: Timing,
    /// The slots of each shard.
    pub shards: &'static [u8],
    /// The slots reserved for class priority.
    pub reserved: u8,
    /// The rule for warm slots, if there are any.
    pub warm: Option<Warm>,
    /// The sizes that the pool may be given, at any time, in this order.
    pub resizes: &'static [u8],
    /// Whether a counter may skip a shard as full from its cache.
    pub from_cache: bool,
    /// Whether the table, Lambda and the rate limit may throttle requests, and responses of the table be lost.
    pub throttling: bool,
    /// How often an operator may drain or resume the pool, in turns.
    pub drain_orders: u8,
    /// How often a sweep may be requested.
    pub sweeps: u8,
    /// The end of time. By then every lease that matters is over.
    pub horizon: Seconds,
    /// The holders.
    pub holders: Vec<Script>,
    /// What must happen in some behaviour.
    pub coverage: Vec<Coverage>,
    /// What is removed from the protocol.
    pub ablation: Option<Ablation>,
}

/// Something that must happen in some behaviour; shows that the model is not vacuous.
#[derive(Debug, Clone, Copy)]
pub struct Coverage {
    /// What must happen.
    pub name: &'static str,
    /// Whether a state shows it.
    pub reached: fn(&Configuration, &State) -> bool,
}

impl Configuration {
    /// One slot, 12 seconds, and no holder.
    #[must_use]
    pub fn new(name: &'static str, covers: &'static str) -> Self {
        Self {
            name,
            covers,
            timing: Timing::default(),
            shards: &[1],
            reserved: 0,
            warm: None,
            resizes: &[],
            from_cache: false,
            throttling: false,
            drain_orders: 0,
            sweeps: 0,
            horizon: Seconds(12),
            holders: Vec::new(),
            coverage: Vec::new(),
            ablation: None,
        }
    }

    /// Whether this is removed.
    #[must_use]
    pub fn lacks(&self, ablation: Ablation) -> bool {
        self.ablation == Some(ablation)
    }

    /// Whether the pool has more than one item.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.shards.len() > 1
    }

    /// Whether a counter treats a repeated call differently.
    #[must_use]
    pub fn distinguishes_repeats(&self) -> bool {
        self.is_split() || self.from_cache || self.throttling
    }

    /// By how many seconds a counter's clock may be ahead. Without time only one value matters.
    pub(crate) fn clock_skews(&self) -> impl Iterator<Item = u8> + use<> {
        let all = clocks(self.lacks(Ablation::ClocksAgree));
        let count = if self.horizon == Seconds(0) { 1 } else { all.len() };
        all.into_iter().take(count).map(|ahead| u8::try_from(ahead.0).unwrap_or(u8::MAX))
    }

    /// The expiry that a counter whose clock is `ahead` (in seconds) gives to a lease.
    pub(crate) fn expiry(&self, now: Ticks, ahead: u8, ttl: Seconds) -> Expiry {
        self.timing.counter_clock(now, Seconds(ahead.into())).expiry(ttl).into()
    }

    /// The idle limit of a session after its limits were set.
    #[must_use]
    pub fn idle_limit(&self) -> Ticks {
        let limited = !self.lacks(Ablation::IdleLimit);
        self.timing.ticks(if limited { self.timing.idle } else { self.timing.wait_timeout })
    }

    /// The end of a lease requested at `requested`.
    #[must_use]
    pub fn lease_ends(&self, holder: usize, requested: Ticks) -> Ticks {
        requested.saturating_add(self.timing.ticks(self.holders[holder].ttl))
    }

    /// The latest end of a rollback: `spare` before the end of the lease requested at `requested`. `None` if it may
    /// last forever.
    #[must_use]
    pub fn rolled_back(&self, holder: usize, requested: Ticks, spare: Seconds) -> Option<Ticks> {
        let over = self.lease_ends(holder, requested).saturating_sub(self.timing.ticks(spare));
        (!self.lacks(Ablation::RollbackWithinTheLease)).then_some(over)
    }

    /// The last moment to send to the server under a lease requested at `requested`.
    #[must_use]
    pub fn last_send(&self, holder: usize, requested: Ticks) -> Ticks {
        self.lease_ends(holder, requested).saturating_sub(self.timing.ticks(self.timing.grace))
    }
}
