//! Latencies.

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram with three significant digits, from a microsecond to an hour.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let micros = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        Self(micros.unwrap_or_else(|never| unreachable!("bounds and digits are valid: {never}")))
    }
}

impl Latencies {
    /// Adds a value.
    pub fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The quantile of `share`: 0.5 is the median.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// The median and the 99th percentile.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.quantile(0.5), p99: self.quantile(0.99) }
    }
}

/// Two quantiles of latencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", millis(self.p50), millis(self.p99))
    }
}

/// A time in milliseconds, with three significant digits.
#[must_use]
pub fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    match millis {
        0.0..10.0 => format!("{millis:.2} ms"),
        10.0..100.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.0} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_all_that_was_recorded() {
        let mut all = Latencies::default();
        for half in [1..=50, 51..=100] {
            let mut part = Latencies::default();
            half.for_each(|millis| part.record(Duration::from_millis(millis)));
            all.merge(&part);
        }
        assert_eq!(all.count(), 100);
        // Three digits: off by a thousandth at most.
        let near = |time: Duration, millis: u64| {
            time.as_micros().abs_diff(u128::from(millis) * 1_000) < 100
        };
        let Quantiles { p50, p99 } = all.quantiles();
        assert!(near(p50, 50) && near(p99, 99), "{p50:?}, {p99:?}");
    }

    #[test]
    fn times_are_shown_to_three_digits() {
        assert_eq!(millis(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(millis(Duration::from_micros(12_345)), "12.3 ms");
        assert_eq!(millis(Duration::from_micros(123_456)), "123 ms");
    }
}
