//! Invocations that ended without an answer of their function.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Why an invocation ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// Somebody had the process killed.
    Killed,
    /// It ran out of its time.
    TimedOut,
    /// The process ended by itself.
    Crashed,
    /// The answer came, but later than MiniStack waits: it gives up after the function's timeout, and
    /// counts what it takes to start an instance, as Lambda does not.
    Late,
}

/// How many of a function's invocations ended so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Interruptions {
    /// By having their process killed.
    pub killed: u64,
    /// By running out of time.
    pub timed_out: u64,
    /// By a process that ended by itself.
    pub crashed: u64,
    /// By MiniStack, which had not waited long enough for an instance to start.
    pub late: u64,
}

/// The counts of all functions.
#[derive(Default)]
pub(super) struct Tally(Mutex<BTreeMap<String, Interruptions>>);

impl Tally {
    pub(super) fn count(&self, function: &str, interruption: Interruption) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(function.to_owned()).or_default();
        match interruption {
            Interruption::Killed => counts.killed += 1,
            Interruption::TimedOut => counts.timed_out += 1,
            Interruption::Crashed => counts.crashed += 1,
            Interruption::Late => counts.late += 1,
        }
    }

    pub(super) fn counts(&self) -> BTreeMap<String, Interruptions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
