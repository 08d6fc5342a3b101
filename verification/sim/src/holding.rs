//! Those that have a slot, until they have given it back.

use std::time::Duration;

use rand::RngExt;
use rds_admission::time::Seconds;

use crate::caller::{Caller, Client};
use crate::chance::exponential;
use crate::table::Request;
use crate::world::{Event, World};

impl World<'_> {
    /// It has a slot, and works with it as soon as its connection is `ready`.
    pub(crate) fn works(&mut self, caller: usize, ready: Duration) {
        let now = self.agenda.now();
        let Caller { client, arrived, .. } = self.callers[caller];
        self.tally.admitted(now, now.saturating_sub(arrived));
        if let Some(client) = client.and_then(|client| self.clients.get_mut(client)) {
            self.tally.served(now.saturating_sub(client.since), client.refused);
            *client = Client { grants: client.grants + 1, refused: 0, since: now };
        }
        let (work, crashes) = self.scenario.draw_work(&mut self.rng);
        self.callers[caller].work = work;
        let end = if crashes { Event::Crashes(caller) } else { Event::Ends(caller) };
        self.agenda.after(ready + work, end);
    }

    pub(crate) fn ends(&mut self, caller: usize) {
        self.callers[caller].ended = self.agenda.now();
        if self.may_keep(caller).is_some() {
            self.clears(caller);
        } else {
            self.closes(caller);
        }
    }

    /// Its caller is answered.
    pub(crate) fn is_done(&mut self, caller: usize) {
        let now = self.agenda.now();
        let Caller { holder, arrived, work, .. } = self.callers[caller];
        if let Some(holder) = holder {
            self.tally.answered(now, now.saturating_sub(arrived), work);
            self.holders.answered(holder, now);
        }
        self.leaves(caller, None);
    }

    /// It is gone without a word, and its instance with it.
    pub(crate) fn crashes(&mut self, caller: usize) {
        if let Some(holder) = self.callers[caller].holder {
            self.holders.crashes(holder);
        }
        self.leaves(caller, None);
    }

    /// A give-back reaches those that decide. It waits for no decision: it goes to the table at once.
    pub(crate) fn gives_back(&mut self, caller: usize) {
        self.callers[caller].throttled = 0;
        if self.callers[caller].instance.is_some() {
            return self.send(caller, Request::Release, Duration::ZERO);
        }
        if let Some((instance, ready)) = self.decider_for(caller) {
            self.callers[caller].instance = Some(instance);
            self.send(caller, Request::Release, ready);
        } else {
            self.tally.counter_throttled(self.agenda.now());
            self.gives_back_later(caller);
        }
    }

    /// The holder tries again to give back.
    pub(crate) fn gives_back_later(&mut self, caller: usize) {
        self.leave_counter(caller);
        let pause = Duration::from_millis(self.rng.random_range(50..150));
        self.agenda.after(pause, Event::GivesBack(caller));
    }

    /// A caller is gone. Its client comes again: at once after its pause, or when it was refused after
    /// its `Retry-After`.
    pub(crate) fn leaves(&mut self, caller: usize, retry_after: Option<Duration>) {
        self.leave_instance(caller);
        self.leave_holder(caller);
        self.vacant.push(caller);
        let client = self.callers[caller].client;
        let pause = match (retry_after, self.scenario.arrivals.think()) {
            // `Retry-After` counts whole seconds.
            (Some(pause), _) => Seconds::covering(pause).into(),
            (None, Some(think)) => exponential(think, &mut self.rng),
            (None, None) => Duration::ZERO,
        };
        self.comes_again(client, pause);
    }
}
