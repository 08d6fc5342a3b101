//! Times that were taken.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::outcome::Times;

/// A histogram of microseconds, up to a day.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 86_400_000_000, 3)
        .unwrap_or_else(|never| unreachable!("bounds and digits are valid: {never}"))
}

pub(crate) fn record(times: &mut Histogram<u64>, took: Duration) {
    times.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
}

pub(crate) fn times(times: &Histogram<u64>) -> Times {
    if times.is_empty() {
        return Times::default();
    }
    let at = |quantile| Duration::from_micros(times.value_at_quantile(quantile));
    Times { p50: at(0.5), p99: at(0.99), max: Duration::from_micros(times.max()) }
}
