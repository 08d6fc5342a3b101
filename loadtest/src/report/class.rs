//! The numbers of a run, as the JSON report holds them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{tally::Totals, verdict::Verdict};

/// The version of the JSON report's schema. It grows when a key changes its meaning or goes;
/// new keys do not change it.
pub const SCHEMA: u32 = 1;

/// A run: what was asked for, what came back, what the server saw, and the verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The URL that was asked for.
    pub url: String,
    /// How the flood was made.
    pub settings: Settings,
    /// When the flood began, in whole seconds since the epoch.
    pub started_at: u64,
    /// Seconds from the first request's start to the last answer.
    pub elapsed_seconds: f64,
    /// Whether somebody ended the run before its time.
    pub interrupted: bool,
    /// Answers with a count of the rows.
    pub admitted: Class,
    /// 503 with `Retry-After`, as the controller sends them.
    pub rejected: Class,
    /// Everything else.
    pub broken: Broken,
    /// Connections that the server refused: the highest of what its counters and the callers say.
    pub refused: u64,
    /// Answers that reported the server's error 1040.
    pub refused_callers: u64,
    /// The server's side; missing when no database was given or the watch failed.
    pub server: Option<Server>,
    /// Why the watch of a given database failed.
    pub watch_failure: Option<String>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// How a flood was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Users asking at the same time.
    pub users: u32,
    /// Seconds in which requests were started.
    pub duration_seconds: u64,
    /// Seconds one request might take.
    pub timeout_seconds: u64,
    /// Whether users stayed away as long as `Retry-After` said.
    pub honour_retry_after: bool,
    /// Fewest admitted answers that pass.
    pub min_admitted: u64,
}

/// The answers of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// How many.
    pub count: u64,
    /// How many a second, over the whole run.
    pub per_second: f64,
    /// Their latencies; missing when there were none.
    pub latency: Option<Latency>,
}

/// Latencies in milliseconds, from just before a request to the end of its answer. The loop is
/// closed: requests that a slow service kept from being made are not in here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half took no longer.
    pub p50_ms: f64,
    /// 95 % took no longer.
    pub p95_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// The broken answers, and why they were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// How many and how long.
    #[serde(flatten)]
    pub class: Class,
    /// How many for which reason, the most frequent first.
    pub reasons: Vec<Reason>,
    /// The first of each of the first few reasons.
    pub examples: Vec<Example>,
}

/// How many answers were broken for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Status and problem type, or how the request failed.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// One broken answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// See [`Reason::reason`].
    pub reason: String,
    /// The beginning of the answer's body, or the error.
    pub detail: String,
}

/// What the database's server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `@@max_connections`.
    pub max_connections: u64,
    /// `Max_used_connections` before the flood: the highest since the server's start.
    pub max_used_before: u64,
    /// `Max_used_connections` after it.
    pub max_used_after: u64,
    /// The highest sample of `Threads_connected`, the watch's own connection included.
    pub peak_threads: u64,
    /// The highest sample of connections to the service's database, the watch's own left out.
    pub peak_service: u64,
    /// By how much `Aborted_connects` grew: every failed attempt to connect, among them all that
    /// were refused for want of a connection.
    pub aborted_connects: u64,
    /// By how much `Connection_errors_max_connections` grew. It misses some in a burst.
    pub connection_errors_max_connections: u64,
    /// How many samples were taken.
    pub samples: u64,
}

impl Server {
    /// The most connections in use at once during the flood.
    ///
    /// `Max_used_connections` never falls. When it did not grow, its value is from an earlier
    /// time, and the samples are all there is to go by.
    #[must_use]
    pub fn peak_used(&self) -> u64 {
        if self.max_used_after > self.max_used_before {
            self.max_used_after
        } else {
            self.peak_threads
        }
    }

    /// Whether [`Server::peak_used`] comes from samples, which can miss a short peak.
    #[must_use]
    pub fn peak_is_sampled(&self) -> bool {
        self.max_used_after <= self.max_used_before
    }

    /// The highest of the counters that tell of refused connections.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.aborted_connects.max(self.connection_errors_max_connections)
    }
}

impl Class {
    /// Sums up the latencies, in microseconds, of one kind of answer.
    #[must_use]
    pub fn of(latencies: &Histogram<u64>, elapsed: Duration) -> Self {
        let count = latencies.len();
        let seconds = elapsed.as_secs_f64();
        Self {
            count,
            per_second: if seconds > 0.0 { float(count) / seconds } else { 0.0 },
            latency: (count > 0).then(|| Latency {
                p50_ms: float(latencies.value_at_quantile(0.50)) / 1000.0,
                p95_ms: float(latencies.value_at_quantile(0.95)) / 1000.0,
                p99_ms: float(latencies.value_at_quantile(0.99)) / 1000.0,
                max_ms: float(latencies.max()) / 1000.0,
            }),
        }
    }
}

impl Broken {
    /// Sums up the broken answers.
    #[must_use]
    pub fn of(totals: &Totals) -> Self {
        let mut reasons: Vec<Reason> = totals
            .reasons
            .iter()
            .map(|(reason, count)| Reason { reason: reason.clone(), count: *count })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        let examples = totals
            .examples
            .iter()
            .map(|broken| Example { reason: broken.reason.clone(), detail: broken.detail.clone() })
            .collect();
        Self { class: Class::of(&totals.broken, totals.elapsed), reasons, examples }
    }
}

/// Counts and microseconds here stay far below 2^53, where a float would round.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_gives_rates_and_percentiles() {
        let mut latencies = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        for millis in 1..=100_u64 {
            latencies.record(millis * 1000).unwrap();
        }
        let class = Class::of(&latencies, Duration::from_secs(10));
        assert_eq!(class.count, 100);
        assert!((class.per_second - 10.0).abs() < 1e-9);
        let latency = class.latency.unwrap();
        for (seen, exact) in [
            (latency.p50_ms, 50.0),
            (latency.p95_ms, 95.0),
            (latency.p99_ms, 99.0),
            (latency.max_ms, 100.0),
        ] {
            assert!((seen - exact).abs() / exact < 0.001, "{seen} for {exact}");
        }
    }

    #[test]
    fn an_empty_class_has_no_latency() {
        let latencies = Histogram::new_with_bounds(1, 1000, 3).unwrap();
        assert_eq!(Class::of(&latencies, Duration::ZERO), Class::default());
    }

    #[test]
    fn a_record_from_before_the_run_is_not_its_peak() {
        let grown = Server {
            max_used_before: 3,
            max_used_after: 64,
            peak_threads: 60,
            ..Server::default()
        };
        assert_eq!((grown.peak_used(), grown.peak_is_sampled()), (64, false));
        let old = Server {
            max_used_before: 66,
            max_used_after: 66,
            peak_threads: 60,
            ..Server::default()
        };
        assert_eq!((old.peak_used(), old.peak_is_sampled()), (60, true));
    }
}
