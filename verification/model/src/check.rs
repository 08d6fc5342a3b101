//! Checks a configuration exhaustively, and searches for the shortest counterexample of an ablation.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::configurations;
use crate::state::State;
use crate::step::Step;

/// States and the steps between them.
pub type Behaviour = Path<State, Step>;

/// The result of an exhaustive check.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub configuration: Configuration,
    /// Generated states, duplicates included.
    pub generated: usize,
    /// Unique states.
    pub unique: usize,
    /// Steps to the farthest state.
    pub depth: usize,
    /// The number of properties.
    pub properties: usize,
    /// The broken properties, each with a counterexample.
    pub broken: Vec<(&'static str, Behaviour)>,
    /// The coverage that was never reached.
    pub unreached: Vec<&'static str>,
    /// The time taken.
    pub took: Duration,
}

impl Checked {
    /// Whether all properties hold and all coverage was reached.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.unreached.is_empty()
    }
}

/// Checks all states of a configuration.
#[must_use]
pub fn exhaustively(configuration: &Configuration, threads: usize) -> Checked {
    let begun = Instant::now();
    let checked = configuration.clone().checker().threads(threads).spawn_bfs().join();
    let discoveries = checked.discoveries();
    let properties = configuration.properties();
    let mut unreached = Vec::new();
    let mut broken = Vec::new();
    for property in &properties {
        match (&property.expectation, discoveries.get(property.name)) {
            (Expectation::Sometimes, None) => unreached.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(behaviour)) => broken.push((property.name, behaviour.clone())),
        }
    }
    Checked {
        configuration: configuration.clone(),
        generated: checked.state_count(),
        unique: checked.unique_state_count(),
        depth: checked.max_depth(),
        properties: properties.len(),
        broken,
        unreached,
        took: begun.elapsed(),
    }
}

/// The result of an ablation.
#[derive(Debug)]
pub struct Ablated {
    /// The ablation.
    pub ablation: Ablation,
    /// Its configuration.
    pub configuration: Configuration,
    /// The first broken property, with the shortest counterexample.
    pub broken: Option<(&'static str, Behaviour)>,
}

impl Ablated {
    /// Whether a property broke, or none did and the ablation is declared harmless.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        self.broken.is_some() != self.ablation.harmless().is_some()
    }
}

/// Checks ablations, two at a time.
///
/// # Errors
/// As [`ablated`].
///
/// # Panics
/// When a check does.
pub fn all_ablated(ablations: &[Ablation]) -> anyhow::Result<Vec<Ablated>> {
    let (left, right) = ablations.split_at(ablations.len() / 2);
    std::thread::scope(|scope| {
        let right = scope.spawn(|| right.iter().copied().map(ablated).collect());
        let mut all: Vec<Ablated> =
            left.iter().copied().map(ablated).collect::<anyhow::Result<_>>()?;
        let right: anyhow::Result<Vec<_>> =
            right.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        all.extend(right?);
        Ok(all)
    })
}

/// Searches for the shortest counterexample of an ablation, without coverage. Uses one thread, so that the first
/// counterexample found is the shortest.
///
/// # Errors
/// When the ablation names an unknown configuration.
pub fn ablated(ablation: Ablation) -> anyhow::Result<Ablated> {
    let name = ablation.configuration();
    let configuration =
        configurations::named(name).ok_or_else(|| anyhow::anyhow!("no configuration {name:?}"))?;
    let configuration =
        Configuration { ablation: Some(ablation), coverage: Vec::new(), ..configuration };
    let checker = configuration.clone().checker().finish_when(HasDiscoveries::AnyFailures);
    let broken = checker
        .spawn_bfs()
        .join()
        .discoveries()
        .into_iter()
        .min_by_key(|(name, behaviour)| (behaviour.clone().into_actions().len(), *name));
    Ok(Ablated { ablation, configuration, broken })
}
