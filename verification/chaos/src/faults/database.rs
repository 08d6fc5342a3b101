//! Faults of the database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::ledger::{Group, Kind};
use crate::run_context::RunContext;

/// The downtime of a restart.
const AWAY: Duration = Duration::from_millis(1500);

/// The smallest `max_connections` that MariaDB takes.
const SMALL: u32 = 10;

/// The time with that `max_connections`.
const SMALL_FOR: Duration = Duration::from_secs(4);

/// A fault of the database.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// Killed and restarted.
    Crash,
    /// Shut down and restarted.
    Shutdown,
    /// Fewer connections than the pool has slots, for some seconds.
    Smaller,
}

pub(super) const ALL: [Fault; 3] = [Fault::Crash, Fault::Shutdown, Fault::Smaller];

impl Fault {
    pub(super) async fn inject(self, context: &Arc<RunContext>) -> Result<()> {
        let kind = Kind::new(Group::Database, self.name());
        context.ledger.injected(&kind);
        match self {
            Self::Crash | Self::Shutdown => {
                context.server.away(true);
                let crash = matches!(self, Self::Crash);
                context.control.restart_database(crash, AWAY).await?;
                context.watch_service(&kind).await;
                context.server.away(false);
            }
            Self::Smaller => {
                context.control.max_connections(SMALL).await?;
                tokio::time::sleep(SMALL_FOR).await;
                context.control.max_connections(context.max_connections).await?;
                context.watch_service(&kind).await;
            }
        }
        Ok(())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Crash => "database killed and restarted",
            Self::Shutdown => "database shut down and restarted",
            Self::Smaller => "database smaller than the pool",
        }
    }
}
