//! The tables.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, ensure};
use comfy_table::Table;
use support::document::table;

use crate::column::{Column, Section, percent};
use crate::constants::{probes, variations};
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::run;

/// Simulates the runs of a section.
///
/// # Errors
/// When more slots were in use than there are, or more kept than allowed, or a connection was open without one: then
/// the simulation or the rules are wrong.
pub fn section(section: &Section) -> Result<Table> {
    let mut table = table(section.columns.iter().map(|column| column.head));
    for (scenario, outcome) in section.rows.iter().zip(run_all(&section.rows)) {
        let (out, slots) = (outcome.most_out, scenario.slots);
        ensure!(out <= slots, "{}: {out} of {slots} slots were in use", scenario.name);
        let (open, bereft) = (outcome.most_connections, outcome.bereft);
        ensure!(open <= slots, "{}: {open} connections for {slots} slots", scenario.name);
        ensure!(bereft == 0, "{}: {bereft} connections without a lease", scenario.name);
        let most = scenario.query.and_then(|query| query.warm).map(|warm| warm.below().of(1));
        let kept = outcome.most_kept;
        ensure!(most.is_none_or(|most| kept < most), "{}: {kept} kept", scenario.name);
        table.add_row(section.columns.iter().map(|column| (column.cell)(scenario, &outcome)));
    }
    Ok(table)
}

/// Simulates the reference with `count` seeds, and shows the range of the results.
#[must_use]
pub fn seeds(count: u64) -> Table {
    let seeded: Vec<_> = (1..=count).map(|seed| Scenario { seed, ..Scenario::default() }).collect();
    let outcomes = run_all(&seeded);
    let mut table = table(["reference", "least", "most"]);
    let mut row = |name: &str, value: fn(&Outcome) -> f64, shown: fn(f64) -> String| {
        let values = || outcomes.iter().map(value);
        let least = shown(values().fold(f64::INFINITY, f64::min));
        table.add_row([name.to_owned(), least, shown(values().fold(0.0, f64::max))]);
    };
    row(Column::UTILISATION.head, |outcome| outcome.utilisation, percent);
    row(Column::UNITS.head, Outcome::units_per_rejection, |units| format!("{units:.2}"));
    row("admitted/s", |outcome| outcome.goodput, |goodput| format!("{goodput:.1}"));
    table
}

/// Simulates what becomes of the rule with other numbers.
#[must_use]
pub fn constants() -> Table {
    let (probes, variations) = (probes(), variations());
    let names = probes.iter().map(|probe| probe.name);
    let mut table = table(["constant"].into_iter().chain(names));
    let runs: Vec<_> = variations
        .iter()
        .flat_map(|variation| {
            let tuning = variation.tuning;
            probes.iter().map(move |probe| Scenario { tuning, ..probe.scenario.clone() })
        })
        .collect();
    let outcomes = run_all(&runs);
    for (variation, outcomes) in variations.iter().zip(outcomes.chunks(probes.len())) {
        let cells = probes.iter().zip(outcomes).map(|(probe, outcome)| (probe.shown)(outcome));
        table.add_row([variation.name.clone()].into_iter().chain(cells));
    }
    table
}

/// Simulates all of them, as many at once as the machine can. Each has its own generator, so that the outcome
/// does not depend on that.
fn run_all(scenarios: &[Scenario]) -> Vec<Outcome> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![Outcome::default(); scenarios.len()]);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(nth) else { break };
                    let outcome = run(scenario);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner)[nth] = outcome;
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}
