//! The instances of a function.

use rand::RngExt;

use crate::chance::Rng;
use crate::scenario::Routing;

/// The instances of a function by their numbers, each of which takes one call at a time.
#[derive(Debug)]
pub(crate) struct Fleet {
    idle: Vec<usize>,
    started: usize,
    most: usize,
    routing: Routing,
}

/// An instance that takes a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) instance: usize,
    /// Whether it is not there yet.
    pub(crate) starts: bool,
}

impl Fleet {
    pub(crate) fn new(most: usize, routing: Routing) -> Self {
        let started = match routing {
            Routing::Any(warm) => warm.min(most),
            Routing::Recent => 0,
        };
        Self { idle: (0..started).collect(), started, most, routing }
    }

    /// How many there are.
    pub(crate) fn started(&self) -> usize {
        self.started
    }

    /// An instance for a call. `None` when as many run as may.
    pub(crate) fn take(&mut self, rng: &mut Rng) -> Option<Taken> {
        let idle = match self.routing {
            Routing::Any(_) if self.idle.len() > 1 => {
                let nth = rng.random_range(0..self.idle.len());
                Some(self.idle.swap_remove(nth))
            }
            _ => self.idle.pop(),
        };
        if let Some(instance) = idle {
            return Some(Taken { instance, starts: false });
        }
        (self.started < self.most).then(|| {
            self.started += 1;
            Taken { instance: self.started - 1, starts: true }
        })
    }

    /// A call is over.
    pub(crate) fn leave(&mut self, instance: usize) {
        self.idle.push(instance);
    }
}
