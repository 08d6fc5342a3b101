//! Checking a configuration, exhaustively, and looking for a mutant's shortest counterexample.

use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use crate::configuration::Configuration;
use crate::configurations;
use crate::mutants::Mutant;
use crate::protocol::Protocol;
use crate::state::State;
use crate::step::Step;

/// A behaviour: states and the steps between them.
pub type Behaviour = Path<State, Step>;

/// What the check of a configuration came to.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub configuration: Configuration,
    /// States that were generated, the same ones counted again.
    pub generated: usize,
    /// States.
    pub unique: usize,
    /// The steps to the state that is farthest.
    pub depth: usize,
    /// How many properties were checked.
    pub properties: usize,
    /// The properties that broke, each with a behaviour that breaks it.
    pub broken: Vec<(&'static str, Behaviour)>,
    /// What was never reached though it should be.
    pub unreached: Vec<&'static str>,
    /// How long it took.
    pub took: Duration,
}

impl Checked {
    /// Whether everything holds, and everything was reached.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.unreached.is_empty()
    }
}

/// Checks all states of a configuration.
#[must_use]
pub fn exhaustively(configuration: &Configuration, threads: usize) -> Checked {
    let protocol = Protocol { configuration: configuration.clone() };
    let begun = Instant::now();
    let checked = protocol.clone().checker().threads(threads).spawn_bfs().join();
    let discoveries = checked.discoveries();
    let properties = protocol.properties();
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

/// What became of a mutant.
#[derive(Debug)]
pub struct Judged {
    /// The mutant.
    pub mutant: Mutant,
    /// The property that broke first, and the shortest behaviour that breaks it.
    pub broken: Option<(&'static str, Behaviour)>,
    /// States until then, or all of them.
    pub unique: usize,
    /// How long it took.
    pub took: Duration,
}

impl Judged {
    /// Whether it is as it should be: it broke something, or is known to be spare and broke nothing.
    #[must_use]
    pub fn as_expected(&self) -> bool {
        self.broken.is_some() != self.mutant.spare.is_some()
    }
}

/// Judges mutants, two at a time.
///
/// # Errors
/// As [`mutant`].
///
/// # Panics
/// When a check does.
pub fn mutants(mutants: &[Mutant]) -> anyhow::Result<Vec<Judged>> {
    let (left, right) = mutants.split_at(mutants.len() / 2);
    std::thread::scope(|scope| {
        let right = scope.spawn(|| right.iter().copied().map(mutant).collect());
        let mut judged: Vec<Judged> =
            left.iter().copied().map(mutant).collect::<anyhow::Result<_>>()?;
        let right: anyhow::Result<Vec<_>> =
            right.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        judged.extend(right?);
        Ok(judged)
    })
}

/// The configuration in which a mutant is judged: only what has to hold always counts there.
///
/// # Errors
/// When the mutant names a configuration that there is not.
pub fn configuration_of(mutant: Mutant) -> anyhow::Result<Configuration> {
    let configuration = configurations::named(mutant.configuration)
        .ok_or_else(|| anyhow::anyhow!("no configuration {:?}", mutant.configuration))?;
    let configuration = configuration.without(mutant.removed);
    Ok(Configuration { reached: Vec::new(), ..configuration })
}

/// Looks for the shortest behaviour of a mutant that breaks a property. One thread, so that the first
/// one found is the shortest.
///
/// # Errors
/// When the mutant names a configuration that there is not.
pub fn mutant(mutant: Mutant) -> anyhow::Result<Judged> {
    let configuration = configuration_of(mutant)?;
    let protocol = Protocol { configuration };
    let begun = Instant::now();
    let checked = protocol.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let shortest = checked
        .discoveries()
        .into_iter()
        .min_by_key(|(name, behaviour)| (behaviour.clone().into_actions().len(), *name));
    Ok(Judged {
        mutant,
        broken: shortest,
        unique: checked.unique_state_count(),
        took: begun.elapsed(),
    })
}
