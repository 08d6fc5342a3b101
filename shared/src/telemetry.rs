//! Logs: JSON, one line an invocation.

use tracing_subscriber::EnvFilter;

/// Sends `tracing` events to standard output as JSON lines, from level `LOG_LEVEL` (default `info`)
/// up. To be called once, at the start of the process; a second call changes nothing.
pub fn init() {
    let level = std::env::var("LOG_LEVEL").unwrap_or_default();
    let filter = EnvFilter::builder().parse(level).unwrap_or_default();
    let filter = if filter.max_level_hint().is_none() { EnvFilter::new("info") } else { filter };
    // A second subscriber is refused; the first one serves as well.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .with_env_filter(filter)
        .try_init();
}

/// An error and what caused it, in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
