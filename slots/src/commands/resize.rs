//! Another number of slots.

use std::num::NonZeroU32;

use rds_admission::pool::PoolSize;

use super::conclude;
use crate::args::Wait;
use crate::status::Status;
use crate::table::Table;
use crate::wait::Goal;
use crate::words::counted;
use crate::{Ending, Error, Voice};

/// What it is to be.
#[derive(Clone, Copy)]
pub(super) struct To {
    /// Slots, of both classes.
    pub(super) slots: NonZeroU32,
    /// Slots of them for class priority alone; as many as there are when it is not said.
    pub(super) priority: Option<u32>,
    /// Items, when that is said.
    pub(super) shards: Option<NonZeroU32>,
}

/// Gives the pool this size.
pub(super) async fn resize(
    table: &Table,
    voice: Voice,
    To { slots, priority, shards }: To,
    wait: Wait,
) -> Result<Ending, Error> {
    let before = table.read().await?;
    let kept = before.size.max_connections() - before.size.standard_limit();
    let size = PoolSize::new(slots, priority.unwrap_or(kept))?;
    let pool = table.resize(size, shards).await?;
    let goal = Goal { in_use: slots.get(), draining: pool.draining, slots: slots.get() };
    let was = before.size.max_connections();
    let words = move |status: &Status| format!("{} (before: {was})\n{status}", verdict(status));
    conclude(table, voice, pool, goal, wait, words).await
}

fn verdict(status: &Status) -> String {
    let Status { in_use, max_connections, .. } = *status;
    let slots = counted(max_connections, "slot", "slots");
    match in_use.checked_sub(max_connections) {
        None | Some(0) => slots,
        Some(above) => {
            format!("{slots} once {} ended", counted(above, "more lease has", "more leases have"))
        }
    }
}
