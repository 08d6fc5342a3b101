//! The deployed counter, beside bare writes of the table that it decides in, and beside invokes that decide
//! nothing.

use std::sync::Arc;

use anyhow::{Context, Result};
use comfy_table::Table as Printed;

use super::stack::Stack;
use super::{Options, heads, printed, row};
use crate::pools::{Filling, Pools};
use crate::rounds::compare;
use crate::subject::{Asked, BareUpdate, Invoke, InvokeNothing, Subject};

/// Callers at once: the emulator's own limits come soon after.
const CALLERS: [u32; 2] = [1, 16];

/// A slot taken and given back.
pub(super) async fn pairs(options: &Options) -> Result<Printed> {
    let path = options.stack.as_deref().context("no stack: local run -- bench lambda")?;
    let stack = Stack::load(path)?;
    let (table, lambda) = (stack.table(), stack.lambda());
    let mut printed = printed(heads(&["bare", "empty invokes", "ours"], false));
    for callers in CALLERS {
        let filling = Filling::QUIET;
        let pools = Pools::fill(&table, filling, callers).await?;
        let function = &stack.counter_function;
        let subjects: [Arc<dyn Subject>; 3] = [
            Arc::new(BareUpdate::new(table.clone(), pools.clone(), Asked::Pair)),
            Arc::new(InvokeNothing::new(lambda.clone(), function)),
            Arc::new(Invoke::new(lambda.clone(), function, pools)),
        ];
        let summaries = compare(&subjects, callers as usize, options.plan, None).await?;
        printed.add_row(row(format!("{}, {callers}", filling.name), &summaries));
    }
    Ok(printed)
}
