//! The model: the steps that a state allows, and the state after a step.

use stateright::{Model, Property};

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::shards::Shards;
use crate::state::{Holder, State};
use crate::step::Step;
use crate::{counter, holder, properties, resize, server};

impl Model for Configuration {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 0,
            pool: Shards::new(self.shards, self.reserved),
            tasks: Vec::new(),
            holders: self.holders.iter().map(Holder::idle).collect(),
            anonymous_ids: 0,
            resized: 0,
            shares: Vec::new(),
            most: self.shards.iter().sum(),
            disowned: false,
            misused: false,
            resent: false,
            drain_orders: self.drain_orders,
            sweeps: self.sweeps,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for at in 0..state.holders.len() {
            holder::steps(self, state, at, steps);
            server::steps(state, at, steps);
            counter::deliveries(self, state, at, steps);
        }
        counter::sweeps(self, state, steps);
        counter::writes(self, state, steps);
        resize::steps(self, state, steps);
        if state.drain_orders > 0 {
            let draining = state.pool.iter().any(|item| item.draining);
            steps.push(if draining { Step::Resume } else { Step::Drain });
        }
        if state.now < self.timing.ticks(self.horizon) && !state.something_is_due() {
            steps.push(Step::Tick { frozen_clock: None });
            if self.lacks(Ablation::WallClock) {
                let holding = (0..state.holders.len()).filter(|at| state.holders[*at].has_slot());
                steps.extend(holding.map(|at| Step::Tick { frozen_clock: Some(at) }));
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Tick { frozen_clock } => {
                state.now += 1;
                if let Some(at) = frozen_clock {
                    state.holders[at].clock_behind += 1;
                }
            }
            Step::Resize => resize::resize(self, &mut state),
            Step::WriteShare => resize::write_share(self, &mut state),
            Step::Drain | Step::Resume => {
                for item in state.pool.iter_mut() {
                    item.draining = step == Step::Drain;
                }
                state.drain_orders -= 1;
            }
            Step::Holder(at, step) => holder::take(self, &mut state, at, step),
            Step::Counter(step) => counter::take(self, &mut state, step),
            Step::Server(at, step) => server::take(self, &mut state, at, step),
        }
        state.judge(resize::requested(self, &state));
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self)
    }
}
