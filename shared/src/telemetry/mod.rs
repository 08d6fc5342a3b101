//! Logs and metrics: JSON, one line an invocation, which both are read from. And what becomes of a program
//! that panics, or can't start.

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

/// Sends `tracing` events to standard output as JSON lines, from level `LOG_LEVEL` (default `info`)
/// up; [`Metrics`] go with their lines. So does a panic that nobody catches. To be called once, at the start of
/// the process; a second call changes nothing.
///
/// # Errors
/// [`EnvError::Invalid`] when `LOG_LEVEL` is no level; what is logged then is logged from `info` up.
pub fn init() -> Result<(), EnvError> {
    let level = env::or("LOG_LEVEL", Level::default());
    let filter = level.as_ref().map_or_else(|_| Level::default().filter(), Level::filter);
    // A second subscriber is refused; the first one serves as well.
    let _ = tracing_subscriber::fmt().event_format(JsonLines).with_env_filter(filter).try_init();
    report_panics(|panicked| {
        tracing::error!(outcome = Panicked::OUTCOME, cause = %panicked, "panic");
    });
    level.map(drop)
}

/// The exit code of a function that has come to its end, which it never does by itself: what went wrong is
/// logged, in one line.
pub fn ended(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(outcome = "ended", cause = chain(&*error), "function");
            ExitCode::FAILURE
        }
    }
}

/// An error and what caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
