//! Logs and metrics: JSON, one line an invocation, which both are read from.

mod line;
mod metric;
mod metrics;

pub use metric::{Metric, Source, Unit};
pub use metrics::{DIMENSION, Metrics, NAMESPACE};

use line::JsonLines;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Sends `tracing` events to standard output as JSON lines, from level `LOG_LEVEL` (default `info`)
/// up; [`Metrics`] go with their lines. To be called once, at the start of the process; a second call
/// changes nothing.
pub fn init() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    // A second subscriber is refused; the first one serves as well.
    let _ = tracing_subscriber::fmt()
        .event_format(JsonLines)
        .with_env_filter(filter(&level))
        .try_init();
}

/// What is logged at a `LOG_LEVEL`; what makes no sense in it is left out.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(level)
}

/// An error and what caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_logged_unless_it_is_said_otherwise() {
        assert_eq!(filter("").max_level_hint(), Some(LevelFilter::INFO));
        assert_eq!(filter("warn").max_level_hint(), Some(LevelFilter::WARN));
        assert_eq!(filter("debug").max_level_hint(), Some(LevelFilter::DEBUG));
    }
}
