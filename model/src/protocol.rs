//! The model: which steps a state allows, and what each comes to.

use stateright::{Model, Property};

use crate::configuration::Configuration;
use crate::properties;
use crate::removed::Guard;
use crate::state::{Holder, State};
use crate::step::Step;
use crate::table::Table;
use crate::{counter, holder, server};

/// The protocol in one configuration.
#[derive(Debug, Clone)]
pub struct Protocol {
    /// The configuration.
    pub configuration: Configuration,
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let Configuration { slots, kept, holders, .. } = &self.configuration;
        let idle = holders.iter().map(|script| Holder::idle(script.statements(), script.renewals));
        vec![State {
            now: 0,
            table: Table::new(*slots, *kept),
            tasks: Vec::new(),
            holders: idle.collect(),
            drawn: 0,
            resized: false,
            drained: false,
            orders: if self.configuration.drains { 2 } else { 0 },
            sweeps: self.configuration.sweeps,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let configuration = &self.configuration;
        for at in 0..state.holders.len() {
            holder::steps(configuration, state, at, steps);
            server::steps(state, at, steps);
            counter::deliveries(configuration, state, at, steps);
        }
        counter::sweeps(configuration, state, steps);
        counter::writes(configuration, state, steps);
        if configuration.resized_to.is_some() && !state.resized {
            steps.push(Step::Resize);
        }
        if state.orders > 0 {
            steps.push(if state.table.draining { Step::Resume } else { Step::Drain });
        }
        if state.now < configuration.timing.ticks(configuration.horizon)
            && !state.something_is_due()
        {
            steps.push(Step::Tick { standing: None });
            if configuration.removed.guard(Guard::WallClock) {
                let holding = (0..state.holders.len()).filter(|at| state.holders[*at].has_slot());
                steps.extend(holding.map(|at| Step::Tick { standing: Some(at) }));
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let configuration = &self.configuration;
        let mut state = last.clone();
        match step {
            Step::Tick { standing } => {
                state.now += 1;
                if let Some(at) = standing {
                    state.holders[at].stood_still += 1;
                }
            }
            Step::Resize => {
                state.table.slots = configuration.resized_to.unwrap_or(state.table.slots);
                state.resized = true;
            }
            Step::Drain | Step::Resume => {
                state.table.draining = step == Step::Drain;
                state.orders -= 1;
            }
            Step::Holder(at, step) => holder::take(configuration, &mut state, at, step),
            Step::Counter(step) => counter::take(configuration, &mut state, step),
            Step::Server(at, step) => server::take(configuration, &mut state, at, step),
        }
        if state.resized && !state.drained {
            state.drained = state.table.leases.len() <= usize::from(state.table.slots);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.configuration)
    }
}
