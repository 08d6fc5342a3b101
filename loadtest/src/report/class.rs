//! The answers of one kind, and their latencies.

use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outcome;

/// The quantiles of a latency distribution.
const QUANTILES: [f64; 17] = [
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.998,
    0.999,
];

/// The answers of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Class {
    /// The number of answers.
    pub count: u64,
    /// Answers per second over the whole run.
    pub per_second: f64,
    /// Their latencies; missing when there were none.
    pub latency: Option<Latency>,
}

/// Latencies in milliseconds to the end of the answer: in a closed loop from just before the request, with open arrivals
/// from when it was due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// Half took no longer.
    pub p50_ms: f64,
    /// 95 % took no longer.
    pub p95_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// 99.9 % took no longer. With fewer than a thousand answers, the longest.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// The distribution.
    pub distribution: Vec<Quantile>,
}

/// One point of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quantile {
    /// A share of the answers, from 0 to 0.999.
    pub share: f64,
    /// That share took no longer than this, in milliseconds.
    pub ms: f64,
}

/// The broken answers and their reasons.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// Their number and latencies.
    #[serde(flatten)]
    pub class: Class,
    /// The number of answers by reason, the most frequent first.
    pub reasons: Vec<Reason>,
    /// The first answer for each of the first few reasons.
    pub examples: Vec<Example>,
}

/// The number of answers with one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The problem type, with the status where needed, or how the request failed.
    pub reason: String,
    /// The number of answers.
    pub count: u64,
}

/// One broken answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// Its reason.
    pub reason: String,
    /// The beginning of the answer's body, or the error.
    pub detail: String,
}

impl Class {
    /// Summarizes latencies in microseconds.
    pub(crate) fn of(latencies: &Histogram<u64>, elapsed: Duration) -> Self {
        let count = latencies.len();
        let seconds = elapsed.as_secs_f64();
        Self {
            count,
            per_second: if seconds > 0.0 { rounded(float(count) / seconds) } else { 0.0 },
            latency: (count > 0).then(|| Latency::of(latencies)),
        }
    }
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Self {
        let ms = |share| float(latencies.value_at_quantile(share)) / 1000.0;
        Self {
            p50_ms: ms(0.50),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            p999_ms: ms(0.999),
            max_ms: float(latencies.max()) / 1000.0,
            distribution: QUANTILES.map(|share| Quantile { share, ms: ms(share) }).to_vec(),
        }
    }
}

impl Reason {
    /// Sorts the reasons by count, the most frequent first.
    pub(crate) fn sorted<R: Into<String>>(counts: impl IntoIterator<Item = (R, u64)>) -> Vec<Self> {
        let mut reasons: Vec<Self> = counts
            .into_iter()
            .map(|(reason, count)| Self { reason: reason.into(), count })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        reasons
    }
}

impl From<outcome::Broken> for Example {
    fn from(outcome::Broken { reason, detail, .. }: outcome::Broken) -> Self {
        Self { reason, detail }
    }
}

/// Rounds to three decimals. More would be noise, and might change in JSON.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts and microseconds are below 2^53")]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_gives_rates_and_percentiles() {
        let mut latencies = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
        for tenths in 1..=1000_u64 {
            latencies.record(tenths * 100).unwrap();
        }
        let class = Class::of(&latencies, Duration::from_secs(10));
        assert_eq!(class.count, 1000);
        assert!((class.per_second - 100.0).abs() < 1e-9);
        let latency = class.latency.unwrap();
        for (seen, exact) in [
            (latency.p50_ms, 50.0),
            (latency.p95_ms, 95.0),
            (latency.p99_ms, 99.0),
            (latency.p999_ms, 99.9),
            (latency.max_ms, 100.0),
        ] {
            assert!((seen - exact).abs() / exact < 0.001, "{seen} for {exact}");
        }
        let mut last = 0.0;
        for point in latency.distribution {
            assert!(point.ms >= last, "{point:?}");
            last = point.ms;
        }
        assert!((last - latency.p999_ms).abs() < f64::EPSILON);
    }

    #[test]
    fn an_empty_class_has_no_latency() {
        let latencies = Histogram::new_with_bounds(1, 1000, 3).unwrap();
        assert_eq!(Class::of(&latencies, Duration::ZERO), Class::default());
    }

    #[test]
    fn the_most_frequent_reason_comes_first() {
        let reasons = Reason::sorted([("a", 1), ("b", 3), ("c", 2)]);
        let names: Vec<_> = reasons.iter().map(|reason| reason.reason.as_str()).collect();
        assert_eq!(names, ["b", "c", "a"]);
    }
}
