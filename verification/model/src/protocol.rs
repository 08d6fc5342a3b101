//! The model: which steps a state allows, and what each comes to.

use stateright::{Model, Property};

use crate::configuration::Configuration;
use crate::properties;
use crate::removed::Guard;
use crate::shards::Shards;
use crate::state::{Holder, State};
use crate::step::Step;
use crate::{counter, holder, resize, server};

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
        let Configuration { shards, kept, holders, .. } = &self.configuration;
        vec![State {
            now: 0,
            pool: Shards::new(shards, *kept),
            tasks: Vec::new(),
            holders: holders.iter().map(Holder::idle).collect(),
            drawn: 0,
            resized: 0,
            shares: Vec::new(),
            most: shards.iter().sum(),
            disowned: false,
            misused: false,
            resent: false,
            orders: self.configuration.orders,
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
        resize::steps(configuration, state, steps);
        if state.orders > 0 {
            steps.push(if state.pool.iter().any(|item| item.draining) {
                Step::Resume
            } else {
                Step::Drain
            });
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
            Step::Resize => resize::resize(configuration, &mut state),
            Step::GiveShare => resize::give_share(configuration, &mut state),
            Step::Drain | Step::Resume => {
                for item in state.pool.iter_mut() {
                    item.draining = step == Step::Drain;
                }
                state.orders -= 1;
            }
            Step::Holder(at, step) => holder::take(configuration, &mut state, at, step),
            Step::Counter(step) => counter::take(configuration, &mut state, step),
            Step::Server(at, step) => server::take(configuration, &mut state, at, step),
        }
        state.judge(resize::asked(configuration, &state));
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.configuration)
    }
}
