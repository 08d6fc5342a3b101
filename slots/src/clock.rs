//! The table's clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use rds_admission::time::{Clock, SystemClock};

/// The time at the table, from the `Date` header of its responses.
///
/// This machine's clock may be minutes ahead and would report live leases as expired. A `Date` is at most one second
/// late and never early, so a lease that has expired by this clock has expired.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableClock(Arc<Mutex<Option<Reading>>>);

/// A `Date`, and when it was received.
#[derive(Debug, Clone, Copy)]
struct Reading {
    date: Duration,
    received: Instant,
}

impl TableClock {
    /// Whether a response has been read. Until then this is the machine's clock.
    pub(crate) fn is_known(&self) -> bool {
        self.reading().is_some()
    }

    fn reading(&self) -> Option<Reading> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, date: &str) {
        let date = httpdate::parse_http_date(date).ok();
        if let Some(date) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) {
            let reading = Reading { date, received: Instant::now() };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }
    }
}

impl Clock for TableClock {
    fn since_epoch(&self) -> Duration {
        let now = self.reading().map(|reading| reading.date + reading.received.elapsed());
        now.unwrap_or_else(|| SystemClock.since_epoch())
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
            self.set(date);
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
        assert!(!clock.is_known());
        clock.set("yesterday");
        assert!(!clock.is_known());
        clock.set("Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(clock.is_known());
        let now = clock.now();
        assert!((UnixSeconds(784_111_777)..UnixSeconds(784_111_877)).contains(&now), "{now}");
    }
}
