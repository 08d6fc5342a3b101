//! The tables.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::check::{Behaviour, Checked, Judged};

/// A row for each configuration.
#[must_use]
pub fn configurations(checked: &[Checked]) -> Table {
    let mut table = table(&[
        "configuration",
        "covers",
        "states generated",
        "unique",
        "depth",
        "properties",
        "time",
        "verdict",
    ]);
    for column in 2..=6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for checked in checked {
        let broken = checked.broken.iter().map(|(name, _)| format!("broken: {name}"));
        let unreached = checked.unreached.iter().map(|name| format!("never: {name}"));
        let verdict: Vec<_> = broken.chain(unreached).collect();
        table.add_row([
            checked.configuration.name.to_owned(),
            checked.configuration.covers.to_owned(),
            thousands(checked.generated),
            thousands(checked.unique),
            checked.depth.to_string(),
            checked.properties.to_string(),
            format!("{:.1} s", checked.took.as_secs_f64()),
            if verdict.is_empty() { "holds".to_owned() } else { verdict.join("; ") },
        ]);
    }
    table
}

/// A row for each mutant; `what` was removed from it.
#[must_use]
pub fn mutants(what: &str, judged: &[Judged]) -> Table {
    let mut table = table(&["mutant", what, "configuration", "what broke", "steps"]);
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for judged in judged {
        let mutant = judged.mutant;
        let broken = match (&judged.broken, mutant.spare) {
            (Some((property, _)), None) => (*property).to_owned(),
            (Some((property, _)), Some(_)) => format!("NOT SPARE: {property}"),
            (None, Some(why)) => format!("nothing; {why}"),
            (None, None) => "NOTHING: it survives".to_owned(),
        };
        let steps = judged.broken.as_ref().map(|(_, behaviour)| steps(behaviour).to_string());
        table.add_row([
            mutant.name.to_owned(),
            mutant.without.to_owned(),
            mutant.configuration.to_owned(),
            broken,
            steps.unwrap_or_default(),
        ]);
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header.iter().copied());
    table
}

fn steps(behaviour: &Behaviour) -> usize {
    behaviour.clone().into_actions().len()
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev();
    grouped.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}
