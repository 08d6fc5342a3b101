//! What an instance of the query does with its slot between two requests: what
//! [`warm`](rds_admission::pool::warm) says.

use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::warm::{FillLevel, Resume, Warm};
use rds_admission::time::{Seconds, saturating_times};

use crate::caller::Caller;
use crate::fleet::Taken;
use crate::holders::Kept;
use crate::scenario::Via;
use crate::table::Reply;
use crate::world::{Event, SWEEP, World};

/// Words that make a used session as good as a new one: that it is reset, and in which database it is then.
const CLEARING: u32 = 2;

/// How much later than its limit a server may end an idle session.
const LATE: Duration = Duration::from_secs(1);

impl World<'_> {
    fn warm(&self) -> Option<Warm> {
        self.scenario.query.and_then(|query| query.warm)
    }

    /// Whether the query's instances decide for themselves: then each has a memory of its own.
    pub(crate) fn decides_for_itself(&self) -> bool {
        self.scenario.query.is_some() && matches!(self.scenario.via, Via::Containers(_))
    }

    /// Who decides for a caller, and the time until that is there.
    pub(crate) fn decider_for(&mut self, caller: usize) -> Option<(usize, Duration)> {
        match self.callers[caller].holder {
            Some(holder) if self.decides_for_itself() => {
                Some((self.deciders.of(holder), Duration::ZERO))
            }
            _ => self.deciders.take(&self.scenario.cloud, &mut self.rng),
        }
    }

    /// An instance for a request, if the scenario has instances and one is available.
    pub(crate) fn holder_for_a_request(&mut self) -> Option<Taken> {
        self.scenario.query.and_then(|_| self.holders.take(&mut self.rng))
    }

    /// Begins a caller's invocation on an instance, which may have to be started.
    pub(crate) fn starts(&mut self, caller: usize, taken: Taken) {
        self.callers[caller].holder = Some(taken.instance);
        let cold = self.scenario.cloud.cold_start;
        let ready = if taken.starts { cold.draw(&mut self.rng) } else { Duration::ZERO };
        self.agenda.after(ready, Event::Wakes(caller));
    }

    /// How much is left of the time that a caller's request may take.
    fn work_left(&self, caller: usize) -> Duration {
        let spent = self.agenda.now().saturating_sub(self.callers[caller].arrived);
        self.scenario.deadline().saturating_sub(spent)
    }

    /// The length of the lease that a caller asks for.
    pub(crate) fn lease_for(&self, caller: usize) -> Seconds {
        self.warm().map_or(Seconds::covering(self.scenario.lease), |warm| {
            warm.lease_for(self.work_left(caller))
        })
    }

    /// An instance begins with a request: it goes by what it has kept, where it has.
    pub(crate) fn wakes(&mut self, caller: usize) {
        let now = self.agenda.now();
        let Some((warm, holder)) = self.warm().zip(self.callers[caller].holder) else {
            return self.asks(caller);
        };
        let Some(kept) = self.holders.wake(holder, now, &warm) else { return self.asks(caller) };
        self.items[kept.item].uses(kept.lease);
        self.tally.slots(now, &self.items);
        let this = &mut self.callers[caller];
        (this.lease, this.item) = (kept.lease, kept.item);
        (this.lease_ends, this.fill_level) = (kept.lease_ends, Some(kept.fill_level));
        let lease_left = kept.lease_ends.saturating_sub(now);
        match warm.resume(lease_left, self.work_left(caller)) {
            Resume::Reuse => self.goes_on(caller),
            Resume::Renew => {
                self.callers[caller].renews = true;
                self.calls(caller);
            }
            Resume::Discard => self.lets_go(caller, true),
        }
    }

    /// The answer to a renewal is there.
    pub(crate) fn renewed(&mut self, caller: usize, reply: Reply) {
        self.leave_counter(caller);
        match reply {
            Reply::Renewed(pool) => {
                self.callers[caller].renews = false;
                self.callers[caller].fill_level = pool.fill_level();
                self.hop(Event::GoesOn(caller));
            }
            // A lost lease is not released.
            Reply::Lost => self.hop(Event::LetsGo(caller, false)),
            _ => self.hop(Event::LetsGo(caller, true)),
        }
    }

    /// It works with the slot that it had kept, and with the connection if that is still there.
    pub(crate) fn goes_on(&mut self, caller: usize) {
        let now = self.agenda.now();
        let Some(holder) = self.callers[caller].holder else { return };
        let ready = if self.holders.is_alive(holder, now) {
            self.holders.is_used(holder);
            self.word()
        } else {
            self.connects(caller)
        };
        self.works(caller, ready);
    }

    /// It touches nothing of what it had kept, and asks for a slot as if it were new.
    pub(crate) fn lets_go(&mut self, caller: usize, gives_back: bool) {
        self.callers[caller].renews = false;
        self.disconnects(caller);
        if gives_back {
            // In the background: a caller that only releases.
            let behind = self.enters(None);
            let (lease, item) = (self.callers[caller].lease, self.callers[caller].item);
            let decider = self.decides_for_itself().then(|| self.decider_for(caller)).flatten();
            let this = &mut self.callers[behind];
            (this.lease, this.item) = (lease, item);
            this.instance = decider.map(|(instance, _)| instance);
            self.hop(Event::GivesBack(behind));
        }
        self.asks(caller);
    }

    /// Whether the caller's slot may be kept: by what rule, and at what fill level.
    pub(crate) fn may_keep(&self, caller: usize) -> Option<(Warm, FillLevel)> {
        let (warm, this) = (self.warm()?, &self.callers[caller]);
        let often = self.holders.is_often_called(this.holder?);
        let fill_level =
            this.fill_level.filter(|fill_level| often && warm.may_keep(*fill_level))?;
        Some((warm, fill_level))
    }

    /// Makes the session as good as new.
    pub(crate) fn clears(&mut self, caller: usize) {
        let words: Duration = (0..CLEARING).map(|_| self.word()).sum();
        self.agenda.after(words, Event::Keeps(caller));
    }

    /// Tells the server for how long to wait, and keeps the slot if that is worth a word.
    pub(crate) fn keeps(&mut self, caller: usize) {
        let now = self.agenda.now();
        let Caller { lease, item, lease_ends, holder, .. } = self.callers[caller];
        let Some((holder, (warm, fill_level))) = holder.zip(self.may_keep(caller)) else {
            return self.closes(caller);
        };
        let Some(keep) = warm.kept_for(lease_ends.saturating_sub(now)) else {
            return self.closes(caller);
        };
        let until = now + Duration::from(keep);
        let kept = Kept { lease, item, lease_ends, fill_level };
        let limit = self.holders.keep(holder, kept, until);
        self.items[item].keeps(lease);
        self.tally.slots(now, &self.items);
        let word = self.word();
        let late = saturating_times(LATE, self.rng.random_range(0.0..1.0));
        self.agenda.after(word + Duration::from(keep) + late, Event::ServerEnds(holder, limit));
        self.agenda.after(word, Event::Leaves(caller));
    }

    /// The server ends a session that was idle up to its limit.
    pub(crate) fn server_ends(&mut self, holder: usize, limit: u64) {
        if self.holders.is_over(holder, limit) {
            self.holders.disconnect(holder);
            self.tally.connections(self.agenda.now(), self.holders.open());
        }
    }

    /// Replaces the caller's connection by one under its lease. Returns the time that takes.
    pub(crate) fn connects(&mut self, caller: usize) -> Duration {
        let now = self.agenda.now();
        if let Some(holder) = self.callers[caller].holder {
            self.holders.disconnect(holder);
            self.holders.connect(holder, self.callers[caller].lease);
            self.tally.connects(now);
            self.tally.connections(now, self.holders.open());
        }
        let connected = self.scenario.cloud.connect.draw(&mut self.rng);
        // What it takes to be kept is not asked of a session that will not be.
        let settled = self.may_keep(caller).map(|_| self.word());
        connected + settled.unwrap_or_default()
    }

    fn disconnects(&mut self, caller: usize) {
        let Some(holder) = self.callers[caller].holder else { return };
        self.holders.disconnect(holder);
        self.tally.connections(self.agenda.now(), self.holders.open());
    }

    /// Closes its connection, and gives its slot back.
    pub(crate) fn closes(&mut self, caller: usize) {
        self.disconnects(caller);
        self.hop(Event::GivesBack(caller));
    }

    /// The instance is free for the next request. What it has not kept it has no more.
    pub(crate) fn leave_holder(&mut self, caller: usize) {
        let Some(holder) = self.callers[caller].holder else { return };
        if !self.holders.has_kept(holder) {
            self.disconnects(caller);
        }
        self.holders.leave(holder);
    }

    fn word(&mut self) -> Duration {
        self.scenario.cloud.word.draw(&mut self.rng)
    }

    /// The sweep of every minute, where slots may be left behind.
    pub(crate) fn sweeps(&mut self) {
        let now = self.agenda.now();
        for item in &mut self.items {
            let before = item.used;
            item.sweep(now);
            self.tally.swept(now, item.used.since(before));
            let taken_over = item.taken_over();
            self.tally.taken_over(taken_over.len(), self.holders.open_under(&taken_over));
        }
        self.tally.slots(now, &self.items);
        self.sweeps_later();
    }

    /// Schedules the next sweep, until the last caller.
    pub(crate) fn sweeps_later(&mut self) {
        if self.scenario.query.is_some() && self.agenda.now() < self.scenario.length {
            self.agenda.after(SWEEP, Event::Sweeps);
        }
    }
}
