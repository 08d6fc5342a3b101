//! The tables.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::check::{Ablated, Checked};

/// A row for each configuration.
#[must_use]
pub fn configurations(checked: &[Checked]) -> Table {
    let heads = [
        "configuration",
        "covers",
        "states generated",
        "unique",
        "depth",
        "properties",
        "time",
        "verdict",
    ];
    let mut table = table(&heads, 2..=6);
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

/// A row for each ablation; `removed` heads what was removed.
#[must_use]
pub fn ablations(removed: &str, all: &[Ablated]) -> Table {
    let mut table = table(&["name", removed, "configuration", "what broke", "steps"], 4..=4);
    for Ablated { ablation, broken, .. } in all {
        let result = match (broken, ablation.harmless()) {
            (Some((property, _)), None) => (*property).to_owned(),
            (Some((property, _)), Some(_)) => format!("NOT HARMLESS: {property}"),
            (None, Some(reason)) => format!("nothing: {reason}"),
            (None, None) => "NOTHING".to_owned(),
        };
        let steps = broken.as_ref().map(|(_, behaviour)| behaviour.clone().into_actions().len());
        table.add_row([
            ablation.name().to_owned(),
            ablation.removed().to_owned(),
            ablation.configuration().to_owned(),
            result,
            steps.map_or_else(String::new, |steps| steps.to_string()),
        ]);
    }
    table
}

fn table(heads: &[&str], right_aligned: std::ops::RangeInclusive<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads.iter().copied());
    for column in right_aligned {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev();
    grouped.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}
