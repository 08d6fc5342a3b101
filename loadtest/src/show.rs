//! What the terminal shows at the end.

use std::{error::Error, fmt::Write, path::Path};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

use crate::report::{Class, Latency, Report, Server};

/// The tables, the verdict and where the files lie.
#[must_use]
pub fn summary(report: &Report, json: Option<&Path>, html: Option<&Path>) -> String {
    let mut text = format!("\n{}\n", answers(report));
    for reason in &report.broken.reasons {
        let _ = writeln!(text, "broken: {:>6} × {}", reason.count, reason.reason);
    }
    for example in &report.broken.examples {
        let _ = writeln!(text, "  e.g. {}: {}", example.reason, example.detail);
    }
    if let Some(server) = &report.server {
        let _ = writeln!(text, "{}", connections(server, report));
        if server.peak_is_sampled() {
            let _ = writeln!(
                text,
                "The server's record of {} connections is from before this run; the peak is from \
                 {} samples.",
                server.max_used_before, server.samples
            );
        }
    }
    let _ = writeln!(text, "{}", verdict(report));
    if let Some(path) = json {
        let _ = writeln!(text, "Numbers: {}", path.display());
    }
    if let Some(path) = html {
        let _ = writeln!(text, "Goose's report: {}", path.display());
    }
    text
}

/// An error and what caused it, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors repeat their source's words in their own.
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

/// The callers' side.
fn answers(report: &Report) -> Table {
    let mut table = table(&["answers", "count", "per second", "p50", "p95", "p99", "max"]);
    for (name, class) in [
        ("admitted", &report.admitted),
        ("rejected", &report.rejected),
        ("broken", &report.broken.class),
    ] {
        table.add_row(row(name, class));
    }
    table
}

/// The server's side.
fn connections(server: &Server, report: &Report) -> Table {
    let mut table = table(&["connections of the database server", "number"]);
    let refused = format!(
        "refused (Aborted_connects +{}, callers {}, Connection_errors_max_connections +{})",
        server.aborted_connects, report.refused_callers, server.connection_errors_max_connections
    );
    for (what, number) in [
        ("max_connections", server.max_connections),
        ("peak in use", server.peak_used()),
        ("peak of the service's own, sampled", server.peak_service),
        (&refused, report.refused),
    ] {
        table.add_row([what.to_owned(), number.to_string()]);
    }
    table
}

/// The last word, on one line.
fn verdict(report: &Report) -> String {
    if !report.verdict.pass {
        return format!("VERDICT: FAIL: {}", report.verdict.reasons.join("; "));
    }
    let mut text = format!(
        "VERDICT: PASS: {} admitted, {} rejected, 0 broken",
        report.admitted.count, report.rejected.count
    );
    if let Some(server) = &report.server {
        let _ = write!(
            text,
            "; the server refused none, {} of {} connections in use at the peak",
            server.peak_used(),
            server.max_connections
        );
    }
    text
}

/// An empty table whose numbers stand to the right.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(name: &str, class: &Class) -> Vec<String> {
    let latency = |pick: fn(&Latency) -> f64| {
        class.latency.as_ref().map_or_else(|| "–".to_owned(), |latency| millis(pick(latency)))
    };
    vec![
        name.to_owned(),
        class.count.to_string(),
        format!("{:.1}", class.per_second),
        latency(|l| l.p50_ms),
        latency(|l| l.p95_ms),
        latency(|l| l.p99_ms),
        latency(|l| l.max_ms),
    ]
}

/// Milliseconds, with a decimal where it matters.
fn millis(value: f64) -> String {
    if value < 10.0 { format!("{value:.1} ms") } else { format!("{value:.0} ms") }
}
