//! From the floor to the store, one step after the other.

use std::sync::Arc;

use anyhow::Result;
use comfy_table::Table as Printed;

use super::{Options, Setting, printed};
use crate::decider::Plain;
use crate::pools::Filling;
use crate::rounds::{Plan, Summary, compare};
use crate::subject::{Asked, Decided, OwnWrites, Step, Subject};

/// Callers at once.
const CALLERS: [u32; 2] = [1, 64];

/// The differences are smaller than what a round differs from the next one.
const MORE_ROUNDS: usize = 4;

const ROWS: [&str; 5] = [
    "two bare updates",
    "a lease's entry set and removed, and the count changed",
    "and guarded by conditions",
    "and the item returned: the store's two requests, by the SDK alone",
    "the store",
];

/// What each step adds to a slot taken and given back.
pub(super) async fn table(options: &Options) -> Result<Printed> {
    let mut heads = vec!["what is sent".to_owned()];
    let mut rows = ROWS.map(|row| vec![row.to_owned()]);
    for filling in [Filling::QUIET, Filling::NEARLY_FULL] {
        for callers in CALLERS {
            heads.push(format!("{}, {callers}", filling.name));
            heads.push("processor time".to_owned());
            for (row, summary) in rows.iter_mut().zip(measured(options, filling, callers).await?) {
                row.push(summary.ratio.to_string());
                row.push(summary.cpu.map_or_else(String::new, |cpu| format!("{:.2}", cpu.both)));
            }
        }
    }
    let mut printed = printed(heads);
    printed.add_rows(rows);
    Ok(printed)
}

async fn measured(options: &Options, filling: Filling, callers: u32) -> Result<Vec<Summary>> {
    let setting = Setting::new(options, filling, callers).await?;
    let (table, pools) = (&setting.table, &setting.pools);
    let own = |step| Arc::new(OwnWrites::new(table.clone(), pools.clone(), step));
    let subjects: [Arc<dyn Subject>; ROWS.len()] = [
        setting.floor(Asked::Pair),
        own(Step::Changed),
        own(Step::Guarded),
        own(Step::Returned),
        Arc::new(Decided::new(Arc::new(Plain::new(table)), pools.clone(), Asked::Pair)),
    ];
    let plan = Plan { rounds: options.plan.rounds * MORE_ROUNDS, ..options.plan };
    compare(&subjects, callers as usize, plan, setting.clocks()).await
}
