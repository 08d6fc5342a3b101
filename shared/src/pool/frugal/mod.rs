//! Cheap rejections: what an instance remembers of a pool, and what it does for the next caller.
//!
//! In a rush almost every decision is a rejection. A conditional write that is refused is billed as a
//! write, which costs as much as ten eventually consistent reads, and is one of the item's 1,000 writes a
//! second, from which the releases must live. So an instance remembers how it last saw the pool:
//!
//! | the pool, as last seen | the next caller |
//! |---|---|
//! | never full, or with room for [a while](Tuning::calm) since then | asks: the conditional write |
//! | with room, but full shortly before | looks: the read, and asks if it shows a free slot |
//! | [as good as full](Tuning::tight) | is refused, or looks: the more likely the fewer callers there are for a slot, and the longer ago that was |
//!
//! Many look when a slot comes free, and only one gets it. Who sees `f` free slots asks with probability
//! `f / (f + r)`; `r` is how many rivals there seem to be, more after each race that is lost and fewer
//! after each that is won. Where [many](Tuning::ample) are free there are none. Where the table throttles,
//! callers are refused until it no longer does.
//!
//! Nothing here knows how many instances there are, and none hears of another. Rules only: the time is an
//! argument, as the time since any fixed moment (since a [`FreezeAwareInstant`](crate::time::FreezeAwareInstant), which counts
//! while the process is frozen), and so are the dice.
//!
//! # Whoever asks
//! 1. [`Frugal::arrives`] for each caller of class standard, then [`Frugal::step`] until it is over.
//!    Callers of class priority, and callers that repeat an acquire that may have been granted, ask
//!    directly.
//! 2. After [`Step::Ask`], the write, and [`Frugal::granted`], [`Frugal::refused`] or
//!    [`Frugal::throttled`].
//! 3. After [`Step::Look`], the read, which all callers share that want it while it is under way, and
//!    [`Frugal::looked`] or [`Frugal::throttled`].
//!
//! A [`Controller`](crate::controller::Controller) decides by it; `docs/simulation.md` shows what it comes to at
//! scale.
//!
//! A release asks nothing of this, and waits for nothing; what it left is told by [`Frugal::released`]. A caller may go away at any point: what was
//! begun for it is forgotten after [a moment](Tuning::late).

mod memory;
mod pressure;
mod rush;
mod sighting;
mod tour;
mod tuning;
mod turnover;
mod waiting;

pub use sighting::Sighting;
pub use tour::Tour;
pub use tuning::Tuning;
pub use waiting::pause;

use std::num::NonZeroUsize;
use std::time::Duration;

use rand::RngExt;

use crate::pool::LeaseId;
use crate::time::saturating_times;
use memory::{Memory, Standing};
use pressure::Pressure;
use rush::Rush;

/// What to do next for a caller that wants a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask this shard for it: the conditional write.
    Ask(usize),
    /// Look at this shard first: an eventually consistent read.
    Look(usize),
    /// Refuse, with no further request.
    Refuse,
}

/// What an instance remembers of a pool.
#[derive(Debug, Clone)]
pub struct Frugal {
    tuning: Tuning,
    shards: Vec<Memory>,
    rush: Rush,
    pressure: Pressure,
}

impl Frugal {
    /// The memory of a pool of so many shards, of which nothing is known yet. A pool that is not split
    /// has one.
    #[must_use]
    pub fn new(shards: NonZeroUsize, tuning: Tuning) -> Self {
        Self {
            tuning,
            shards: vec![Memory::new(&tuning); shards.get()],
            rush: Rush::default(),
            pressure: Pressure::default(),
        }
    }

    /// A caller comes that wants a slot under the id `lease`.
    pub fn arrives(&mut self, now: Duration, lease: LeaseId, dice: &mut impl RngExt) -> Tour {
        self.rush.called(now);
        let let_through = self.pressure.lets_through(now, &self.tuning, dice);
        let first = Tour::first(lease, self.shards.len());
        let looks =
            self.shards.get(first).map_or(self.tuning.looks, |memory| memory.looks(&self.tuning));
        let willing = dice.random_bool((looks / self.rush.ratio()).min(1.0));
        Tour::new(lease, first, let_through, willing)
    }

    /// What to do next for that caller: at first, and whenever the last step found a shard full.
    ///
    /// In a rush every shard has callers of its own, and a caller tries the one that its lease chose.
    /// Else it tries those with room first, as far as is known, and then the others.
    pub fn step(&mut self, tour: &mut Tour, now: Duration, dice: &mut impl RngExt) -> Step {
        let in_a_rush = self.rush.ratio() > self.tuning.looks;
        let (round, tries) =
            if in_a_rush { (1, 1) } else { (self.shards.len(), self.tuning.tries) };
        while tour.let_through && tour.considered < 2 * round && tour.tried < tries {
            let shard = tour.shard(self.shards.len(), round);
            let second_round = tour.considered >= round;
            let at_first = tour.considered == round;
            tour.considered += 1;
            let Some(memory) = self.shards.get_mut(shard) else { break };
            match memory.standing(now, &self.tuning) {
                Standing::Calm if !second_round && tour.tried == 0 => {
                    memory.asks(now, tour.lease, false, &self.tuning);
                    tour.tried += 1;
                    return Step::Ask(shard);
                }
                Standing::Calm | Standing::Roomy if !second_round => {
                    tour.tried += 1;
                    return Step::Look(shard);
                }
                Standing::Tight(age) if second_round => {
                    let faded = age.div_duration_f64(self.tuning.memory).min(1.0);
                    tour.willing |= at_first && dice.random_bool(faded);
                    if tour.willing {
                        tour.tried += 1;
                        return Step::Look(shard);
                    }
                }
                _ => {}
            }
        }
        Step::Refuse
    }

    /// A look is back, for the callers that are `waiting` for it: the first so many of them may ask that
    /// shard, the others go on to their next step.
    pub fn looked(
        &mut self,
        shard: usize,
        now: Duration,
        seen: &Sighting<'_>,
        waiting: &[LeaseId],
        dice: &mut impl RngExt,
    ) -> usize {
        let (rush, tuning) = (self.rush.ratio(), &self.tuning);
        self.shards
            .get_mut(shard)
            .map_or(0, |memory| memory.looked(now, seen, waiting, rush, tuning, dice))
    }

    /// The write for `lease` was applied, and left the shard like this.
    pub fn granted(&mut self, shard: usize, now: Duration, lease: LeaseId, seen: &Sighting<'_>) {
        self.rush.granted();
        self.pressure.applied(now, &self.tuning);
        if let Some(memory) = self.shards.get_mut(shard) {
            memory.granted(now, lease, seen, &self.tuning);
        }
    }

    /// The write for `lease` was refused by the shard, which stood like this.
    pub fn refused(&mut self, shard: usize, now: Duration, lease: LeaseId, seen: &Sighting<'_>) {
        if let Some(memory) = self.shards.get_mut(shard) {
            memory.refused(now, lease, seen, &self.tuning);
        }
    }

    /// The slot of `lease` was given back to the shard, by this instance, which left so many leases out.
    pub fn released(&mut self, shard: usize, now: Duration, lease: LeaseId, in_use: u32) {
        if let Some(memory) = self.shards.get_mut(shard) {
            memory.released(now, lease, in_use, &self.tuning);
        }
    }

    /// The table throttled a request of this pool: an acquire, a look or a release.
    pub fn throttled(&mut self, now: Duration) {
        self.pressure.throttled(now, &self.tuning);
    }

    /// When a caller that was refused may come back: spread around the time for which a slot is held,
    /// and longer the more callers there are for one.
    pub fn retry_after(&self, dice: &mut impl RngExt) -> Duration {
        let (shortest, longest) = Tuning::PAUSES;
        let hold = self.shards.iter().find_map(Memory::hold).unwrap_or(shortest);
        let longer = self.rush.ratio() / self.tuning.patience;
        let mean = saturating_times(hold, longer).clamp(shortest, longest);
        saturating_times(mean, dice.random_range(0.25..1.75))
    }
}

#[cfg(test)]
mod tests;
