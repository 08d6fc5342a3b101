//! The tables.

mod deployed;
mod handler;
mod rush;
mod stack;
mod steps;
mod store;
mod units;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{Cell, CellAlignment, Table as Printed};

use crate::cpu::Clocks;
use crate::pools::{Filling, Pools};
use crate::rounds::{Plan, Summary};
use crate::server::Server;
use crate::subject::{Asked, BareUpdate, Subject};
use crate::table::Table;

/// What is to be measured, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// This crate's program, which serves the database.
    pub program: PathBuf,
    /// How much is measured.
    pub plan: Plan,
    /// Rejections that end a rush.
    pub rejections: u64,
    /// The description of a local stack, for [`DEPLOYED`].
    pub stack: Option<PathBuf>,
}

/// The table that needs a local stack.
pub const DEPLOYED: &str = "lambda";
const STORE: &str = "store";
const STEPS: &str = "steps";
const REFUSALS: &str = "refusals";
const HANDLER: &str = "handler";
const UNITS: &str = "units";
const RUSH: &str = "rush";

/// Callers at once.
const CALLERS: [u32; 4] = [1, 16, 64, 256];

/// The tables of these names; all that need no stack when there are none.
///
/// # Errors
/// When there is no such table.
pub fn chosen(only: &[String]) -> Result<Vec<&'static str>> {
    let all = [STORE, STEPS, REFUSALS, HANDLER, UNITS, RUSH, DEPLOYED];
    for only in only {
        ensure!(all.contains(&only.as_str()), "no table {only:?}; there are {}", all.join(", "));
    }
    let meant = |name: &&str| match only {
        [] => *name != DEPLOYED,
        _ => only.iter().any(|only| only == name),
    };
    Ok(all.into_iter().filter(meant).collect())
}

/// Measures what one table shows.
///
/// # Errors
/// When something fails, or comes out otherwise than it should.
pub async fn measure(name: &str, options: &Options) -> Result<Printed> {
    match name {
        STORE => store::pairs(options).await,
        STEPS => steps::table(options).await,
        REFUSALS => store::refusals(options).await,
        HANDLER => handler::pairs(options).await,
        UNITS => units::table(options).await,
        RUSH => rush::table(options).await,
        DEPLOYED => deployed::pairs(options).await,
        _ => bail!("no table {name:?}"),
    }
}

/// A database of its own with pools in it, filled for so many callers.
struct Setting {
    table: Table,
    pools: Pools,
    server: Server,
}

impl Setting {
    async fn new(options: &Options, filling: Filling, callers: u32) -> Result<Self> {
        let server = Server::start(&options.program).await?;
        let table = Table::at(server.endpoint(), "slots");
        table.create().await?;
        let pools = Pools::fill(&table, filling, callers).await?;
        Ok(Self { table, pools, server })
    }

    fn clocks(&self) -> Option<Clocks> {
        self.server.id().map(Clocks::new)
    }

    fn floor(&self, asked: Asked) -> Arc<dyn Subject> {
        Arc::new(BareUpdate::new(self.table.clone(), self.pools.clone(), asked))
    }
}

/// The heads of a table that compares `subjects`, the first of which is the floor.
fn heads(subjects: &[&str], with_cpu: bool) -> Vec<String> {
    let mut heads = vec!["pool, callers".to_owned()];
    for (nth, subject) in subjects.iter().enumerate() {
        heads.extend([format!("{subject}: p50, p99"), "a second".to_owned()]);
        if nth > 0 {
            heads.push("times bare".to_owned());
            heads.extend(with_cpu.then(|| "processor time, client and both".to_owned()));
        }
    }
    heads
}

/// A row of such a table.
fn row(head: String, summaries: &[Summary]) -> Vec<String> {
    let mut row = vec![head];
    for (nth, Summary { quantiles, per_second, ratio, cpu }) in summaries.iter().enumerate() {
        row.extend([quantiles.to_string(), format!("{per_second:.0}")]);
        if nth > 0 {
            row.push(ratio.to_string());
            row.extend(cpu.map(|cpu| format!("{:.2}, {:.2}", cpu.client, cpu.both)));
        }
    }
    row
}

fn printed(heads: impl IntoIterator<Item = impl Into<Cell>>) -> Printed {
    let mut table = Printed::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads.into_iter().collect::<Vec<_>>());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tables_are_meant_when_none_is_named_but_the_one_that_needs_a_stack() {
        let all = chosen(&[]).expect("there are some");
        assert!(all.contains(&STORE) && !all.contains(&DEPLOYED));
        assert_eq!(chosen(&[DEPLOYED.to_owned()]).expect("it is one"), [DEPLOYED]);
        assert!(chosen(&["none".to_owned()]).is_err());
    }
}
