//! The pool in its table.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::{Builder, ProvideCredentials};
use rds_admission::pool::{LeaseId, Pool, PoolName, PoolSize};
use rds_admission::store::{DynamoStore, Evicted, Operations, Store, StoreError, Swept};
use rds_admission::time::{Clock, UnixSeconds};

use crate::clock::TableClock;
use crate::{Args, Error};

/// How long one request to the table may take, and all its tries together. A person waits.
const ATTEMPT: Duration = Duration::from_secs(5);
const OPERATION: Duration = Duration::from_secs(15);

/// A pool, where it lives, and the time there.
pub(crate) struct Table {
    aws: SdkConfig,
    store: DynamoStore<TableClock>,
    clock: TableClock,
    name: String,
    region: String,
    pool: PoolName,
}

impl Table {
    /// Finds credentials and region as every AWS tool does. Asks the table for nothing yet.
    pub(crate) async fn open(args: &Args) -> Result<Self, Error> {
        let name = args.table.clone().filter(|name| !name.is_empty()).ok_or(Error::NoTableNamed)?;
        let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let region = aws.region().ok_or(Error::NoRegion)?.to_string();
        if let Some(credentials) = aws.credentials_provider() {
            // Asked here, so that the lack of them is not reported as a table out of reach.
            let found = credentials.provide_credentials().await;
            found.map_err(|error| Error::NoCredentials(error.into()))?;
        }
        let clock = TableClock::default();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(ATTEMPT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let config =
            Builder::from(&aws).timeout_config(timeouts).interceptor(clock.clone()).build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let store = DynamoStore::new(client, &name, clock.clone());
        Ok(Self { aws, store, clock, name, region, pool: args.pool.clone() })
    }

    /// The credentials and the region.
    pub(crate) fn aws(&self) -> &SdkConfig {
        &self.aws
    }

    /// The pool's name.
    pub(crate) fn pool(&self) -> &PoolName {
        &self.pool
    }

    /// The second that it is at the table.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// The pool as it stands, or what is wrong with its item.
    pub(crate) async fn examine(&self) -> Result<Result<Pool, StoreError>, Error> {
        match self.store.read(&self.pool).await {
            Err(damaged @ StoreError::Malformed { .. }) => Ok(Err(damaged)),
            other => Ok(Ok(self.of(other)?)),
        }
    }

    /// The pool as it stands.
    pub(crate) async fn read(&self) -> Result<Pool, Error> {
        self.of(self.store.read(&self.pool).await)
    }

    /// Takes away what has expired, by the table's own clock: this machine's is not asked. Returns the
    /// pool as it stands.
    pub(crate) async fn sweep(&self) -> Result<Pool, Error> {
        let pool = self.read().await?;
        if pool.plan_sweep(self.now()).is_empty() || !self.clock.is_told() {
            return Ok(pool);
        }
        match self.store.sweep(&self.pool).await {
            Ok(Swept { pool, .. }) => Ok(pool),
            // Others take over what has expired: the pool is as good as swept.
            Err(StoreError::Contended { .. }) => self.read().await,
            Err(error) => Err(self.error(error)),
        }
    }

    /// Gives the pool another size.
    pub(crate) async fn resize(
        &self,
        size: PoolSize,
        shards: Option<NonZeroU32>,
    ) -> Result<Pool, Error> {
        let resized = match shards {
            Some(shards) => self.store.resize_over(&self.pool, size, shards).await,
            None => self.store.resize(&self.pool, size).await,
        };
        self.of(resized)
    }

    /// Has nothing more be granted.
    pub(crate) async fn drain(&self) -> Result<Pool, Error> {
        self.of(self.store.drain(&self.pool).await)
    }

    /// Has slots be granted again.
    pub(crate) async fn resume(&self) -> Result<Pool, Error> {
        self.of(self.store.resume(&self.pool).await)
    }

    /// Takes a lease away.
    pub(crate) async fn evict(&self, lease: LeaseId) -> Result<Evicted, Error> {
        self.of(self.store.evict(&self.pool, lease).await)
    }

    fn of<T>(&self, result: Result<T, StoreError>) -> Result<T, Error> {
        result.map_err(|error| self.error(error))
    }

    fn error(&self, error: StoreError) -> Error {
        Error::of_store(error, &self.name, &self.region)
    }
}
