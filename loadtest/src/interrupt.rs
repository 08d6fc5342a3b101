//! Ending a test before its time, and in order.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
    time::Instant,
};

/// Whether somebody wants the test to end, and since when. Cheap to clone; all clones are the same wish.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<OnceLock<Instant>>);

impl Interrupt {
    /// Is set by the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process at once.
    ///
    /// Goose would handle Ctrl-C itself, but only while it runs: the test has also to put back what it
    /// has switched.
    ///
    /// # Errors
    /// When the process handles these signals already.
    pub fn by_signal() -> Result<Self, ctrlc::Error> {
        let interrupt = Self::default();
        let wish = interrupt.clone();
        ctrlc::set_handler(move || {
            if wish.is_set() {
                say("loadtest: ended at once; what it had switched may not be switched back");
                std::process::exit(crate::NO_RUN.into());
            }
            say("loadtest: ending in order (once more to end at once)");
            wish.set();
        })?;
        Ok(interrupt)
    }

    /// Wishes the test to end.
    pub fn set(&self) {
        self.0.get_or_init(Instant::now);
        // Goose does not start anew what it should end, nor wait for the end of its time.
        goose::trigger_killswitch("interrupted");
    }

    /// Whether the test should end.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.at().is_some()
    }

    /// When the test should have ended, if it should.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

fn say(what: &str) {
    // There is nowhere left to say that this failed, and the signal counts all the same.
    let _ = writeln!(std::io::stderr(), "{what}");
}
