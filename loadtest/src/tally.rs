//! The running count: how many answers of which kind, and how long they took.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::outcome::{Broken, Outcome};

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

/// Counts the answers of one flood. All users share one.
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

/// What a flood came to.
pub struct Totals {
    /// From the first request's start to the last answer.
    pub elapsed: Duration,
    /// Latencies in microseconds, by kind of answer; each histogram's length is the count.
    pub admitted: Histogram<u64>,
    /// See [`Totals::admitted`].
    pub rejected: Histogram<u64>,
    /// See [`Totals::admitted`].
    pub broken: Histogram<u64>,
    /// Broken answers by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The first broken answers for the first few reasons.
    pub examples: Vec<Broken>,
    /// Answers that reported the server's 1040.
    pub refused: u64,
}

struct Inner {
    first: Option<Instant>,
    last: Option<Instant>,
    in_flight: u64,
    admitted: Histogram<u64>,
    rejected: Histogram<u64>,
    broken: Histogram<u64>,
    reasons: BTreeMap<String, u64>,
    examples: Vec<Broken>,
    refused: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner {
                first: None,
                last: None,
                in_flight: 0,
                admitted: histogram(),
                rejected: histogram(),
                broken: histogram(),
                reasons: BTreeMap::new(),
                examples: Vec::new(),
                refused: 0,
            }),
        }
    }
}

impl Tally {
    /// When the first request began, or `now` if none has.
    #[must_use]
    pub fn first(&self, now: Instant) -> Instant {
        self.lock().first.unwrap_or(now)
    }

    /// Notes that a request begins.
    pub fn begin(&self, now: Instant) {
        let mut inner = self.lock();
        inner.first.get_or_insert(now);
        inner.in_flight += 1;
    }

    /// Counts the answer of a request that had begun. `took` is the time from just before the
    /// request to the end of its answer's body.
    pub fn end(&self, outcome: &Outcome, took: Duration, now: Instant) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.lock();
        inner.last = Some(now);
        inner.in_flight = inner.in_flight.saturating_sub(1);
        match outcome {
            Outcome::Admitted => inner.admitted.saturating_record(micros),
            Outcome::Rejected => inner.rejected.saturating_record(micros),
            Outcome::Broken(broken) => {
                inner.broken.saturating_record(micros);
                inner.note(broken);
            }
        }
    }

    /// The count so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        Counts {
            admitted: inner.admitted.len(),
            rejected: inner.rejected.len(),
            broken: inner.broken.len(),
            in_flight: inner.in_flight,
        }
    }

    /// Everything counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let inner = self.lock();
        let elapsed = match (inner.first, inner.last) {
            (Some(first), Some(last)) => last.saturating_duration_since(first),
            _ => Duration::ZERO,
        };
        Totals {
            elapsed,
            admitted: inner.admitted.clone(),
            rejected: inner.rejected.clone(),
            broken: inner.broken.clone(),
            reasons: inner.reasons.clone(),
            examples: inner.examples.clone(),
            refused: inner.refused,
        }
    }

    /// Counts stay right when a user panics between two of them, so a poisoned lock is no news.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
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

/// An empty histogram of microseconds.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("1 µs to 1 h at 3 digits is in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(reason: &str) -> Outcome {
        Outcome::Broken(Broken {
            reason: reason.into(),
            detail: String::new(),
            refused_by_server: reason == "1040",
        })
    }

    #[test]
    fn each_answer_is_counted_once_and_under_its_kind() {
        let tally = Tally::default();
        let start = Instant::now();
        let outcomes =
            [Outcome::Admitted, Outcome::Rejected, Outcome::Rejected, broken("1040"), broken("x")];
        for _ in 0..=outcomes.len() {
            tally.begin(start);
        }
        for outcome in &outcomes {
            tally.end(outcome, Duration::from_millis(20), start + Duration::from_secs(2));
        }
        assert_eq!(tally.counts(), Counts { admitted: 1, rejected: 2, broken: 2, in_flight: 1 });
        let totals = tally.totals();
        assert_eq!(totals.elapsed, Duration::from_secs(2));
        assert_eq!(totals.refused, 1);
        assert_eq!(totals.reasons.values().sum::<u64>(), 2);
    }

    #[test]
    fn a_host_that_makes_up_reasons_fills_nothing() {
        let tally = Tally::default();
        let now = Instant::now();
        for number in 0..1000 {
            tally.begin(now);
            tally.end(&broken(&number.to_string()), Duration::ZERO, now);
        }
        let totals = tally.totals();
        assert_eq!(totals.reasons.len(), REASONS + 1);
        assert_eq!(totals.reasons.values().sum::<u64>(), 1000);
        assert_eq!(totals.examples.len(), EXAMPLES);
    }
}
