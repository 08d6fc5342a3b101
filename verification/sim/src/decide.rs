//! Decisions, and the requests to the table for them.

use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::Class;
use rds_admission::pool::rejection::{PoolSnapshot, Step};
use rds_admission::time::saturating_times;

use crate::scenario::Algorithm;
use crate::table::{Reply, Request, second};
use crate::world::{Event, World};

impl World<'_> {
    /// Goes through the items, from the one that the lease chose, until a request is to be made.
    pub(crate) fn decide(&mut self, caller: usize) {
        let now = self.agenda.now();
        let Some(instance) = self.callers[caller].instance else { return };
        if self.callers[caller].renews {
            return self.send(caller, Request::Renew, Duration::ZERO);
        }
        let step = match self.scenario.algorithm {
            Algorithm::BareCount | Algorithm::Plain => self.next_item(caller),
            Algorithm::Cached => {
                let cache = &mut self.deciders.instances[instance].cache;
                let this = &mut self.callers[caller];
                let probe =
                    this.probe.get_or_insert_with(|| cache.begin(now, this.lease, &mut self.rng));
                cache.step(probe, now, &mut self.rng)
            }
        };
        match step {
            Step::Reject => self.refuse(caller),
            Step::Attempt(item) => {
                self.callers[caller].item = item;
                self.send(caller, Request::Acquire, Duration::ZERO);
            }
            Step::Peek(item) => {
                self.callers[caller].item = item;
                match &mut self.deciders.instances[instance].peeks[item] {
                    Some(waiting) => waiting.push(caller),
                    idle => {
                        *idle = Some(vec![caller]);
                        self.send(caller, Request::Peek, Duration::ZERO);
                    }
                }
            }
        }
    }

    /// The plain algorithm: one item after the other, from the one that the lease chose.
    fn next_item(&mut self, caller: usize) -> Step {
        let items = self.items.len();
        let this = &mut self.callers[caller];
        let item = (this.lease.home_shard(items) + this.tried) % items;
        this.tried += 1;
        if this.tried > items { Step::Reject } else { Step::Attempt(item) }
    }

    fn refuse(&mut self, caller: usize) {
        let instance = self.callers[caller].instance.unwrap_or_default();
        let pause = match self.scenario.algorithm {
            Algorithm::BareCount | Algorithm::Plain => self.plain_retry_after(),
            Algorithm::Cached => self.deciders.instances[instance].cache.retry_after(&mut self.rng),
        };
        self.answer(caller, Err(pause));
    }

    /// Sends a request to the table, `later`.
    pub(crate) fn send(&mut self, caller: usize, request: Request, later: Duration) {
        let way = self.way(request);
        self.agenda.after(later + way, Event::AtTable(caller, request));
    }

    /// Half of a request's latency.
    fn way(&mut self, request: Request) -> Duration {
        let cloud = &self.scenario.cloud;
        let latency = if request == Request::Peek { cloud.read } else { cloud.write };
        latency.draw(&mut self.rng) / 2
    }

    pub(crate) fn at_table(&mut self, caller: usize, request: Request) {
        let now = self.agenda.now();
        let this = &self.callers[caller];
        let item = &mut self.items[this.item];
        let before = item.used;
        let reply = match request {
            Request::Peek => item.peek(now, self.scenario.cloud.staleness, &mut self.rng),
            Request::Acquire => item.acquire(now, this.lease, this.until),
            Request::Renew => item.renew(now, this.lease, this.until),
            Request::Release => item.release(now, this.lease),
        };
        let taken_over = item.taken_over();
        let used = item.used.since(before);
        self.tally.used(now, this.item, request, &reply, used);
        self.tally.taken_over(taken_over.len(), self.holders.open_under(&taken_over));
        match reply {
            Reply::Granted(_) => self.tally.slots(now, &self.items),
            Reply::Released => {
                self.tally.slots(now, &self.items);
                self.tally.released(now, now.saturating_sub(this.ended));
            }
            _ => {}
        }
        let way = self.way(request);
        self.agenda.after(way, Event::Back(caller, request, reply));
    }

    pub(crate) fn back(&mut self, caller: usize, request: Request, reply: Reply) {
        if matches!(reply, Reply::Throttled) && self.tries_the_table_again(caller, request) {
            return;
        }
        match (request, reply) {
            (Request::Peek, reply) => self.peeked(caller, reply),
            (Request::Acquire, reply) => self.asked(caller, reply),
            (Request::Renew, reply) => self.renewed(caller, reply),
            (Request::Release, Reply::Throttled) => self.gives_back_later(caller),
            (Request::Release, _) => {
                self.remembers_release(caller);
                self.leave_counter(caller);
                self.agenda.after(Duration::ZERO, Event::Leaves(caller));
            }
        }
    }

    fn remembers_release(&mut self, caller: usize) {
        let (item, lease) = (self.callers[caller].item, self.callers[caller].lease);
        let in_use = self.items[item].pool.in_use();
        if let Some(instance) = self.callers[caller].instance {
            let cache = &mut self.deciders.instances[instance].cache;
            cache.released(item, self.agenda.now(), lease, in_use);
        }
    }

    /// The SDK's retries: full jitter up to a bound that doubles.
    fn tries_the_table_again(&mut self, caller: usize, request: Request) -> bool {
        let cloud = &self.scenario.cloud;
        let tries =
            if request == Request::Release { cloud.release_tries } else { cloud.acquire_tries };
        self.callers[caller].throttled += 1;
        let throttled = self.callers[caller].throttled;
        if request == Request::Release
            && let Some(instance) = self.callers[caller].instance
        {
            self.deciders.instances[instance].cache.throttled(self.agenda.now());
        }
        let again = throttled < tries;
        if again {
            let bound = cloud.backoff * 2_u32.pow(throttled - 1);
            let pause = saturating_times(bound, self.rng.random_range(0.0..1.0));
            self.send(caller, request, pause);
        }
        again
    }

    /// A peek returns, for all callers that wait for it.
    fn peeked(&mut self, caller: usize, reply: Reply) {
        let now = self.agenda.now();
        let Some(instance) = self.callers[caller].instance else { return };
        let item = self.callers[caller].item;
        let instance = &mut self.deciders.instances[instance];
        let waiting = instance.peeks[item].take().unwrap_or_default();
        let mut may_ask = 0;
        if let Reply::Seen(pool) = reply {
            let leases: Vec<_> = waiting.iter().map(|caller| self.callers[*caller].lease).collect();
            let snapshot = PoolSnapshot::of(&pool, Class::Standard, second(now));
            let (cache, rng) = (&mut instance.cache, &mut self.rng);
            may_ask = cache.peeked(item, now, snapshot, &pool.leases, &leases, rng);
        } else {
            instance.cache.throttled(now);
        }
        for (n, caller) in waiting.into_iter().enumerate() {
            self.callers[caller].throttled = 0;
            if n < may_ask {
                self.send(caller, Request::Acquire, Duration::ZERO);
            } else {
                self.in_vain(caller);
            }
        }
    }

    fn asked(&mut self, caller: usize, reply: Reply) {
        let now = self.agenda.now();
        let Some(instance) = self.callers[caller].instance else { return };
        let item = self.callers[caller].item;
        let lease = self.callers[caller].lease;
        let cache = &mut self.deciders.instances[instance].cache;
        let snapshot = |pool| PoolSnapshot::of(pool, Class::Standard, second(now));
        match reply {
            Reply::Granted(pool) => {
                cache.attempted(item, now, lease, true, snapshot(&pool));
                self.callers[caller].fill_level = pool.fill_level();
                self.answer(caller, Ok(()));
            }
            Reply::Full(pool) => {
                cache.attempted(item, now, lease, false, snapshot(&pool));
                self.in_vain(caller);
            }
            _ => {
                cache.throttled(now);
                self.refuse(caller);
            }
        }
    }

    fn in_vain(&mut self, caller: usize) {
        self.callers[caller].throttled = 0;
        self.decide(caller);
    }
}
