//! The running counts: answers by kind and time, and their latencies.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::{
    outcome::{Broken, Outcome},
    timeline::Timeline,
};

/// Broken answers that are kept as examples, each for another reason.
const EXAMPLES: usize = 5;
/// Reasons that are counted apart, so that a host with ever new reasons does not fill the memory.
const REASONS: usize = 30;
/// The reason under which all further ones are counted.
const FURTHER: &str = "other reasons";
/// Longest latency of the histograms, an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;
/// Significant digits of the histograms.
const DIGITS: u8 = 3;
/// A request sent later than this after it was due counts as late.
const LATE: Duration = Duration::from_millis(100);

/// The kind of client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Waits for `Retry-After`, or never retries.
    Patient,
    /// Retries at once.
    Impatient,
}

/// The counts of one run, shared by all users.
pub(crate) struct Tally(Mutex<Totals>);

/// The counts so far, for the live view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) admitted: u64,
    pub(crate) rejected: u64,
    pub(crate) broken: u64,
    /// Requests that wait for an answer.
    pub(crate) in_flight: u64,
}

/// Latencies in microseconds, by kind of answer; each histogram's length is the count.
#[derive(Clone)]
pub(crate) struct Latencies {
    pub(crate) admitted: Histogram<u64>,
    pub(crate) rejected: Histogram<u64>,
    pub(crate) broken: Histogram<u64>,
}

/// Everything that was counted in a run.
#[derive(Clone)]
pub(crate) struct Totals {
    /// When the run began; missing when no request was due.
    pub(crate) start: Option<Instant>,
    last_answer: Option<Instant>,
    /// Requests that were started.
    pub(crate) offered: u64,
    in_flight: u64,
    pub(crate) patient: Latencies,
    pub(crate) impatient: Latencies,
    /// Rejected answers by reason.
    pub(crate) rejections: BTreeMap<&'static str, u64>,
    /// Broken answers by reason.
    pub(crate) reasons: BTreeMap<String, u64>,
    /// The first broken answers for the first few reasons.
    pub(crate) examples: Vec<Broken>,
    /// Answers that reported the server's 1040.
    pub(crate) refused: u64,
    /// The longest time from when a request was due until it was sent.
    pub(crate) latest: Duration,
    /// Requests sent more than 100 ms after they were due.
    pub(crate) late: u64,
    /// Requests that could not be sent, by what this machine ran out of. No other count has them.
    pub(crate) not_sent: BTreeMap<&'static str, u64>,
    pub(crate) timeline: Timeline,
}

impl Tally {
    /// For a run of this duration.
    pub(crate) fn new(duration: Duration) -> Self {
        Self(Mutex::new(Totals {
            start: None,
            last_answer: None,
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
        }))
    }

    /// The beginning of the run: the first call sets it to `now`.
    pub(crate) fn start(&self, now: Instant) -> Instant {
        *self.lock().start.get_or_insert(now)
    }

    /// The time since the run began.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        self.lock().start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start))
    }

    /// Counts a request that was due at `due` and is sent `now`.
    pub(crate) fn begin(&self, due: Instant, now: Instant) {
        let mut inner = self.lock();
        let start = *inner.start.get_or_insert(due);
        inner.offered += 1;
        inner.in_flight += 1;
        inner.timeline.offered(due.saturating_duration_since(start));
        let lateness = now.saturating_duration_since(due);
        inner.latest = inner.latest.max(lateness);
        inner.late += u64::from(lateness > LATE);
    }

    /// Removes a request that could not be sent because this machine `lacked` something.
    pub(crate) fn withdraw(&self, due: Instant, lacked: &'static str) {
        let mut inner = self.lock();
        inner.offered = inner.offered.saturating_sub(1);
        inner.in_flight = inner.in_flight.saturating_sub(1);
        let at = inner.start.map_or(Duration::ZERO, |start| due.saturating_duration_since(start));
        inner.timeline.withdrawn(at);
        *inner.not_sent.entry(lacked).or_default() += 1;
    }

    /// Counts an answer. `took` is the time from when the request was due to the end of the answer's body.
    pub(crate) fn end(&self, client: Client, outcome: &Outcome, took: Duration, now: Instant) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        inner.last_answer = Some(now);
        inner.in_flight = inner.in_flight.saturating_sub(1);
        let at = inner.start.map_or(Duration::ZERO, |start| now.saturating_duration_since(start));
        inner.timeline.answered(at, outcome);
        inner.latencies(client).of(outcome).saturating_record(micros);
        match outcome {
            Outcome::Admitted => {}
            Outcome::Rejected(reason) => *inner.rejections.entry(reason).or_default() += 1,
            Outcome::Broken(broken) => inner.count_broken(broken),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
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

    pub(crate) fn totals(&self) -> Totals {
        self.lock().clone()
    }

    /// The counts stay consistent when a user panics, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    /// The time from the beginning of the run to the last answer.
    pub(crate) fn elapsed(&self) -> Duration {
        match (self.start, self.last_answer) {
            (Some(start), Some(last)) => last.saturating_duration_since(start),
            _ => Duration::ZERO,
        }
    }

    fn latencies(&mut self, client: Client) -> &mut Latencies {
        match client {
            Client::Patient => &mut self.patient,
            Client::Impatient => &mut self.impatient,
        }
    }

    fn count_broken(&mut self, broken: &Broken) {
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

    /// The sum of these and others.
    pub(crate) fn and(&self, others: &Self) -> Self {
        // Cannot fail: all have the same bounds.
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
    use crate::report;

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
        assert_eq!((totals.elapsed(), totals.offered), (Duration::from_secs(2), 6));
        assert_eq!(totals.refused, 1);
        assert_eq!(totals.rejections, BTreeMap::from([("no-slot", 2)]));
        assert_eq!(totals.reasons.values().sum::<u64>(), 2);
        assert_eq!((totals.patient.rejected.len(), totals.impatient.rejected.len()), (1, 1));
        assert_eq!(totals.patient.and(&totals.impatient).broken.len(), 2);
        let timeline = report::Timeline::from(&totals.timeline);
        assert_eq!(timeline.offered, [6, 0, 0]);
        assert_eq!(timeline.broken, [0, 0, 2]);
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
        let timeline = report::Timeline::from(&totals.timeline);
        assert_eq!((totals.offered, &timeline.offered[..]), (1, &[1][..]));
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
        assert_eq!(report::Timeline::from(&totals.timeline).offered, [2]);
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
