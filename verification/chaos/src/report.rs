//! What was seen, as a table and as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use rds_admission::client::Via;
use serde_json::{Value, json};

use crate::aftermath::Aftermath;
use crate::control::Interruptions;
use crate::frozen;
use crate::ledger::{Entry, Group, Kind};
use crate::pool::Pool;
use crate::scene::Scene;
use crate::verdict::Verdict;

/// All that was seen.
#[derive(Clone, Default)]
pub(crate) struct Evidence {
    /// Who decided: `counter` or `table`.
    pub(crate) via: &'static str,
    /// Items that the pool is split over.
    pub(crate) shards: u32,
    /// Slots that queries can have.
    pub(crate) slots: u64,
    /// All slots, those of class `priority` included.
    pub(crate) all_slots: u64,
    pub(crate) answers: BTreeMap<String, u64>,
    /// Requests that went on with a slot that was kept, as far as they could say so.
    pub(crate) warm: u64,
    pub(crate) foreign: Vec<String>,
    pub(crate) gateway: u64,
    pub(crate) interrupted_queries: u64,
    pub(crate) crashed: u64,
    pub(crate) faults: BTreeMap<Kind, Entry>,
    pub(crate) frozen: frozen::Inner,
    pub(crate) server_samples: u64,
    pub(crate) samples_above: u64,
    pub(crate) above: Vec<String>,
    pub(crate) most_connections: usize,
    pub(crate) most_sockets: usize,
    pub(crate) longest_gap: Duration,
    pub(crate) pool_samples: u64,
    pub(crate) most_leases: u64,
    pub(crate) pool_broken: Vec<String>,
    pub(crate) aftermath: Aftermath,
    pub(crate) admits_again: bool,
}

impl Evidence {
    pub(crate) fn gather(
        scene: &Scene,
        pool: &Pool,
        interruptions: &BTreeMap<String, Interruptions>,
        aftermath: Aftermath,
        admits_again: bool,
    ) -> Self {
        let of_queries =
            interruptions.get(&scene.stack.query_function).copied().unwrap_or_default();
        let (samples_above, above) = scene.server.above();
        Self {
            via: name_of(scene.via),
            shards: pool.shards,
            slots: pool.standard_limit,
            all_slots: pool.max_connections,
            answers: scene.answers.counts(),
            warm: scene.warm_requests(),
            foreign: scene.answers.foreign(),
            gateway: scene.answers.gateway(),
            interrupted_queries: of_queries.killed + of_queries.timed_out + of_queries.late,
            crashed: interruptions.values().map(|of| of.crashed).sum(),
            faults: scene.ledger.entries(),
            frozen: scene.frozen.seen(),
            server_samples: scene.server.count(),
            samples_above,
            above,
            most_connections: scene.server.most(),
            most_sockets: scene.server.most_sockets(),
            longest_gap: scene.server.longest_gap(),
            pool_samples: scene.pool.count(),
            most_leases: scene.pool.most(),
            pool_broken: scene.pool.broken(),
            aftermath,
            admits_again,
        }
    }

    pub(crate) fn kills(&self) -> u64 {
        self.count(Group::Kill)
    }

    pub(crate) fn freezes(&self) -> u64 {
        self.count(Group::Freeze)
    }

    fn count(&self, group: Group) -> u64 {
        let of_group = self.faults.iter().filter(|(kind, _)| kind.group == group);
        of_group.map(|(_, entry)| entry.count).sum()
    }

    /// A run in which all held.
    #[cfg(test)]
    pub(crate) fn good() -> Self {
        let entry =
            |count| Entry { count, recoveries: vec![Duration::from_secs(1)], unrecovered: 0 };
        Self {
            slots: 18,
            all_slots: 20,
            warm: 2,
            gateway: 4,
            interrupted_queries: 4,
            faults: BTreeMap::from([
                (Kind::new(Group::Kill, "in a statement"), entry(3)),
                (Kind::new(Group::Freeze, "connected"), entry(1)),
            ]),
            frozen: frozen::Inner { looks: 1, ..frozen::Inner::default() },
            server_samples: 100,
            pool_samples: 100,
            aftermath: Aftermath { granted: 20, one_more_refused: true, ..Aftermath::default() },
            admits_again: true,
            ..Self::default()
        }
    }
}

/// What whoever decides is called.
pub(crate) fn name_of(via: Via) -> &'static str {
    match via {
        Via::Counter => "counter",
        Via::Table => "table",
    }
}

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
    table.set_header(["fault", "", "count", "good again: median", "p95", "max"]);
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
        "decided by the {}, in {} items; kills {}, freezes {}\n\
         connections: at the most {most_connections} by the server's list, {} by the kernel's, \
         in {server_samples} samples; {slots} slots\n\
         leases: at the most {most_leases} in {pool_samples} samples\n\
         requests on kept slots: {}\n\
         frozen beyond their lease: {} looks, {} connections\n\
         gateway's own answers: {} for {} interrupted invocations\n\
         at the end: {left_behind} leases left behind, {granted} of {all_slots} slots to be had, InUse {in_use}",
        evidence.via,
        evidence.shards,
        evidence.kills(),
        evidence.freezes(),
        evidence.most_sockets,
        evidence.warm,
        evidence.frozen.looks,
        evidence.frozen.trespasses.len(),
        evidence.gateway,
        evidence.interrupted_queries,
    )
}

/// Writes the same as JSON. Times are in milliseconds.
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
            "looksAfterLease": evidence.frozen.looks,
            "connections": evidence.frozen.trespasses.len(),
            "outcomes": evidence.frozen.outcomes,
        },
        "faults": faults,
        "aftermath": {
            "leasesLeftBehind": evidence.aftermath.left_behind,
            "slotsToBeHad": evidence.aftermath.granted,
            "oneMoreRefused": evidence.aftermath.one_more_refused,
            "inUse": evidence.aftermath.in_use,
        },
    });
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(&json).context("writing JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
}
