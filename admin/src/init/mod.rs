//! Prepares the database and defines the pool.

mod database;
pub mod lambda;
mod pools;
mod properties;
mod table;

pub use database::{Database, DatabaseError, Settings};

use std::num::NonZeroU32;

use rds_admission::pool::{InvalidSize, PoolName, PoolSize};
use rds_admission::store::PoolAdmin;
use rds_admission::telemetry::chain;
use rds_admission::time::Deadline;
use serde_json::json;
use thiserror::Error;

use crate::cloudformation::{Outcome, Request, RequestType};
use pools::{PoolError, Pools, Wanted};
use properties::{InvalidProperty, Properties};

/// The property that identifies the database: the instance's identifier, or the ARN of an existing database's secret.
const DATABASE: &str = "Database";

/// The custom resource's handler.
#[derive(Debug)]
pub struct Init<S> {
    store: S,
    database: Database,
}

/// A request failed. The text, with the phase first, is shown by CloudFormation.
#[derive(Debug, Error)]
enum InitError {
    #[error("properties")]
    Properties(#[from] InvalidProperty),
    #[error("database")]
    Database(#[from] DatabaseError),
    #[error("size")]
    Size(#[from] InvalidSize),
    #[error("the server takes {server} connections, but the pool is sized for {sized_for}")]
    DoesNotFit { server: u32, sized_for: u32 },
    #[error("table")]
    Pool(#[from] PoolError),
}

impl<S: PoolAdmin> Init<S> {
    /// Creates a handler for the pools in `store`.
    pub fn new(store: S, database: Database) -> Self {
        Self { store, database }
    }

    pub(crate) async fn handle(&self, request: &Request, deadline: Deadline) -> Outcome {
        let result = match request.kind {
            RequestType::Delete => self.remove(request).await,
            RequestType::Create | RequestType::Update => self.prepare(request, deadline).await,
        };
        result.unwrap_or_else(|error| Outcome::failed(&request.reply_to, chain(&error)))
    }

    async fn prepare(&self, request: &Request, deadline: Deadline) -> Result<Outcome, InitError> {
        let properties = Properties::parse(&request.resource_properties)?;
        // Only a database that is new to the stack gets the sample's rows, because a user may have deleted them.
        let fill = request.kind == RequestType::Create || request.changes(DATABASE);
        let server = self.database.prepare(deadline, fill).await?;
        let connections = server.max_connections;
        let sized_for = properties.max_connections.map_or(connections, NonZeroU32::get);
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
        let pools = Pools::new(&self.store, request.reply_to.owner());
        let shards = pools.prepare(wanted, deadline).await?;
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

    /// Removes the stack's pool, unless leases are held.
    async fn remove(&self, request: &Request) -> Result<Outcome, InitError> {
        let id = request.reply_to.resource_id();
        let property = Properties::parse(&request.resource_properties).ok();
        let pools = Pools::new(&self.store, request.reply_to.owner());
        let removed = pools.remove(pool_of(&id), property.map(|property| property.pool)).await?;
        Ok(Outcome { physical_resource_id: id, result: Ok(json!({ "Removed": removed })) })
    }
}

/// Returns the pool that a resource's id names, if the resource was created.
fn pool_of(id: &str) -> Option<PoolName> {
    id.parse().ok().filter(|_| id != Outcome::NOT_CREATED)
}
