//! Acquires, from the arrival of a caller until it has a slot or is rejected.

use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::{LeaseId, wait_delay};
use rds_admission::time::{Seconds, UnixSeconds};

use crate::caller::Caller;
use crate::scenario::{Algorithm, Via};
use crate::table::{Item, second};
use crate::world::{Event, World};

impl World<'_> {
    pub(crate) fn arrives(&mut self, client: Option<usize>) {
        let now = self.agenda.now();
        if now >= self.scenario.length {
            return;
        }
        self.next_arrives();
        self.tally.arrived(now);
        let room = self.callers.len() - self.vacant.len() < self.scenario.containers;
        if self.scenario.query.is_none() && room {
            let caller = self.enters(client);
            self.asks(caller);
        } else if let Some(taken) = self.holder_for_a_request() {
            let caller = self.enters(client);
            self.starts(caller, taken);
        } else {
            self.tally.turned_away(now);
            self.comes_again(client, Duration::from_secs(1));
        }
    }

    /// Adds a caller without a slot.
    pub(crate) fn enters(&mut self, client: Option<usize>) -> usize {
        let now = self.agenda.now();
        let caller = Caller {
            client,
            instance: None,
            holder: None,
            lease: LeaseId::random(&mut self.rng),
            until: second(now),
            lease_ends: now,
            fill_level: None,
            renews: false,
            item: 0,
            tried: 0,
            probe: None,
            arrived: now,
            asked: now,
            work: Duration::ZERO,
            ended: now,
            refusals: 0,
            throttled: 0,
        };
        let place = self.vacant.pop().unwrap_or(self.callers.len());
        match self.callers.get_mut(place) {
            Some(left) => *left = caller,
            None => self.callers.push(caller),
        }
        place
    }

    /// Asks for a slot, under a lease of its own choice.
    pub(crate) fn asks(&mut self, caller: usize) {
        self.callers[caller].lease = LeaseId::random(&mut self.rng);
        self.calls(caller);
    }

    /// Asks for its lease, or for more time under it.
    pub(crate) fn calls(&mut self, caller: usize) {
        let now = self.agenda.now();
        let ttl = self.lease_for(caller);
        let this = &mut self.callers[caller];
        this.lease_ends = now + Duration::from(ttl);
        this.until = match self.scenario.algorithm {
            // What is counted only is never over.
            Algorithm::BareCount => UnixSeconds(u64::MAX),
            Algorithm::Plain | Algorithm::Cached => second(now).plus(Seconds(1)).plus(ttl),
        };
        (this.tried, this.probe, this.asked, this.throttled) = (0, None, now, 0);
        self.hop(Event::Reaches(caller));
    }

    /// Half of the way between the query and the counter, where there is one.
    pub(crate) fn hop(&mut self, event: Event) {
        let way = match self.scenario.via {
            Via::Counter(..) => self.scenario.cloud.invoke.draw(&mut self.rng) / 2,
            Via::Containers(_) | Via::Processes(_) => Duration::ZERO,
        };
        self.agenda.after(way, event);
    }

    pub(crate) fn reaches(&mut self, caller: usize) {
        if self.callers[caller].instance.is_some() {
            return self.decide(caller);
        }
        if let Some((instance, ready)) = self.decider_for(caller) {
            self.callers[caller].instance = Some(instance);
            self.agenda.after(ready, Event::Begins(caller));
            return;
        }
        self.tally.counter_throttled(self.agenda.now());
        if self.callers[caller].renews {
            self.hop(Event::LetsGo(caller, true));
        } else {
            let pause = self.plain_retry_after();
            self.hop(Event::Answered(caller, Err(pause)));
        }
    }

    /// The pause that callers are asked for by those that know nothing.
    pub(crate) fn plain_retry_after(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(250..1_750))
    }

    /// It is decided: a slot, or else when to come back.
    pub(crate) fn answer(&mut self, caller: usize, decided: Result<(), Duration>) {
        if decided.is_err() {
            let free = self.items.iter().map(Item::free).sum();
            let kept = self.items.iter().map(Item::kept).sum();
            self.tally.refused(self.agenda.now(), free, kept);
        }
        self.leave_counter(caller);
        self.hop(Event::Answered(caller, decided));
    }

    /// A counter is free for the next call. A container stays with its caller.
    pub(crate) fn leave_counter(&mut self, caller: usize) {
        if !matches!(self.scenario.via, Via::Containers(_)) {
            self.leave_instance(caller);
        }
    }

    pub(crate) fn leave_instance(&mut self, caller: usize) {
        let decides = self.decides_for_itself();
        if let Some(instance) = self.callers[caller].instance.take()
            && !decides
        {
            self.deciders.leave(instance);
        }
    }

    pub(crate) fn answered(&mut self, caller: usize, answer: Result<(), Duration>) {
        let now = self.agenda.now();
        let this = &self.callers[caller];
        let (client, waited) = (this.client, now.saturating_sub(this.arrived));
        self.tally.decided(now, now.saturating_sub(this.asked), answer.is_ok());
        let Err(retry_after) = answer else {
            let ready = self.connects(caller);
            return self.works(caller, ready);
        };
        let this = &mut self.callers[caller];
        this.refusals += 1;
        let left = self.scenario.wait.saturating_sub(waited);
        if let Some(pause) = wait_delay(this.refusals, left, &mut self.rng) {
            return self.agenda.after(pause, Event::Asks(caller));
        }
        self.tally.rejected(now);
        if let Some(client) = client.and_then(|client| self.clients.get_mut(client)) {
            client.refused += 1;
        }
        self.leaves(caller, Some(retry_after));
    }

    pub(crate) fn comes_again(&mut self, client: Option<usize>, pause: Duration) {
        if client.is_some() {
            self.agenda.after(pause, Event::Arrives(client));
        }
    }
}
