//! Logs and metrics, both in one JSON line per invocation; and the reports of panics and failed starts.

mod level;
mod line;
mod metric;
mod metrics;
mod panics;

pub use level::InvalidLevel;
pub use metric::{Metric, Source, Unit};
pub use metrics::{DIMENSION, Metrics, NAMESPACE};
pub use panics::{Panicked, catch_panic, report_panics};

use std::process::ExitCode;

use level::Level;
use line::JsonLines;

use crate::env::{self, EnvError};

/// Sends `tracing` events of level `LOG_LEVEL` (default `info`) and above to standard output as JSON lines, with their
/// [`Metrics`]. An uncaught panic is logged too. To be called at the start of the process; a second call does nothing.
///
/// # Errors
/// [`EnvError::Invalid`] when `LOG_LEVEL` is no level; `info` applies then.
pub fn init() -> Result<(), EnvError> {
    let level = env::or("LOG_LEVEL", Level::default());
    let filter = level.as_ref().map_or_else(|_| Level::default().filter(), Level::filter);
    // On an error another subscriber is installed already.
    let _ = tracing_subscriber::fmt().event_format(JsonLines).with_env_filter(filter).try_init();
    report_panics(|panicked| {
        tracing::error!(outcome = Panicked::OUTCOME, cause = %panicked, "panic");
    });
    level.map(drop)
}

/// Returns the exit code of a function, and logs its error. A function only ends by an error.
pub fn ended(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(outcome = "ended", cause = chain(&*error), "function");
            ExitCode::FAILURE
        }
    }
}

/// Formats an error and its sources in one line, each text once: errors of libraries often repeat their source.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let causes = std::iter::successors(Some(error), |error| error.source());
    for said in causes.map(ToString::to_string) {
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    let mut parts: Vec<_> = text.split(": ").collect();
    parts.dedup();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use mysql_async::{Error, ServerError};

    use super::*;
    use crate::session::SessionError;
    use crate::store::StoreError;

    #[test]
    fn each_cause_is_said_once() {
        let denied = ServerError {
            code: 1045,
            message: "Access denied for user 'a'".to_owned(),
            state: "28000".to_owned(),
        };
        let refused = SessionError::Connect { source: Error::Server(denied) };
        assert_eq!(chain(&refused).matches("1045").count(), 1, "{}", chain(&refused));
        let unreached = SessionError::Connect { source: io::Error::from_raw_os_error(111).into() };
        let said = chain(&unreached);
        assert!(said.starts_with("connecting failed: "), "{said}");
        for once in ["refused", "Input/output error"] {
            assert_eq!(said.matches(once).count(), 1, "{said}");
        }
        let read = StoreError::Table {
            phase: "read",
            pool: "Prod_MySQL".parse().expect("a name"),
            source: "the way to it".into(),
        };
        assert_eq!(chain(&read), "read of pool Prod_MySQL failed in the table: the way to it");
    }

    #[test]
    fn a_pool_is_called_by_its_name() {
        let unknown = StoreError::UnknownPool("nope".parse().expect("a name"));
        assert_eq!(unknown.to_string(), "no pool nope in the table");
    }
}
