//! What is wrong between the pool and the server.

use std::num::NonZeroU32;

use crate::args::{self, Whereabouts};
use crate::doctor::{Door, Plan, Report, Seen, checks};
use crate::status::Status;
use crate::table::Table;
use crate::{Ending, Error, Voice};

/// Compares the pool with its server, and says what is wrong.
pub(super) async fn doctor(
    table: &Table,
    voice: Voice,
    told: &args::Doctor,
) -> Result<Ending, Error> {
    let visit = door(table, &told.database)?.visit(&told.tls).await;
    // Between two looks at the threads: a connection that is in both was open when the pool was read.
    let pool = table.examine().await?;
    let observed = match visit {
        Ok(visit) => visit.end().await,
        Err(unseen) => Err(unseen),
    };
    let now = table.now();
    let status = pool.as_ref().ok().map(|pool| Status::of(table.pool(), pool, now));
    let plan = Plan {
        sized_for: NonZeroU32::new(told.max_connections),
        reserved: told.reserved,
        priority: told.priority_slots,
    };
    let seen = Seen { pool, now, observed, plan };
    let report = Report::new(checks::all(&seen), status, &seen);
    voice.answer(&report, &report)?;
    Ok(if report.healthy { Ending::Good } else { Ending::Bad })
}

fn door(table: &Table, told: &Whereabouts) -> Result<Door, Error> {
    match told {
        Whereabouts { secret: Some(id), .. } => Ok(Door::of(id, table.aws())),
        Whereabouts { database: Some(address), .. } => Door::at(address),
        // The arguments have one of the two.
        Whereabouts { .. } => Err(Error::Address(None)),
    }
}
