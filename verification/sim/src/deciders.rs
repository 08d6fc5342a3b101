//! Those that decide: instances, each with its memory of every item.

use std::num::NonZeroU32;
use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::rejection::{RejectionCache, Tuning};

use crate::chance::Rng;
use crate::fleet::Fleet;
use crate::scenario::{Cloud, Routing, Scenario, Via};

/// One instance.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Its cached state of the pool.
    pub(crate) cache: RejectionCache,
    /// For each item, the callers that wait for the peek in flight.
    pub(crate) peeks: Vec<Option<Vec<usize>>>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Deciders {
    pub(crate) instances: Vec<Instance>,
    fleet: Fleet,
    shared: bool,
    items: NonZeroU32,
    tuning: Tuning,
}

impl Deciders {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let (most, routing, shared) = match scenario.via {
            Via::Counter(most, routing) => (most, routing, false),
            Via::Containers(routing) => (scenario.containers, routing, false),
            Via::Processes(count) => (count, Routing::Any(count), true),
        };
        let mut deciders = Self {
            instances: Vec::new(),
            fleet: Fleet::new(most, routing),
            shared,
            items: NonZeroU32::new(scenario.items()).unwrap_or(NonZeroU32::MIN),
            tuning: scenario.tuning,
        };
        deciders.start(deciders.fleet.started());
        deciders
    }

    /// An instance for a call, and the time until it is there. `None` when as many run as may.
    pub(crate) fn take(&mut self, cloud: &Cloud, rng: &mut Rng) -> Option<(usize, Duration)> {
        if self.shared {
            return Some((rng.random_range(0..self.instances.len()), Duration::ZERO));
        }
        let taken = self.fleet.take(rng)?;
        self.start(self.fleet.started());
        let ready = if taken.starts { cloud.cold_start.draw(rng) } else { Duration::ZERO };
        Some((taken.instance, ready))
    }

    /// The memory of the query's own instance, which decides for itself.
    pub(crate) fn of(&mut self, holder: usize) -> usize {
        self.start(holder + 1);
        holder
    }

    /// A call is over.
    pub(crate) fn leave(&mut self, instance: usize) {
        if !self.shared {
            self.fleet.leave(instance);
        }
    }

    /// Starts instances until there are `count`.
    fn start(&mut self, count: usize) {
        while self.instances.len() < count {
            self.instances.push(Instance {
                cache: RejectionCache::new(self.items, self.tuning),
                peeks: vec![None; self.items.get() as usize],
            });
        }
    }
}
