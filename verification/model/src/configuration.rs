//! What a run of the model consists of: how many slots, which holders, what may happen to them.

use rds_admission::pool::warm::Warm;
use rds_admission::time::Seconds;

use crate::reached::Reached;
use crate::removed::{Assumption, Guard, Removed};
use crate::script::Script;
use crate::timing::{Ticks, Timing, clocks};

/// A configuration.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Its name.
    pub name: &'static str,
    /// What it covers.
    pub covers: &'static str,
    /// The lengths of time in it.
    pub timing: Timing,
    /// The slots of each shard; of one, in a pool that is not split.
    pub shards: &'static [u8],
    /// How many of them are kept for class priority.
    pub kept: u8,
    /// How slots are kept from one piece of work to the next, if they are.
    pub warm: Option<Warm>,
    /// Numbers of slots that the pool may be given, at any time, one after the other.
    pub resizes: &'static [u8],
    /// Whether a counter may take a shard for full without asking it.
    pub memory: bool,
    /// Whether the table, Lambda and a counter's own limit may turn requests away for a while, and the table's
    /// answers be lost.
    pub throttles: bool,
    /// How often an operator may, at any time, have the pool drain, or go on, by turns.
    pub orders: u8,
    /// How often a sweep may be asked for.
    pub sweeps: u8,
    /// Where time ends, in seconds. Beyond it nothing new happens: every lease that matters is over.
    pub horizon: Seconds,
    /// Who takes part.
    pub holders: Vec<Script>,
    /// What must happen in some behaviour.
    pub reached: Vec<Reached>,
    /// What is missing.
    pub removed: Removed,
}

impl Configuration {
    /// The same with something missing.
    #[must_use]
    pub fn without(&self, removed: Removed) -> Self {
        Self { removed, ..self.clone() }
    }

    /// Whether the pool has more than one item.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.shards.len() > 1
    }

    /// Whether it makes a difference to a counter that a call says that it is repeated.
    #[must_use]
    pub fn tells_attempts(&self) -> bool {
        self.is_split() || self.memory || self.throttles
    }

    /// By how many seconds a counter's clock may be ahead. Where time stands still, no clock matters.
    pub(crate) fn aheads(&self) -> impl Iterator<Item = u8> + use<> {
        let all = clocks(self.removed.assumption(Assumption::ClocksAgree));
        let count = if self.horizon == Seconds(0) { 1 } else { all.len() };
        all.into_iter().take(count).map(|ahead| u8::try_from(ahead.0).unwrap_or(u8::MAX))
    }

    /// How long a session may idle that was told its limits.
    #[must_use]
    pub fn idle_once_told(&self) -> Ticks {
        let told = !self.removed.guard(Guard::IdleLimit);
        self.timing.ticks(if told { self.timing.idle } else { self.timing.wait_timeout })
    }

    /// When a lease that was asked for at `asked` is over.
    #[must_use]
    pub fn lease_ends(&self, holder: usize, asked: Ticks) -> Ticks {
        asked.saturating_add(self.timing.ticks(self.holders[holder].ttl))
    }

    /// When a rollback is over at the latest that begins under a lease that was asked for at `asked`, and leaves `spare`
    /// of it; nothing where it may last for ever.
    #[must_use]
    pub fn rolled_back(&self, holder: usize, asked: Ticks, spare: Seconds) -> Option<Ticks> {
        let over = self.lease_ends(holder, asked).saturating_sub(self.timing.ticks(spare));
        (!self.removed.assumption(Assumption::RollbackWithinTheLease)).then_some(over)
    }

    /// Until when something may be said to the server under a lease that was asked for at `asked`.
    #[must_use]
    pub fn last_word(&self, holder: usize, asked: Ticks) -> Ticks {
        self.lease_ends(holder, asked).saturating_sub(self.timing.ticks(self.timing.grace))
    }
}
