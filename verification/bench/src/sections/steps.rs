//! From bare writes to the store, step by step.

use std::sync::Arc;

use anyhow::Result;
use comfy_table::Table as Printed;
use support::document;

use super::setting::{Options, Setting};
use crate::decider::StoreDecider;
use crate::pools::Occupancy;
use crate::rounds::{Plan, Summary, compare};
use crate::subject::{Decided, Operation, OwnWrites, Step, Subject};

/// Concurrent callers.
const CALLERS: [u32; 2] = [1, 64];

/// The differences between the steps are smaller than between two rounds.
const MORE_ROUNDS: usize = 4;

const ROWS: [&str; 5] = [
    "two bare updates",
    "a lease's entry set and removed, and the count changed",
    "and guarded by conditions",
    "and the item returned: the store's two requests, by the SDK alone",
    "the store",
];

/// The cost that each step adds to an acquire and a release.
pub(super) async fn table(options: &Options) -> Result<Printed> {
    let mut heads = vec!["what is sent".to_owned()];
    let mut rows = ROWS.map(|row| vec![row.to_owned()]);
    for occupancy in [Occupancy::QUIET, Occupancy::NEARLY_FULL] {
        for callers in CALLERS {
            heads.push(format!("{}, {callers}", occupancy.name));
            heads.push("processor time".to_owned());
            for (row, summary) in rows.iter_mut().zip(measured(options, occupancy, callers).await?)
            {
                row.push(summary.ratio.to_string());
                row.push(summary.cpu.map_or_else(String::new, |cpu| format!("{:.2}", cpu.both)));
            }
        }
    }
    let mut printed = document::table(heads);
    printed.add_rows(rows);
    Ok(printed)
}

async fn measured(options: &Options, occupancy: Occupancy, callers: u32) -> Result<Vec<Summary>> {
    let setting = Setting::new(options, occupancy, callers).await?;
    let (table, pools) = (&setting.table, &setting.pools);
    let own = |step| Arc::new(OwnWrites::new(table.clone(), pools.clone(), step));
    let subjects: [Arc<dyn Subject>; ROWS.len()] = [
        setting.baseline(Operation::Pair),
        own(Step::Changed),
        own(Step::Guarded),
        own(Step::Returned),
        Arc::new(Decided::new(Arc::new(StoreDecider::new(table)), pools.clone(), Operation::Pair)),
    ];
    let plan = Plan { rounds: options.plan.rounds * MORE_ROUNDS, ..options.plan };
    compare(&subjects, callers as usize, plan, setting.clocks()).await
}
