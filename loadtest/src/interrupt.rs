//! Ends a test early, on a signal.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// The exit code when there was nothing to judge, or a run, the report or the restoring of the function failed; clap uses
/// the same for bad arguments.
pub(crate) const NO_RUN: u8 = 2;

/// Whether and since when the test is interrupted. Clones share the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<OnceLock<Instant>>);

impl Interrupt {
    /// Is set by the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process at once.
    ///
    /// Goose handles Ctrl-C only while it runs, but the test must also restore the query function.
    pub(crate) fn by_signal() -> Result<Self, ctrlc::Error> {
        let interrupt = Self::default();
        let handler = interrupt.clone();
        ctrlc::set_handler(move || {
            if handler.is_set() {
                print("loadtest: ended at once; the query function may not be restored");
                std::process::exit(NO_RUN.into());
            }
            print("loadtest: ending (repeat to end at once)");
            handler.set();
        })?;
        Ok(interrupt)
    }

    pub(crate) fn set(&self) {
        self.0.get_or_init(Instant::now);
        // Makes goose stop before its run time is over.
        goose::trigger_killswitch("interrupted");
    }

    pub(crate) fn is_set(&self) -> bool {
        self.at().is_some()
    }

    /// When the test was interrupted.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

fn print(text: &str) {
    // A failed write can't be reported.
    let _ = writeln!(std::io::stderr(), "{text}");
}
