//! Maintenance: nothing is granted, and then it is again.

use super::{Changed, conclude};
use crate::args::Wait;
use crate::status::Status;
use crate::table::Table;
use crate::wait::Goal;
use crate::{Ending, Error, Voice};

/// Has nothing more be granted.
pub(super) async fn drain(table: &Table, voice: Voice, wait: Wait) -> Result<Ending, Error> {
    // A look first: what is wrong with the table is told as that.
    table.read().await?;
    let pool = table.drain().await?;
    let goal = Goal { in_use: 0, draining: true, slots: pool.size.max_connections() };
    conclude(table, voice, pool, goal, wait, |status| {
        format!("drains until `slots resume`\n{status}")
    })
    .await
}

/// Has slots be granted again.
pub(super) async fn resume(table: &Table, voice: Voice) -> Result<Ending, Error> {
    let before = table.read().await?;
    let pool = table.resume().await?;
    let status = Status::of(table.pool(), &pool, table.now());
    let verdict = if before.draining { "grants slots again" } else { "was not draining" };
    voice.answer(format!("{verdict}\n{status}"), &Changed { status, down: None })?;
    Ok(Ending::Good)
}
