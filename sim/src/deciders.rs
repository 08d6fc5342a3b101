//! Those that decide: instances, each with its memory of every item.

use std::num::NonZeroUsize;
use std::time::Duration;

use rand::RngExt;
use rds_admission::pool::frugal::{Frugal, Tuning};

use crate::chance::Dice;
use crate::scenario::{Cloud, Routing, Scenario, Via};

/// One instance.
#[derive(Debug)]
pub(crate) struct Instance {
    /// What it remembers of the pool.
    pub(crate) memory: Frugal,
    /// The callers that wait for the look at each item that is under way.
    pub(crate) looking: Vec<Option<Vec<usize>>>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Deciders {
    pub(crate) instances: Vec<Instance>,
    idle: Vec<usize>,
    most: usize,
    routing: Routing,
    shared: bool,
    items: NonZeroUsize,
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
            idle: Vec::new(),
            most,
            routing,
            shared,
            items: NonZeroUsize::new(scenario.items() as usize).unwrap_or(NonZeroUsize::MIN),
            tuning: scenario.tuning,
        };
        if let Routing::Any(warm) = routing {
            for _ in 0..warm.min(most) {
                let instance = deciders.start();
                deciders.idle.push(instance);
            }
        }
        deciders
    }

    /// An instance for a call, and the time until it is there. `None` when as many run as may.
    pub(crate) fn take(&mut self, cloud: &Cloud, dice: &mut Dice) -> Option<(usize, Duration)> {
        if self.shared {
            return Some((dice.random_range(0..self.instances.len()), Duration::ZERO));
        }
        let idle = match self.routing {
            Routing::Any(_) if self.idle.len() > 1 => {
                let nth = dice.random_range(0..self.idle.len());
                Some(self.idle.swap_remove(nth))
            }
            _ => self.idle.pop(),
        };
        if let Some(instance) = idle {
            return Some((instance, Duration::ZERO));
        }
        (self.instances.len() < self.most).then(|| (self.start(), cloud.cold_start.draw(dice)))
    }

    /// A call is over.
    pub(crate) fn leave(&mut self, instance: usize) {
        if !self.shared {
            self.idle.push(instance);
        }
    }

    fn start(&mut self) -> usize {
        self.instances.push(Instance {
            memory: Frugal::new(self.items, self.tuning),
            looking: vec![None; self.items.get()],
        });
        self.instances.len() - 1
    }
}
