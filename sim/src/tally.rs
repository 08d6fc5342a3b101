//! What is counted while a run is measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use rds_admission::time::UnixSeconds;

use crate::caller::Client;
use crate::outcome::{Outcome, Times, number};
use crate::scenario::Scenario;
use crate::table::{Item, Reply, Used};
use crate::world::Request;

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
    out: u32,
    changed: Duration,
    slot_seconds: f64,
    by_item: Vec<Used>,
    /// For each item the second that it is, and the write units in it.
    this_second: Vec<(u64, f64)>,
    grant: Histogram<u64>,
    refusal: Histogram<u64>,
    release: Histogram<u64>,
    waited: Histogram<u64>,
    between: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let items = scenario.items() as usize;
        Self {
            from: scenario.warm_up,
            to: scenario.length,
            counts: Outcome::default(),
            slots: scenario.slots,
            out: 0,
            changed: Duration::ZERO,
            slot_seconds: 0.0,
            by_item: vec![Used::default(); items],
            this_second: vec![(0, 0.0); items],
            grant: histogram(),
            refusal: histogram(),
            release: histogram(),
            waited: histogram(),
            between: histogram(),
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

    /// A refusal, while so many slots were free.
    pub(crate) fn refused(&mut self, now: Duration, free: u32) {
        if self.measures(now) {
            self.counts.refusals += 1;
            self.counts.refused_beside_room += u64::from(free.saturating_mul(20) >= self.slots);
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

    /// A client got a slot, so long and so many refusals after the last one.
    pub(crate) fn served(&mut self, between: Duration, refused: u32) {
        record(&mut self.between, between);
        self.counts.most_refused = self.counts.most_refused.max(refused);
    }

    pub(crate) fn released(&mut self, now: Duration, took: Duration) {
        if self.measures(now) {
            record(&mut self.release, took);
        }
    }

    /// The slots that are out have changed.
    pub(crate) fn slots(&mut self, now: Duration, items: &[Item]) {
        let measured = |at: Duration| at.clamp(self.from, self.to);
        let lasted = measured(now).saturating_sub(measured(self.changed));
        self.slot_seconds += f64::from(self.out) * lasted.as_secs_f64();
        self.changed = now;
        self.out = items.iter().map(|item| item.pool.in_use()).sum();
        self.counts.most_out = self.counts.most_out.max(self.out);
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
        self.by_item[item].writes += used.writes;
        self.by_item[item].reads += used.reads;
        match (request, reply) {
            (Request::Release, Reply::Throttled) => self.counts.throttled_releases += 1,
            (_, Reply::Throttled) => self.counts.throttled += 1,
            (Request::Look, _) => {
                self.counts.looks += 1;
                self.counts.units += used.reads;
            }
            (Request::Acquire, Reply::Full(_)) => {
                self.counts.failed_writes += 1;
                self.counts.units += used.writes * WRITE;
            }
            _ => {}
        }
    }

    pub(crate) fn outcome(mut self, items: &[Item], clients: &[Client]) -> Outcome {
        self.slots(self.to.max(self.changed), items);
        let seconds = self.to.saturating_sub(self.from).as_secs_f64();
        let most =
            |units: fn(&Used) -> f64| self.by_item.iter().map(units).fold(0.0, f64::max) / seconds;
        // The last second of all, in which every lease is over that ever will be.
        let end = UnixSeconds(u64::MAX - 1);
        let lost = items.iter().map(|item| item.pool.leases.len() - item.pool.expired(end).count());
        let refused = clients.iter().map(|client| client.refused).max().unwrap_or_default();
        Outcome {
            goodput: number(self.counts.admitted) / seconds,
            utilisation: self.slot_seconds / seconds / f64::from(self.slots),
            lost: u32::try_from(lost.sum::<usize>()).unwrap_or(u32::MAX),
            writes: most(|used| used.writes),
            reads: most(|used| used.reads),
            grant: times(&self.grant),
            refusal: times(&self.refusal),
            release: times(&self.release),
            waited: times(&self.waited),
            between: times(&self.between),
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

/// A histogram of microseconds, up to a day.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 86_400_000_000, 3)
        .unwrap_or_else(|never| unreachable!("bounds and digits are valid: {never}"))
}

fn record(times: &mut Histogram<u64>, took: Duration) {
    times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

fn times(times: &Histogram<u64>) -> Times {
    if times.is_empty() {
        return Times::default();
    }
    let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile));
    Times { p50: at(0.5), p99: at(0.99), max: Duration::from_micros(times.max()) }
}
