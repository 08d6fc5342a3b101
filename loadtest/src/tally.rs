//! The running count: how many answers of which kind, when, and how long they took.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    outcome::{Broken, Outcome},
    report,
    timeline::Timeline,
};

/// Answers kept word for word, each for another reason.
const EXAMPLES: usize = 5;
/// Reasons kept apart; a host that makes up new ones must not fill the memory.
const REASONS: usize = 30;
/// Where further reasons are counted.
const FURTHER: &str = "other reasons";
/// Longest time the histograms tell apart, an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;
/// Decimal digits to which the histograms are exact.
const DIGITS: u8 = 3;
/// A request sent later than this after it was due is counted as late.
const LATE: Duration = Duration::from_millis(100);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// One that stays away as long as `Retry-After` says, or that never comes back.
    Patient,
    /// One that asks again at once.
    Impatient,
}

/// Counts the answers of one run. All users share one.
pub struct Tally {
    inner: Mutex<Inner>,
}

/// A count so far, for a progress line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers with a count.
    pub admitted: u64,
    /// Proper rejections.
    pub rejected: u64,
    /// Everything else.
    pub broken: u64,
    /// Requests without an answer yet.
    pub in_flight: u64,
}

/// Latencies in microseconds, by kind of answer; each histogram's length is the count.
#[derive(Clone)]
pub struct Latencies {
    /// Those of admitted answers.
    pub admitted: Histogram<u64>,
    /// Those of rejected answers.
    pub rejected: Histogram<u64>,
    /// Those of broken answers.
    pub broken: Histogram<u64>,
}

/// What a run came to.
pub struct Totals {
    /// When it began; missing when no request was ever due.
    pub start: Option<Instant>,
    /// From its beginning to the last answer.
    pub elapsed: Duration,
    /// Requests that were started.
    pub offered: u64,
    /// The patient clients' latencies.
    pub patient: Latencies,
    /// The impatient clients' latencies.
    pub impatient: Latencies,
    /// Rejected answers by reason.
    pub rejections: BTreeMap<&'static str, u64>,
    /// Broken answers by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first broken answers for the first few reasons.
    pub examples: Vec<Broken>,
    /// Answers that reported the server's 1040.
    pub refused: u64,
    /// The latest that a request was sent after it was due.
    pub latest: Duration,
    /// Requests sent more than 100 ms after they were due.
    pub late: u64,
    /// Requests that could not be sent, by what this machine ran out of. They are in no other number.
    pub not_sent: BTreeMap<&'static str, u64>,
    /// Counts for each stretch.
    pub timeline: report::Timeline,
}

struct Inner {
    start: Option<Instant>,
    last: Option<Instant>,
    offered: u64,
    in_flight: u64,
    patient: Latencies,
    impatient: Latencies,
    rejections: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<String, u64>,
    examples: Vec<Broken>,
    refused: u64,
    latest: Duration,
    late: u64,
    not_sent: BTreeMap<&'static str, u64>,
    timeline: Timeline,
}

impl Tally {
    /// An empty count for a run of this duration.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        Self {
            inner: Mutex::new(Inner {
                start: None,
                last: None,
                offered: 0,
                in_flight: 0,
                patient: Latencies::none(),
                impatient: Latencies::none(),
                rejections: BTreeMap::new(),
                reasons: BTreeMap::new(),
                examples: Vec::new(),
                refused: 0,
                latest: Duration::ZERO,
                late: 0,
                not_sent: BTreeMap::new(),
                timeline: Timeline::new(duration),
            }),
        }
    }

    /// When the run began: at the first call, `now`.
    #[must_use]
    pub fn start(&self, now: Instant) -> Instant {
        *self.lock().start.get_or_insert(now)
    }

    /// How long ago the run began, if it has.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> Duration {
        self.lock().start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start))
    }

    /// Notes that a request begins, which was due at `due`.
    pub fn begin(&self, due: Instant, now: Instant) {
        let mut inner = self.lock();
        let start = *inner.start.get_or_insert(due);
        inner.offered += 1;
        inner.in_flight += 1;
        inner.timeline.offered(due.saturating_duration_since(start));
        let lateness = now.saturating_duration_since(due);
        inner.latest = inner.latest.max(lateness);
        inner.late += u64::from(lateness > LATE);
    }

    /// Takes a request back that had begun, which was due at `due`: it could not be sent, because this machine
    /// `lacked` something.
    pub fn withdraw(&self, due: Instant, lacked: &'static str) {
        let mut inner = self.lock();
        inner.offered = inner.offered.saturating_sub(1);
        inner.in_flight = inner.in_flight.saturating_sub(1);
        let at = inner.start.map_or(Duration::ZERO, |start| due.saturating_duration_since(start));
        inner.timeline.withdrawn(at);
        *inner.not_sent.entry(lacked).or_default() += 1;
    }

    /// Counts the answer of a request that had begun. `took` is the time from when it was due to the
    /// end of its answer's body.
    pub fn end(&self, client: Client, outcome: &Outcome, took: Duration, now: Instant) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        inner.last = Some(now);
        inner.in_flight = inner.in_flight.saturating_sub(1);
        let at = inner.start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start));
        inner.timeline.answered(at, outcome);
        inner.latencies(client).of(outcome).saturating_record(micros);
        match outcome {
            Outcome::Admitted => {}
            Outcome::Rejected(reason) => *inner.rejections.entry(reason).or_default() += 1,
            Outcome::Broken(broken) => inner.note(broken),
        }
    }

    /// The count so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        let both = |pick: fn(&Latencies) -> &Histogram<u64>| {
            pick(&inner.patient).len() + pick(&inner.impatient).len()
        };
        Counts {
            admitted: both(|latencies| &latencies.admitted),
            rejected: both(|latencies| &latencies.rejected),
            broken: both(|latencies| &latencies.broken),
            in_flight: inner.in_flight,
        }
    }

    /// Everything counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let inner = self.lock();
        let elapsed = match (inner.start, inner.last) {
            (Some(start), Some(last)) => last.saturating_duration_since(start),
            _ => Duration::ZERO,
        };
        Totals {
            start: inner.start,
            elapsed,
            offered: inner.offered,
            patient: inner.patient.clone(),
            impatient: inner.impatient.clone(),
            rejections: inner.rejections.clone(),
            reasons: inner.reasons.clone(),
            examples: inner.examples.clone(),
            refused: inner.refused,
            latest: inner.latest,
            late: inner.late,
            not_sent: inner.not_sent.clone(),
            timeline: (&inner.timeline).into(),
        }
    }

    /// Counts stay right when a user panics between two of them, so a poisoned lock is no news.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn latencies(&mut self, client: Client) -> &mut Latencies {
        match client {
            Client::Patient => &mut self.patient,
            Client::Impatient => &mut self.impatient,
        }
    }

    fn note(&mut self, broken: &Broken) {
        self.refused += u64::from(broken.refused_by_server);
        let known = self.reasons.contains_key(&broken.reason);
        let key = if known || self.reasons.len() < REASONS { &broken.reason } else { FURTHER };
        *self.reasons.entry(key.to_owned()).or_default() += 1;
        let shown = self.examples.iter().any(|example| example.reason == broken.reason);
        if !shown && self.examples.len() < EXAMPLES {
            self.examples.push(broken.clone());
        }
    }
}

impl Latencies {
    fn none() -> Self {
        let empty = Histogram::new_with_bounds(1, LONGEST, DIGITS)
            .expect("1 µs to 1 h at 3 digits is in range");
        Self { admitted: empty.clone(), rejected: empty.clone(), broken: empty }
    }

    fn of(&mut self, outcome: &Outcome) -> &mut Histogram<u64> {
        match outcome {
            Outcome::Admitted => &mut self.admitted,
            Outcome::Rejected(_) => &mut self.rejected,
            Outcome::Broken(_) => &mut self.broken,
        }
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        // All have the same bounds, and so can be added.
        let sum = |one: &Histogram<u64>, other: &Histogram<u64>| {
            let mut sum = one.clone();
            sum += other;
            sum
        };
        Self {
            admitted: sum(&self.admitted, &others.admitted),
            rejected: sum(&self.rejected, &others.rejected),
            broken: sum(&self.broken, &others.broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Duration = Duration::from_secs(30);

    fn broken(reason: &str) -> Outcome {
        Outcome::Broken(Broken {
            reason: reason.into(),
            detail: String::new(),
            refused_by_server: reason == "1040",
        })
    }

    #[test]
    fn each_answer_is_counted_once_and_under_its_kind() {
        let tally = Tally::new(RUN);
        let start = tally.start(Instant::now());
        let outcomes = [
            (Client::Patient, Outcome::Admitted),
            (Client::Patient, Outcome::Rejected("no-slot")),
            (Client::Impatient, Outcome::Rejected("no-slot")),
            (Client::Impatient, broken("1040")),
            (Client::Patient, broken("x")),
        ];
        for _ in 0..=outcomes.len() {
            tally.begin(start, start);
        }
        for (client, outcome) in &outcomes {
            tally.end(*client, outcome, Duration::from_millis(20), start + Duration::from_secs(2));
        }
        assert_eq!(tally.counts(), Counts { admitted: 1, rejected: 2, broken: 2, in_flight: 1 });
        let totals = tally.totals();
        assert_eq!((totals.elapsed, totals.offered), (Duration::from_secs(2), 6));
        assert_eq!(totals.refused, 1);
        assert_eq!(totals.rejections, BTreeMap::from([("no-slot", 2)]));
        assert_eq!(totals.reasons.values().sum::<u64>(), 2);
        assert_eq!((totals.patient.rejected.len(), totals.impatient.rejected.len()), (1, 1));
        assert_eq!(totals.patient.and(&totals.impatient).broken.len(), 2);
        assert_eq!(totals.timeline.offered, [6, 0, 0]);
        assert_eq!(totals.timeline.broken, [0, 0, 2]);
    }

    #[test]
    fn what_could_not_be_sent_is_in_no_other_number() {
        let tally = Tally::new(RUN);
        let start = tally.start(Instant::now());
        for _ in 0..2 {
            tally.begin(start, start);
        }
        tally.withdraw(start, "open files");
        tally.end(Client::Patient, &Outcome::Admitted, Duration::ZERO, start);
        assert_eq!(tally.counts(), Counts { admitted: 1, ..Counts::default() });
        let totals = tally.totals();
        assert_eq!((totals.offered, &totals.timeline.offered[..]), (1, &[1][..]));
        assert_eq!(totals.not_sent, BTreeMap::from([("open files", 1)]));
        assert!(totals.reasons.is_empty());
    }

    #[test]
    fn what_is_sent_late_is_late_and_belongs_to_when_it_was_due() {
        let tally = Tally::new(RUN);
        let start = tally.start(Instant::now());
        for (due, sent) in [(0, 100), (200, 3_301)] {
            let [due, sent] = [due, sent].map(|ms| start + Duration::from_millis(ms));
            tally.begin(due, sent);
        }
        let totals = tally.totals();
        assert_eq!((totals.late, totals.latest), (1, Duration::from_millis(3_101)));
        assert_eq!(totals.timeline.offered, [2]);
    }

    #[test]
    fn a_host_that_makes_up_reasons_fills_nothing() {
        let tally = Tally::new(RUN);
        let now = Instant::now();
        for number in 0..1000 {
            tally.begin(now, now);
            tally.end(Client::Patient, &broken(&number.to_string()), Duration::ZERO, now);
        }
        let totals = tally.totals();
        assert_eq!(totals.reasons.len(), REASONS + 1);
        assert_eq!(totals.reasons.values().sum::<u64>(), 1000);
        assert_eq!(totals.examples.len(), EXAMPLES);
    }
}
