//! The summary on the terminal.

use std::{fmt::Write, path::Path};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

use crate::{
    report::{Admission, Class, Report, Run},
    verdict::percent,
};

/// The table, the reasons, the files and the verdict.
pub(crate) fn summary(report: &Report, out: Option<&Path>) -> String {
    let mut text = format!("\n{}\n", numbers(&report.runs));
    for run in &report.runs {
        let name = name(run.admission);
        for reason in &run.rejected.reasons {
            let _ = writeln!(text, "{name}, rejected: {:>6} × {}", reason.count, reason.reason);
        }
        for reason in &run.broken.reasons {
            let _ = writeln!(text, "{name}, broken:   {:>6} × {}", reason.count, reason.reason);
        }
        for example in &run.broken.examples {
            let _ = writeln!(text, "  e.g. {}: {}", example.reason, example.detail);
        }
    }
    for note in &report.verdict.notes {
        let _ = writeln!(text, "Note: {note}.");
    }
    if let Some(out) = out {
        let _ = writeln!(text, "Report: {}", out.join(crate::files::PAGE).display());
    }
    let _ = writeln!(text, "{}", verdict(report));
    text
}

/// The name of a run.
pub(crate) fn name(admission: Admission) -> &'static str {
    match admission {
        Admission::Bypassed => "without admission",
        Admission::On => "with admission",
        Admission::AsDeployed => "as deployed",
    }
}

/// A row: its label and its value for a run.
type Row = (&'static str, fn(&Run) -> String);

/// The table, with a column for each run.
fn numbers(runs: &[Run]) -> Table {
    let mut table = Table::new();
    let header = std::iter::once("").chain(runs.iter().map(|run| name(run.admission)));
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let rows: [Row; 12] = [
        ("offered", |run| run.offered.to_string()),
        ("admitted", |run| count(&run.admitted)),
        ("rejected", |run| count(&run.rejected.class)),
        ("broken", |run| count(&run.broken.class)),
        ("refused by the server (1040)", |run| run.refused.to_string()),
        ("most connections in use", |run| {
            or_dash(run.server.as_ref().map(|value| of(value.peak_used, value.max_connections)))
        }),
        ("most slots in use", |run| {
            or_dash(run.slots.as_ref().map(|value| of(value.peak, value.standard)))
        }),
        ("slots used while callers were rejected", |run| {
            let utilisation = run.slots.as_ref().and_then(|slots| slots.utilisation);
            or_dash(utilisation.map(|value| percent(value.mean)))
        }),
        ("admitted: p50, p99, p99.9", |run| latencies(&run.admitted)),
        ("rejected: p50, p99, p99.9", |run| latencies(&run.rejected.class)),
        ("patient users: admitted, rejected", |run| clients(run, true)),
        ("impatient users: admitted, rejected", |run| clients(run, false)),
    ];
    for (label, value) in rows {
        let cells: Vec<String> = runs.iter().map(value).collect();
        // A row without any value is left out.
        if cells.iter().any(|cell| cell != DASH) {
            table.add_row(std::iter::once(label.to_owned()).chain(cells));
        }
    }
    table
}

const DASH: &str = "–";

fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| DASH.to_owned())
}

fn of(used: impl Into<u64>, limit: impl Into<u64>) -> String {
    format!("{} of {}", used.into(), limit.into())
}

fn count(class: &Class) -> String {
    format!("{} ({:.1}/s)", class.count, class.per_second)
}

fn latencies(class: &Class) -> String {
    or_dash(class.latency.as_ref().map(|latency| {
        let [p50, p99, p999] = [latency.p50_ms, latency.p99_ms, latency.p999_ms].map(millis);
        format!("{p50}, {p99}, {p999} ms")
    }))
}

fn clients(run: &Run, honour_retry_after: bool) -> String {
    let clients = run.clients.iter().find(|kind| kind.honour_retry_after == honour_retry_after);
    or_dash(clients.map(|kind| format!("{}, {}", kind.admitted.count, kind.rejected.count)))
}

/// Milliseconds, with a decimal below 10.
fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// The verdict on one line.
fn verdict(report: &Report) -> String {
    if !report.verdict.pass {
        return format!("VERDICT: FAIL: {}", report.verdict.reasons.join("; "));
    }
    let mut text = "VERDICT: PASS".to_owned();
    for (run, before) in report.runs.iter().zip([": ", ". "]) {
        let _ = write!(
            text,
            "{before}{}: {} admitted, {} rejected, {} broken",
            name(run.admission),
            run.admitted.count,
            run.rejected.class.count,
            run.broken.class.count
        );
        if run.server.is_some() {
            let _ = write!(text, ", {} refused by the server", run.refused);
        }
    }
    text
}
