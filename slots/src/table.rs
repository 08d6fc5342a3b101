//! The pool in its DynamoDB table.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::{Builder, ProvideCredentials};
use rds_admission::pool::{Pool, PoolName};
use rds_admission::store::{DynamoStore, SlotStore, StoreError, Swept};
use rds_admission::time::{Clock, UnixSeconds};

use crate::args::Args;
use crate::clock::TableClock;
use crate::error::Error;
use crate::status::Status;

/// Limits of one request to the table, and of all its retries. A person waits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// A pool and the table that holds it.
pub(crate) struct Table {
    pub(crate) aws: SdkConfig,
    pub(crate) store: DynamoStore<TableClock>,
    pub(crate) pool: PoolName,
    clock: TableClock,
    name: String,
    region: String,
}

impl Table {
    /// Finds credentials and region as every AWS tool does. Sends no request to the table yet.
    pub(crate) async fn open(args: &Args) -> Result<Self, Error> {
        let name = args.table.clone().filter(|name| !name.is_empty()).ok_or(Error::NoTableGiven)?;
        let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let region = aws.region().ok_or(Error::NoRegion)?.to_string();
        if let Some(credentials) = aws.credentials_provider() {
            // Checked first, so that missing credentials are not reported as an unreachable table.
            let found = credentials.provide_credentials().await;
            found.map_err(|error| Error::NoCredentials(error.into()))?;
        }
        let clock = TableClock::default();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(ATTEMPT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let config =
            Builder::from(&aws).timeout_config(timeouts).interceptor(clock.clone()).build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let store = DynamoStore::new(client, &name, clock.clone());
        Ok(Self { aws, store, pool: args.pool.clone(), clock, name, region })
    }

    /// Returns the time by the table's clock.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    pub(crate) fn status_of(&self, pool: &Pool) -> Status {
        Status::new(&self.pool, pool, self.now())
    }

    /// Converts an error of the store, with the names of table and region.
    pub(crate) fn error(&self, error: StoreError) -> Error {
        Error::from_store(error, &self.name, &self.region)
    }

    pub(crate) async fn read(&self) -> Result<Pool, Error> {
        self.store.read(&self.pool).await.map_err(|error| self.error(error))
    }

    /// Removes expired leases and returns the pool. Removes none before the table's time is known.
    pub(crate) async fn sweep(&self) -> Result<Pool, Error> {
        let pool = self.read().await?;
        if pool.plan_sweep(self.now()).is_empty() || !self.clock.is_known() {
            return Ok(pool);
        }
        match self.store.sweep(&self.pool).await {
            Ok(Swept { pool, .. }) => Ok(pool),
            // Others are taking over the expired leases.
            Err(StoreError::Contended { .. }) => self.read().await,
            Err(error) => Err(self.error(error)),
        }
    }
}
