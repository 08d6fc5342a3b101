//! Those that want a slot, from their arrival until they have given it back.

use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::LeaseId;
use rds_admission::pool::frugal::{self, Tour};
use rds_admission::time::{Seconds, UnixSeconds};

use crate::chance::exponential;
use crate::scenario::{Algorithm, Arrivals, Via};
use crate::table::{Item, second};
use crate::world::{Event, Request, World};

/// A caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Whose call it is, where clients come back.
    pub(crate) client: Option<usize>,
    /// The container that it is in, where that decides; else the counter that it is at.
    pub(crate) instance: Option<usize>,
    /// Its lease: another one each time that it asks.
    pub(crate) lease: LeaseId,
    /// When the lease expires.
    pub(crate) until: UnixSeconds,
    /// The item that its lease is in, or that it is at.
    pub(crate) item: usize,
    /// Items that it was sent to, by the plain algorithm.
    pub(crate) tried: usize,
    /// Its way through the items, by the frugal one.
    pub(crate) tour: Option<Tour>,
    /// When it came.
    pub(crate) arrived: Duration,
    /// When it asked, the last time.
    pub(crate) asked: Duration,
    /// When its work ended.
    pub(crate) ended: Duration,
    /// How often it was refused.
    pub(crate) refusals: u32,
    /// How often the request under way was throttled.
    pub(crate) throttled: u32,
}

/// A client of a closed loop.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Client {
    /// Slots that it was granted.
    pub(crate) grants: u32,
    /// Calls that were refused since the last one.
    pub(crate) refused: u32,
    /// When it was granted the last one, or began.
    pub(crate) since: Duration,
}

impl World<'_> {
    pub(crate) fn arrives(&mut self, client: Option<usize>) {
        let now = self.agenda.now();
        if now >= self.scenario.length {
            return;
        }
        self.next_arrives();
        self.tally.arrived(now);
        if self.callers.len() - self.vacant.len() >= self.scenario.containers {
            self.tally.turned_away(now);
            self.comes_again(client, Duration::from_secs(1));
            return;
        }
        let caller = Caller {
            client,
            instance: None,
            lease: LeaseId::random(&mut self.dice),
            until: second(now),
            item: 0,
            tried: 0,
            tour: None,
            arrived: now,
            asked: now,
            ended: now,
            refusals: 0,
            throttled: 0,
        };
        let place = self.vacant.pop().unwrap_or(self.callers.len());
        match self.callers.get_mut(place) {
            Some(left) => *left = caller,
            None => self.callers.push(caller),
        }
        self.asks(place);
    }

    pub(crate) fn asks(&mut self, caller: usize) {
        let now = self.agenda.now();
        let ttl = Seconds::covering(self.scenario.lease);
        let this = &mut self.callers[caller];
        this.lease = LeaseId::random(&mut self.dice);
        this.until = match self.scenario.algorithm {
            // What is counted only is never over.
            Algorithm::BareCount => UnixSeconds(u64::MAX),
            Algorithm::Plain | Algorithm::Frugal => second(now).plus(Seconds(1)).plus(ttl),
        };
        (this.tried, this.tour, this.asked, this.throttled) = (0, None, now, 0);
        self.hop(Event::Reaches(caller));
    }

    /// Half of the way between the query and the counter, where there is one.
    pub(crate) fn hop(&mut self, event: Event) {
        let way = match self.scenario.via {
            Via::Counter(..) => self.scenario.cloud.invoke.draw(&mut self.dice) / 2,
            Via::Containers(_) | Via::Processes(_) => Duration::ZERO,
        };
        self.agenda.after(way, event);
    }

    pub(crate) fn reaches(&mut self, caller: usize) {
        if self.callers[caller].instance.is_some() {
            return self.decide(caller);
        }
        if let Some((instance, ready)) = self.deciders.take(&self.scenario.cloud, &mut self.dice) {
            self.callers[caller].instance = Some(instance);
            self.agenda.after(ready, Event::Begins(caller));
        } else {
            self.tally.counter_throttled(self.agenda.now());
            let pause = self.plain_retry_after();
            self.hop(Event::Hears(caller, Err(pause)));
        }
    }

    /// The pause that callers are asked for by those that know nothing.
    pub(crate) fn plain_retry_after(&mut self) -> Duration {
        Duration::from_millis(self.dice.random_range(250..1_750))
    }

    /// It is decided: a slot, or else when to come back.
    pub(crate) fn answer(&mut self, caller: usize, decided: Result<(), Duration>) {
        if decided.is_err() {
            let free = self.items.iter().map(Item::free).sum();
            self.tally.refused(self.agenda.now(), free);
        }
        self.leave_counter(caller);
        self.hop(Event::Hears(caller, decided));
    }

    /// A counter is free for the next call. A container stays with its caller.
    pub(crate) fn leave_counter(&mut self, caller: usize) {
        if !matches!(self.scenario.via, Via::Containers(_)) {
            self.leave_instance(caller);
        }
    }

    fn leave_instance(&mut self, caller: usize) {
        if let Some(instance) = self.callers[caller].instance.take() {
            self.deciders.leave(instance);
        }
    }

    pub(crate) fn hears(&mut self, caller: usize, heard: Result<(), Duration>) {
        let now = self.agenda.now();
        let this = &self.callers[caller];
        let (client, waited) = (this.client, now.saturating_sub(this.arrived));
        self.tally.decided(now, now.saturating_sub(this.asked), heard.is_ok());
        let Err(retry_after) = heard else {
            self.tally.admitted(now, waited);
            if let Some(client) = client.and_then(|client| self.clients.get_mut(client)) {
                self.tally.served(now.saturating_sub(client.since), client.refused);
                *client = Client { grants: client.grants + 1, refused: 0, since: now };
            }
            let (work, crashes) = self.scenario.draw_work(&mut self.dice);
            let end = if crashes { Event::Leaves(caller) } else { Event::Ends(caller) };
            return self.agenda.after(work, end);
        };
        let this = &mut self.callers[caller];
        this.refusals += 1;
        let left = self.scenario.wait.saturating_sub(waited);
        if let Some(pause) = frugal::pause(this.refusals, left, &mut self.dice) {
            return self.agenda.after(pause, Event::Asks(caller));
        }
        self.tally.rejected(now);
        if let Some(client) = client.and_then(|client| self.clients.get_mut(client)) {
            client.refused += 1;
        }
        self.leaves(caller, Some(retry_after));
    }

    pub(crate) fn ends(&mut self, caller: usize) {
        self.callers[caller].ended = self.agenda.now();
        self.hop(Event::GivesBack(caller));
    }

    /// A give-back reaches those that decide. It waits for no decision: it goes to the table at once.
    pub(crate) fn gives_back(&mut self, caller: usize) {
        self.callers[caller].throttled = 0;
        if self.callers[caller].instance.is_some() {
            return self.send(caller, Request::Release, Duration::ZERO);
        }
        if let Some((instance, ready)) = self.deciders.take(&self.scenario.cloud, &mut self.dice) {
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
        let pause = Duration::from_millis(self.dice.random_range(50..150));
        self.agenda.after(pause, Event::GivesBack(caller));
    }

    /// A caller is gone. Its client comes again: at once after its pause, or when it was refused after
    /// the time that it was told.
    pub(crate) fn leaves(&mut self, caller: usize, retry_after: Option<Duration>) {
        self.leave_instance(caller);
        self.vacant.push(caller);
        let client = self.callers[caller].client;
        let pause = match (retry_after, self.scenario.arrivals) {
            // `Retry-After` counts whole seconds.
            (Some(pause), _) => Seconds::covering(pause).into(),
            (None, Arrivals::Closed(_, think)) => exponential(think, &mut self.dice),
            (None, _) => Duration::ZERO,
        };
        self.comes_again(client, pause);
    }

    fn comes_again(&mut self, client: Option<usize>, pause: Duration) {
        if client.is_some() {
            self.agenda.after(pause, Event::Arrives(client));
        }
    }
}
