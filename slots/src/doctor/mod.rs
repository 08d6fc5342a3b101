//! `slots doctor`: compares the pool with the database's server.

mod checks;
mod report;
mod server;
mod settings;
mod sizing;

use std::num::NonZeroU32;

use rds_admission::store::{SlotStore, StoreError};

use crate::args::DoctorArgs;
use crate::error::Error;
use crate::output::Output;
use crate::status::Status;
use crate::table::Table;
use checks::Inputs;
use report::Report;
use server::{Database, Probe};
use sizing::Plan;

/// Prints the report. Returns whether the pool is healthy.
pub(crate) async fn doctor(
    table: &Table,
    output: Output,
    args: &DoctorArgs,
) -> Result<bool, Error> {
    let database = Database::new(&args.database, &table.aws)?;
    let probe = Probe::start(&database, &args.tls).await;
    // Between two lists of the threads: a thread in both was connected when the pool was read.
    let pool = match table.store.read(&table.pool).await {
        Err(error) if !matches!(error, StoreError::Malformed { .. }) => {
            return Err(table.error(error));
        }
        pool => pool,
    };
    let server = match probe {
        Ok(probe) => probe.finish().await,
        Err(error) => Err(error),
    };
    let now = table.now();
    let status = pool.as_ref().ok().map(|pool| Status::new(&table.pool, pool, now));
    let plan = Plan {
        sized_for: NonZeroU32::new(args.max_connections),
        reserved: args.reserved,
        priority: args.priority_slots,
    };
    let inputs = Inputs { pool, now, server, plan };
    let report = Report::new(checks::all(&inputs), status, inputs.server.as_ref().ok());
    output.print(&report, &report)?;
    Ok(report.healthy)
}
