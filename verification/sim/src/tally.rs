//! What is counted while a run is measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use rds_admission::time::UnixSeconds;

use crate::caller::Client;
use crate::measure::{Gauge, histogram, record, times};
use crate::outcome::{Outcome, number};
use crate::scenario::Scenario;
use crate::table::{Item, Reply, Request, Used};

/// The price of a write unit in read units (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
const WRITE: f64 = 5.0;

/// The counts of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    from: Duration,
    to: Duration,
    /// The counts that are handed out as they are.
    counts: Outcome,
    slots: u32,
    out: Gauge,
    kept: Gauge,
    connections: Gauge,
    by_item: Vec<Used>,
    /// For each item the second that it is, and the write units in it.
    this_second: Vec<(u64, f64)>,
    grant: Histogram<u64>,
    refusal: Histogram<u64>,
    release: Histogram<u64>,
    waited: Histogram<u64>,
    between: Histogram<u64>,
    answer: Histogram<u64>,
    beside_the_work: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let items = scenario.items() as usize;
        let gauge = || Gauge::new(scenario.warm_up, scenario.length);
        Self {
            from: scenario.warm_up,
            to: scenario.length,
            counts: Outcome::default(),
            slots: scenario.slots,
            out: gauge(),
            kept: gauge(),
            connections: gauge(),
            by_item: vec![Used::default(); items],
            this_second: vec![(0, 0.0); items],
            grant: histogram(),
            refusal: histogram(),
            release: histogram(),
            waited: histogram(),
            between: histogram(),
            answer: histogram(),
            beside_the_work: histogram(),
        }
    }

    fn measures(&self, now: Duration) -> bool {
        (self.from..self.to).contains(&now)
    }

    pub(crate) fn arrived(&mut self, now: Duration) {
        self.counts.arrived += u64::from(self.measures(now));
    }

    pub(crate) fn turned_away(&mut self, now: Duration) {
        self.counts.turned_away += u64::from(self.measures(now));
    }

    pub(crate) fn counter_throttled(&mut self, now: Duration) {
        self.counts.counter_throttled += u64::from(self.measures(now));
    }

    /// A rejection, and the slots free and kept at that time.
    pub(crate) fn refused(&mut self, now: Duration, free: u32, kept: u32) {
        if self.measures(now) {
            let much = |slots: u32| u64::from(slots.saturating_mul(20) >= self.slots);
            self.counts.refusals += 1;
            self.counts.refused_beside_room += much(free);
            self.counts.refused_beside_kept += much(kept);
        }
    }

    pub(crate) fn decided(&mut self, now: Duration, took: Duration, granted: bool) {
        if self.measures(now) {
            record(if granted { &mut self.grant } else { &mut self.refusal }, took);
        }
    }

    pub(crate) fn admitted(&mut self, now: Duration, waited: Duration) {
        if self.measures(now) {
            self.counts.admitted += 1;
            record(&mut self.waited, waited);
        }
    }

    pub(crate) fn rejected(&mut self, now: Duration) {
        self.counts.rejected += u64::from(self.measures(now));
    }

    /// A client got a slot: the time and the rejections since its last one.
    pub(crate) fn served(&mut self, between: Duration, refused: u32) {
        record(&mut self.between, between);
        self.counts.most_refused = self.counts.most_refused.max(refused);
    }

    pub(crate) fn released(&mut self, now: Duration, took: Duration) {
        if self.measures(now) {
            record(&mut self.release, took);
        }
    }

    /// The slots in use have changed.
    pub(crate) fn slots(&mut self, now: Duration, items: &[Item]) {
        self.out.set(now, items.iter().map(|item| item.pool.in_use()).sum());
        self.kept.set(now, items.iter().map(Item::kept).sum());
        let shares = items
            .iter()
            .map(|item| f64::from(item.kept()) / f64::from(item.pool.size.standard_limit()));
        self.counts.most_kept = shares.fold(self.counts.most_kept, f64::max);
    }

    /// Records the number of open connections.
    pub(crate) fn connections(&mut self, now: Duration, open: u32) {
        self.connections.set(now, open);
    }

    /// A connection is made.
    pub(crate) fn connects(&mut self, now: Duration) {
        self.counts.connects += u64::from(self.measures(now));
    }

    /// Counts leases taken over, and connections still open under them.
    pub(crate) fn taken_over(&mut self, leases: usize, connections: u64) {
        self.counts.taken_over += leases as u64;
        self.counts.bereft += connections;
    }

    /// A request is answered: the whole time, and the work in it.
    pub(crate) fn answered(&mut self, now: Duration, took: Duration, worked: Duration) {
        if self.measures(now) {
            record(&mut self.answer, took);
            record(&mut self.beside_the_work, took.saturating_sub(worked));
        }
    }

    /// An item was swept, which has used that much of it.
    pub(crate) fn swept(&mut self, now: Duration, used: Used) {
        if self.measures(now) {
            self.counts.requests += u64::from(used.writes > 0.0);
            self.counts.write_units += used.writes;
        }
    }

    /// A request was answered, and has used that much of an item.
    pub(crate) fn used(
        &mut self,
        now: Duration,
        item: usize,
        request: Request,
        reply: &Reply,
        used: Used,
    ) {
        let second = &mut self.this_second[item];
        if second.0 != now.as_secs() {
            *second = (now.as_secs(), 0.0);
        }
        second.1 += used.writes;
        self.counts.peak_writes = self.counts.peak_writes.max(second.1);
        if !self.measures(now) {
            return;
        }
        self.counts.requests += 1;
        self.counts.write_units += used.writes;
        self.by_item[item].writes += used.writes;
        self.by_item[item].reads += used.reads;
        match (request, reply) {
            (Request::Release, Reply::Throttled) => self.counts.throttled_releases += 1,
            (_, Reply::Throttled) => self.counts.throttled += 1,
            (Request::Peek, _) => {
                self.counts.peeks += 1;
                self.counts.units += used.reads;
            }
            (Request::Acquire, Reply::Full(_)) => {
                self.counts.failed_writes += 1;
                self.counts.units += used.writes * WRITE;
            }
            (_, Reply::Renewed(_)) => self.counts.renewals += 1,
            (_, Reply::Lost) => self.counts.lost_renewals += 1,
            _ => {}
        }
    }

    pub(crate) fn outcome(mut self, items: &[Item], clients: &[Client]) -> Outcome {
        let seconds = self.to.saturating_sub(self.from).as_secs_f64();
        let most =
            |units: fn(&Used) -> f64| self.by_item.iter().map(units).fold(0.0, f64::max) / seconds;
        // The last second of all, in which every lease is over that ever will be.
        let end = UnixSeconds(u64::MAX - 1);
        let lost = items.iter().map(|item| item.pool.leases.len() - item.pool.expired(end).count());
        let refused = clients.iter().map(|client| client.refused).max().unwrap_or_default();
        Outcome {
            goodput: number(self.counts.admitted) / seconds,
            utilisation: self.out.mean() / f64::from(self.slots),
            out: self.out.mean(),
            most_out: self.out.most(),
            kept: self.kept.mean(),
            connections: self.connections.mean(),
            most_connections: self.connections.most(),
            lost: u32::try_from(lost.sum::<usize>()).unwrap_or(u32::MAX),
            writes: most(|used| used.writes),
            reads: most(|used| used.reads),
            grant: times(&self.grant),
            refusal: times(&self.refusal),
            release: times(&self.release),
            waited: times(&self.waited),
            between: times(&self.between),
            answer: times(&self.answer),
            beside_the_work: times(&self.beside_the_work),
            most_refused: self.counts.most_refused.max(refused),
            fairness: fairness(clients),
            ..self.counts
        }
    }
}

/// Jain's index.
fn fairness(clients: &[Client]) -> f64 {
    let grants = || clients.iter().map(|client| f64::from(client.grants));
    let (sum, squares): (f64, f64) = (grants().sum(), grants().map(|grants| grants * grants).sum());
    if squares > 0.0 { sum * sum / (number(clients.len() as u64) * squares) } else { 1.0 }
}
