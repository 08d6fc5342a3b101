//! Preparing a database and its pool.

mod database;
pub mod lambda;
mod pools;
mod properties;
mod table;

pub use database::{Database, DatabaseError, Settings};
pub use pools::PoolError;
pub use properties::{InvalidProperty, Properties};
pub use table::TableError;

use pools::{Pools, Wanted};
use rds_admission::pool::{InvalidSize, PoolName, PoolSize};
use rds_admission::store::PoolAdmin;
use rds_admission::telemetry::chain;
use rds_admission::time::Deadline;
use serde_json::json;
use thiserror::Error;

use crate::cloudformation::{Outcome, Request, RequestType};

/// The property that is another one when the database is: the instance's identifier, or the ARN of an existing
/// database's secret.
const DATABASE: &str = "Database";

/// Prepares databases and pools.
#[derive(Debug)]
pub struct Init<S> {
    store: S,
    database: Database,
}

/// Why something could not be prepared. Which phase failed is in the text that CloudFormation
/// shows.
#[derive(Debug, Error)]
pub enum InitError {
    /// The template passes something that makes no sense.
    #[error("properties")]
    Properties(#[from] InvalidProperty),
    /// The database could not be reached, or failed.
    #[error("database")]
    Database(#[from] DatabaseError),
    /// The numbers leave no slot.
    #[error("size")]
    Size(#[from] InvalidSize),
    /// The server takes fewer connections than the pool was sized for: it would be exhausted.
    #[error("the server takes {server} connections, but the pool is sized for {sized_for}")]
    DoesNotFit {
        /// `@@max_connections`.
        server: u32,
        /// The template's `MaxConnections`.
        sized_for: u32,
    },
    /// The pool is another stack's, can't be handed over, or could not be written.
    #[error("table")]
    Pool(#[from] PoolError),
}

impl<S: PoolAdmin> Init<S> {
    /// Prepares pools in `store` for `database`.
    pub fn new(store: S, database: Database) -> Self {
        Self { store, database }
    }

    /// Does what `request` asks for, before `deadline`.
    pub async fn handle(&self, request: &Request, deadline: Deadline) -> Outcome {
        let done = match request.request_type {
            RequestType::Delete => self.remove(request).await,
            RequestType::Create | RequestType::Update => self.prepare(request, deadline).await,
        };
        done.unwrap_or_else(|error| Outcome::failed(&request.reply_to, chain(&error)))
    }

    async fn prepare(&self, request: &Request, deadline: Deadline) -> Result<Outcome, InitError> {
        let properties = Properties::parse(&request.resource_properties)?;
        // Only a database that is new to the stack gets the sample's rows: somebody may have deleted
        // them since.
        let seed = request.request_type == RequestType::Create || request.changes(DATABASE);
        let server = self.database.prepare(deadline, seed).await?;
        let connections = server.max_connections;
        let sized_for = properties.max_connections.map_or(connections, std::num::NonZeroU32::get);
        if connections < sized_for {
            return Err(InitError::DoesNotFit { server: connections, sized_for });
        }
        let size = PoolSize::divide(
            sized_for,
            properties.reserved_connections,
            properties.priority_slots,
        )?;
        let wanted = Wanted {
            pool: &properties.pool,
            size,
            shards: properties.shards,
            before: pool_of(&request.reply_to.resource_id()),
        };
        let shards =
            Pools::new(&self.store, request.reply_to.owner()).prepare(wanted, deadline).await?;
        Ok(Outcome {
            physical_resource_id: properties.pool.to_string(),
            result: Ok(json!({
                "MaxConnections": size.max_connections(),
                "StandardLimit": size.standard_limit(),
                "ServerMaxConnections": connections,
                "Warning": server.warning().unwrap_or_default(),
                "Items": shards,
            })),
        })
    }

    /// Removes the stack's pool, unless leases are out: their holders still have to give them back.
    async fn remove(&self, request: &Request) -> Result<Outcome, InitError> {
        let id = request.reply_to.resource_id();
        let property = Properties::parse(&request.resource_properties).ok();
        let pools = Pools::new(&self.store, request.reply_to.owner());
        let removed = pools.remove(pool_of(&id), property.map(|asked| asked.pool)).await?;
        Ok(Outcome { physical_resource_id: id, result: Ok(json!({ "Removed": removed })) })
    }
}

/// The pool that a resource's id names; none of one that was not created.
fn pool_of(id: &str) -> Option<PoolName> {
    id.parse().ok().filter(|_| id != Outcome::NOT_CREATED)
}
