//! The latest samples, for who looks on.

use std::sync::{Mutex, PoisonError};

/// A filling and its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// How many are in use.
    pub used: u64,
    /// How many there are.
    pub of: u64,
}

/// The latest samples of a run; each is missing until it was taken.
#[derive(Debug, Default)]
pub struct Gauges(Mutex<Latest>);

/// See [`Gauges`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// The pool's slots in use, of those that class `standard` may take.
    pub slots: Option<Gauge>,
    /// The server's connections.
    pub connections: Option<Gauge>,
}

impl Gauges {
    /// Notes the latest sample of the slots.
    pub fn set_slots(&self, used: u64, of: u64) {
        self.lock().slots = Some(Gauge { used, of });
    }

    /// Notes the latest sample of the server's connections.
    pub fn set_connections(&self, used: u64, of: u64) {
        self.lock().connections = Some(Gauge { used, of });
    }

    /// The latest samples.
    #[must_use]
    pub fn latest(&self) -> Latest {
        *self.lock()
    }

    /// A sample is set whole or not at all, so a poisoned lock is no news.
    fn lock(&self) -> std::sync::MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
