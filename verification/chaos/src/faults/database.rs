//! The database: restarted, and smaller than the pool believes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::ledger::{Group, Kind};
use crate::scene::Scene;

/// How long it is away.
const AWAY: Duration = Duration::from_millis(1500);

/// Connections that it takes when it is made smaller; MariaDB takes no fewer.
const SMALL: u32 = 10;

/// How long it is small.
const FOR: Duration = Duration::from_secs(4);

/// What happens to the database.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    /// It is killed and comes back.
    Crash,
    /// It is shut down and comes back.
    Shutdown,
    /// It takes fewer connections than the pool has slots, for a while.
    Smaller,
}

pub(super) const ALL: [Fault; 3] = [Fault::Crash, Fault::Shutdown, Fault::Smaller];

impl Fault {
    pub(super) async fn happen(self, scene: &Arc<Scene>) -> Result<()> {
        let kind = Kind::new(Group::Database, self.name());
        scene.ledger.happened(&kind);
        match self {
            Self::Crash | Self::Shutdown => {
                scene.server.away(true);
                let crash = matches!(self, Self::Crash);
                scene.control.restart_database(crash, AWAY).await?;
                scene.watch_service(&kind).await;
                scene.server.away(false);
            }
            Self::Smaller => {
                scene.control.max_connections(SMALL).await?;
                tokio::time::sleep(FOR).await;
                scene.control.max_connections(scene.max_connections).await?;
                scene.watch_service(&kind).await;
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
