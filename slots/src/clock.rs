//! The table's clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use rds_admission::time::{Clock, SystemClock};

/// What time it is where the table is, told by the header `Date` of its answers.
///
/// Whether a lease has expired is a question to the clocks of AWS, which agree. This machine's may be
/// minutes ahead, and would call live leases expired. A `Date` is a second late at the most, and never
/// early, so a lease that this clock calls expired is.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableClock(Arc<Mutex<Option<Reading>>>);

/// A `Date`, and when it came.
#[derive(Debug, Clone, Copy)]
struct Reading {
    date: Duration,
    came: Instant,
}

impl TableClock {
    /// Whether an answer has told the time. Until then it is this machine's.
    pub(crate) fn is_told(&self) -> bool {
        self.reading().is_some()
    }

    fn reading(&self) -> Option<Reading> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, date: &str) {
        let date = httpdate::parse_http_date(date).ok();
        if let Some(date) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) {
            let reading = Reading { date, came: Instant::now() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }
    }
}

impl Clock for TableClock {
    fn since_epoch(&self) -> Duration {
        let told = self.reading().map(|told| told.date + told.came.elapsed());
        told.unwrap_or_else(|| SystemClock.since_epoch())
    }
}

impl Intercept for TableClock {
    fn name(&self) -> &'static str {
        "TableClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.hear(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rds_admission::time::UnixSeconds;

    use super::*;

    #[test]
    fn the_tables_time_goes_before_this_machines() {
        let clock = TableClock::default();
        assert!(!clock.is_told());
        clock.hear("yesterday");
        assert!(!clock.is_told());
        clock.hear("Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(clock.is_told());
        let now = clock.now();
        assert!((UnixSeconds(784_111_777)..UnixSeconds(784_111_877)).contains(&now), "{now}");
    }
}
