//! The report of a run, as tables and as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use crate::aftermath::Aftermath;
use crate::evidence::Evidence;
use crate::ledger::{Entry, Group, Kind};
use crate::verdict::Verdict;

/// Prints the report.
pub(crate) fn print(evidence: &Evidence, verdict: &Verdict) {
    println!("{}\n", faults(&evidence.faults));
    println!("{}\n", counts("answer", &evidence.answers));
    println!("{}\n", counts("a frozen query's outcome after the thaw", &evidence.frozen.outcomes));
    println!("{}", summary(evidence));
    for sample in &evidence.above {
        println!("above: {sample}");
    }
    if verdict.passed() {
        println!("\nPASS");
    } else {
        println!("\nFAIL");
        for failure in verdict.failures() {
            println!("- {failure}");
        }
    }
}

fn faults(faults: &BTreeMap<Kind, Entry>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["fault", "", "count", "recovered after: median", "p95", "max"]);
    for column in 2..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (Kind { group, name }, entry) in faults {
        let of = |percent| {
            entry.percentile(percent).map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"))
        };
        let count = entry.count.to_string();
        table.add_row([
            group_name(*group).to_owned(),
            name.clone(),
            count,
            of(50),
            of(95),
            of(100),
        ]);
    }
    table
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Kill => "kill",
        Group::Freeze => "freeze",
        Group::Aws => "AWS",
        Group::Database => "database",
    }
}

fn counts(what: &str, counts: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([what, "count"]);
    for (name, count) in counts {
        table.add_row([name.clone(), count.to_string()]);
    }
    table
}

fn summary(evidence: &Evidence) -> String {
    let Evidence {
        slots,
        all_slots,
        server_samples,
        most_connections,
        pool_samples,
        most_leases,
        ..
    } = evidence;
    let Aftermath { left_behind, granted, in_use, .. } = &evidence.aftermath;
    format!(
        "backend: the {}; items: {}; kills: {}; freezes: {}\n\
         connections: at most {most_connections} by the server's list, {} by the kernel's, \
         in {server_samples} samples; {slots} slots\n\
         leases: at most {most_leases} in {pool_samples} samples\n\
         requests on kept slots: {}\n\
         frozen beyond their lease: {} checks, {} connections\n\
         gateway's own answers: {} for {} interrupted invocations\n\
         at the end: {left_behind} leases left behind, {granted} of {all_slots} slots granted, InUse {in_use}",
        evidence.via,
        evidence.shards,
        evidence.kills(),
        evidence.freezes(),
        evidence.most_sockets,
        evidence.warm,
        evidence.frozen.checks,
        evidence.frozen.late_connections.len(),
        evidence.gateway,
        evidence.interrupted_queries,
    )
}

/// Writes the report as JSON, with times in milliseconds.
pub(crate) fn write(path: &Path, evidence: &Evidence, verdict: &Verdict) -> Result<()> {
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis());
    let faults: Vec<Value> = evidence
        .faults
        .iter()
        .map(|(kind, entry)| {
            json!({
                "group": group_name(kind.group),
                "fault": kind.name,
                "count": entry.count,
                "recoveries": entry.recoveries.len(),
                "unrecovered": entry.unrecovered,
                "medianMs": millis(entry.percentile(50)),
                "p95Ms": millis(entry.percentile(95)),
                "maxMs": millis(entry.percentile(100)),
            })
        })
        .collect();
    let json = json!({
        "passed": verdict.passed(),
        "via": evidence.via,
        "shards": evidence.shards,
        "failures": verdict.failures(),
        "kills": evidence.kills(),
        "freezes": evidence.freezes(),
        "slots": evidence.slots,
        "allSlots": evidence.all_slots,
        "mostConnections": evidence.most_connections,
        "mostConnectionsByKernel": evidence.most_sockets,
        "serverSamples": evidence.server_samples,
        "samplesAbove": evidence.samples_above,
        "poolSamples": evidence.pool_samples,
        "mostLeases": evidence.most_leases,
        "answers": evidence.answers,
        "warmRequests": evidence.warm,
        "gatewayAnswers": evidence.gateway,
        "interruptedQueries": evidence.interrupted_queries,
        "frozen": {
            "looksAfterLease": evidence.frozen.checks,
            "connections": evidence.frozen.late_connections.len(),
            "outcomes": evidence.frozen.outcomes,
        },
        "faults": faults,
        "aftermath": {
            "leasesLeftBehind": evidence.aftermath.left_behind,
            "slotsToBeHad": evidence.aftermath.granted,
            "oneMoreRefused": evidence.aftermath.one_more_rejected,
            "inUse": evidence.aftermath.in_use,
        },
    });
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(&json).context("writing JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
