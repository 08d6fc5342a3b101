//! What is remembered of a shard.

use std::time::Duration;

use rand::RngExt;

use super::turnover::Turnover;
use super::{Sighting, Tuning};
use crate::pool::LeaseId;

/// How a shard stands, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Standing {
    /// Never seen full, or not lately.
    Calm,
    /// Seen full not long ago, and with room after that.
    Roomy,
    /// As good as full when it was seen, so long ago.
    Tight(Duration),
}

/// The memory of one shard.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    full_at: Option<Duration>,
    seen: Option<Seen>,
    rivals: f64,
    asking: Vec<Asking>,
    turnover: Turnover,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Duration,
    tight: bool,
    limit: u32,
}

/// A write that is under way, or that a replica may not know of yet.
#[derive(Debug, Clone, Copy)]
struct Asking {
    lease: LeaseId,
    since: Duration,
    after_a_look: bool,
}

impl Memory {
    /// A memory of nothing.
    pub(super) fn new(tuning: &Tuning) -> Self {
        Self {
            full_at: None,
            seen: None,
            rivals: tuning.rivals,
            asking: Vec::new(),
            turnover: Turnover::default(),
        }
    }

    /// How the shard stands at `now`.
    pub(super) fn standing(&self, now: Duration, tuning: &Tuning) -> Standing {
        let (Some(full_at), Some(seen)) = (self.full_at, self.seen) else {
            return Standing::Calm;
        };
        if seen.tight {
            Standing::Tight(now.saturating_sub(seen.at))
        } else if seen.at.saturating_sub(full_at) < tuning.calm {
            Standing::Roomy
        } else {
            Standing::Calm
        }
    }

    /// Looks that a slot is worth.
    pub(super) fn looks(&self, tuning: &Tuning) -> f64 {
        let limit = self.seen.map_or(u32::MAX, |seen| seen.limit.max(1));
        tuning.looks.max(tuning.looks_of_few / f64::from(limit))
    }

    /// A write for `lease` begins.
    pub(super) fn asks(
        &mut self,
        now: Duration,
        lease: LeaseId,
        after_a_look: bool,
        tuning: &Tuning,
    ) {
        self.asking.retain(|asking| now.saturating_sub(asking.since) < tuning.late);
        self.asking.push(Asking { lease, since: now, after_a_look });
    }

    /// A look is back: of those that are `waiting` for it, the first so many may ask. There are `rush`
    /// callers for a slot.
    pub(super) fn looked(
        &mut self,
        now: Duration,
        seen: &Sighting<'_>,
        waiting: &[LeaseId],
        rush: f64,
        tuning: &Tuning,
        dice: &mut impl RngExt,
    ) -> usize {
        if self.seen.is_some_and(|seen| now.saturating_sub(seen.at) >= Tuning::LULL) {
            self.rivals = tuning.rivals;
        }
        self.saw(now, seen, tuning);
        self.asking.retain(|asking| {
            let known = seen.leases.contains_key(&asking.lease);
            !known && now.saturating_sub(asking.since) < tuning.late
        });
        let own = u32::try_from(self.asking.len()).unwrap_or(u32::MAX);
        let mut free = seen.free.saturating_sub(own);
        // Where nobody is refused, nobody else has seen the same slot, and where many are free there is one
        // for each who has.
        let rivals = match self.standing(now, tuning) {
            Standing::Calm => 0.0,
            _ if seen.is_ample(tuning) => 0.0,
            Standing::Roomy | Standing::Tight(_) => self.rivals * (1.0 - 1.0 / rush.max(1.0)),
        };
        let mut may = 0;
        for lease in waiting {
            let chance = f64::from(free) / (f64::from(free) + rivals);
            if free == 0 || !dice.random_bool(chance) {
                break;
            }
            self.asks(now, *lease, true, tuning);
            (may, free) = (may + 1, free - 1);
        }
        may
    }

    /// The write for `lease` was applied, and left the shard like this.
    pub(super) fn granted(
        &mut self,
        now: Duration,
        lease: LeaseId,
        seen: &Sighting<'_>,
        tuning: &Tuning,
    ) {
        // It stays among those that are asking: a replica may not know of it yet.
        self.race(lease, tuning.won);
        self.saw(now, seen, tuning);
    }

    /// The write for `lease` was refused by the shard, which stood like this.
    pub(super) fn refused(
        &mut self,
        now: Duration,
        lease: LeaseId,
        seen: &Sighting<'_>,
        tuning: &Tuning,
    ) {
        self.race(lease, tuning.lost);
        self.asking.retain(|asking| asking.lease != lease);
        self.saw(now, seen, tuning);
    }

    /// The slot of `lease` was given back, which left so many leases out.
    pub(super) fn released(&mut self, now: Duration, lease: LeaseId, in_use: u32, tuning: &Tuning) {
        // A look that does not show it is right by now.
        self.asking.retain(|asking| asking.lease != lease);
        if let Some(seen) = &mut self.seen {
            let free = seen.limit.saturating_sub(in_use);
            (seen.at, seen.tight) = (now, tuning.is_tight(free, seen.limit));
        }
    }

    /// The mean time for which a slot is held, as far as is known.
    pub(super) fn hold(&self) -> Option<Duration> {
        self.turnover.hold()
    }

    /// A race for a slot that was seen free came to its end.
    fn race(&mut self, lease: LeaseId, factor: f64) {
        let (fewest, most) = Tuning::RIVALS;
        if self.asking.iter().any(|asking| asking.lease == lease && asking.after_a_look) {
            self.rivals = (self.rivals * factor).clamp(fewest, most);
        }
    }

    fn saw(&mut self, now: Duration, seen: &Sighting<'_>, tuning: &Tuning) {
        if seen.free == 0 {
            self.full_at = Some(now);
        }
        self.seen = Some(Seen { at: now, tight: seen.is_tight(tuning), limit: seen.limit });
        self.turnover.saw(now, seen);
    }
}
