//! The store, beside the floor and the article's bare count.

use std::sync::Arc;

use anyhow::Result;
use comfy_table::Table as Printed;

use super::{CALLERS, Options, Setting, heads, printed, row};
use crate::decider::Plain;
use crate::pools::Filling;
use crate::rounds::compare;
use crate::subject::{Asked, BareCount, Decided, Subject};

/// A slot taken and given back.
pub(super) async fn pairs(options: &Options) -> Result<Printed> {
    measured(options, &[Filling::QUIET, Filling::NEARLY_FULL], Asked::Pair).await
}

/// A slot that is refused.
pub(super) async fn refusals(options: &Options) -> Result<Printed> {
    measured(options, &[Filling::FULL], Asked::Refusal).await
}

async fn measured(options: &Options, fillings: &[Filling], asked: Asked) -> Result<Printed> {
    let mut printed = printed(heads(&["bare", "count", "ours"], true));
    for filling in fillings {
        for callers in CALLERS {
            let setting = Setting::new(options, *filling, callers).await?;
            let (table, pools) = (&setting.table, &setting.pools);
            let subjects: [Arc<dyn Subject>; 3] = [
                setting.floor(asked),
                Arc::new(BareCount::new(table.clone(), pools.clone(), asked)),
                Arc::new(Decided::new(Arc::new(Plain::new(table)), pools.clone(), asked)),
            ];
            let summaries =
                compare(&subjects, callers as usize, options.plan, setting.clocks()).await?;
            printed.add_row(row(format!("{}, {callers}", filling.name), &summaries));
        }
    }
    Ok(printed)
}
