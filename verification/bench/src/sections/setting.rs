//! What the measurements of a table need.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use support::capacity::Meter;

use crate::machine::CpuClocks;
use crate::pools::{Occupancy, Pools};
use crate::rounds::Plan;
use crate::server::Server;
use crate::subject::{BareUpdate, Operation, Subject};
use crate::table::Table;

/// What is to be measured, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// This crate's program, which runs the database.
    pub program: PathBuf,
    /// Number and length of the rounds.
    pub plan: Plan,
    /// Rejections that end a rush.
    pub rejections: u64,
    /// The `stack.json` of a local stack, for the deployed counter.
    pub stack: Option<PathBuf>,
}

/// A new database with pools for a number of callers.
pub(super) struct Setting {
    pub(super) table: Table,
    pub(super) pools: Pools,
    server: Server,
}

impl Setting {
    pub(super) async fn new(options: &Options, occupancy: Occupancy, callers: u32) -> Result<Self> {
        let server = Server::start(&options.program).await?;
        let table = Table::at(server.endpoint(), "slots");
        table.create().await?;
        let pools = Pools::fill(&table, occupancy, callers).await?;
        Ok(Self { table, pools, server })
    }

    pub(super) fn clocks(&self) -> Option<CpuClocks> {
        self.server.id().map(CpuClocks::new)
    }

    pub(super) fn baseline(&self, operation: Operation) -> Arc<dyn Subject> {
        Arc::new(BareUpdate::new(self.table.clone(), self.pools.clone(), operation))
    }
}

/// A new database whose capacity units are counted.
pub(super) async fn metered(options: &Options) -> Result<(Server, Table, Meter)> {
    let server = Server::start(&options.program).await?;
    let (table, meter) = Table::metered(server.endpoint(), "slots");
    table.create().await?;
    Ok((server, table, meter))
}
