//! The pool: samples of its items, and calls of the counter that no fault affects.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_config::{BehaviorVersion, Region};
use rds_admission::backend::BackendKind;
use rds_admission::pool::PoolName;
use rds_admission::store::{DynamoStore, SlotStore as _, StoreError};
use rds_admission::time::SystemClock;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use support::stack::Stack;

use crate::sampler::Sampler;

/// The interval between two samples.
const EVERY: Duration = Duration::from_millis(100);

/// Broken samples kept for the report.
const SHOWN: usize = 5;

/// The pool, summed over its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) in_use: u64,
    pub(crate) max_connections: u64,
    /// The slots for queries; the others are for class `priority`.
    pub(crate) standard_limit: u64,
    /// The number of items.
    pub(crate) shards: u32,
    /// Leases with their expiry, in seconds since the epoch.
    pub(crate) leases: BTreeMap<String, u64>,
}

impl Pool {
    /// The broken rule, if any.
    fn broken(&self) -> Option<String> {
        (self.in_use > self.max_connections)
            .then(|| format!("InUse is {} of {}", self.in_use, self.max_connections))
    }

    fn of(pool: &rds_admission::pool::Pool) -> Self {
        let leases = pool.leases.iter().map(|(id, until)| (id.to_string(), until.0));
        Self {
            in_use: pool.in_use().into(),
            max_connections: pool.size.max_connections().into(),
            standard_limit: pool.size.standard_limit().into(),
            shards: pool.shards.get(),
            leases: leases.collect(),
        }
    }
}

/// A client for the table and the functions that no fault affects.
#[derive(Clone)]
pub(crate) struct Aws {
    stack: Stack,
    http: Client,
    store: DynamoStore<SystemClock>,
    pool: PoolName,
}

impl Aws {
    pub(crate) async fn new(stack: &Stack) -> Result<Self> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&stack.aws_endpoint)
            .region(Region::new(stack.region.clone()))
            .test_credentials()
            .load()
            .await;
        let table = rds_admission::aws::table_client(&config);
        let store = DynamoStore::new(table, &stack.table, SystemClock);
        let pool = stack.pool.parse().context("the pool's name")?;
        Ok(Self { stack: stack.clone(), http: Client::new(), store, pool })
    }

    /// Reads the pool.
    pub(crate) async fn pool(&self) -> Result<Pool, StoreError> {
        Ok(Pool::of(&self.store.read(&self.pool).await?))
    }

    /// The backend of the queries.
    pub(crate) async fn via(&self) -> Result<BackendKind> {
        let (endpoint, function) = (&self.stack.aws_endpoint, &self.stack.query_function);
        let url = format!("{endpoint}/2015-03-31/functions/{function}/configuration");
        let answer = answer(self.http.get(url), "lambda").await.context("reading the query")?;
        let via = answer["Environment"]["Variables"]["ADMISSION_VIA"].as_str();
        via.map_or(Ok(BackendKind::default()), str::parse).context("ADMISSION_VIA")
    }

    /// Calls the counter.
    pub(crate) async fn counter(&self, mut payload: Value) -> Result<Value> {
        payload["RDBMSName"] = json!(self.stack.pool);
        let (endpoint, function) = (&self.stack.aws_endpoint, &self.stack.counter_function);
        let url = format!("{endpoint}/2015-03-31/functions/{function}/invocations");
        let answer = answer(self.http.post(url).json(&payload), "lambda").await;
        let answer = answer.with_context(|| format!("calling the counter: {payload}"))?;
        ensure!(answer["errorType"].is_null(), "the counter fails: {answer}");
        Ok(answer)
    }
}

async fn answer(request: RequestBuilder, service: &str) -> Result<Value> {
    // The emulator checks no signature, but takes the service's name from it.
    let credential = format!("Credential=chaos/20200101/us-east-1/{service}/aws4_request");
    let signed = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0");
    let answer = request.header("authorization", signed).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// The samples so far.
#[derive(Default)]
pub(crate) struct Samples(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    latest: Pool,
    count: u64,
    most: u64,
    broken: Vec<String>,
}

impl Samples {
    /// The latest sample.
    pub(crate) fn latest(&self) -> Pool {
        self.lock().latest.clone()
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().count
    }

    /// The most leases in a sample.
    pub(crate) fn most(&self) -> u64 {
        self.lock().most
    }

    /// The first broken samples.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    fn add(&self, pool: Pool) {
        if let Some(broken) = pool.broken() {
            self.broke(broken);
        }
        let mut inner = self.lock();
        inner.count += 1;
        inner.most = inner.most.max(pool.in_use);
        inner.latest = pool;
    }

    fn broke(&self, broken: String) {
        let mut inner = self.lock();
        if inner.broken.len() < SHOWN {
            inner.broken.push(broken);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Samples the pool.
pub(crate) fn sample(aws: &Aws) -> Sampler<Samples> {
    let aws = aws.clone();
    Sampler::start(Samples::default(), |into, stopped| async move {
        while !*stopped.borrow() {
            match aws.pool().await {
                Ok(pool) => into.add(pool),
                Err(StoreError::Malformed { source, .. }) => into.broke(source.to_string()),
                // Not counted; the verdict demands a number of samples.
                Err(_) => {}
            }
            tokio::time::sleep(EVERY).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use rds_admission::pool::{LeaseId, PoolSize};
    use rds_admission::time::UnixSeconds;

    use super::*;

    fn pool(leases: u32) -> Pool {
        let size = PoolSize::divide(2, 0, 1).expect("a size");
        let mut pool = rds_admission::pool::Pool::new(size);
        let lease = |n: u32| LeaseId::from_stored(&format!("lease{n:03}")).expect("an id");
        pool.leases = (0..leases).map(|n| (lease(n), UnixSeconds(1_764_000_000))).collect();
        Pool::of(&pool)
    }

    #[test]
    fn a_pool_is_read_and_judged() {
        assert_eq!(pool(2).leases["lease000"], 1_764_000_000);
        assert_eq!((pool(2).standard_limit, pool(2).shards), (1, 1));
        assert_eq!(pool(2).broken(), None);
        assert_eq!(pool(3).broken().as_deref(), Some("InUse is 3 of 2"));
    }

    #[test]
    fn the_first_samples_that_break_a_rule_are_kept() {
        let samples = Samples::default();
        for leases in [1, 2, 3] {
            samples.add(pool(leases));
        }
        assert_eq!((samples.count(), samples.most()), (3, 3));
        assert_eq!(samples.broken(), ["InUse is 3 of 2"]);
        for _ in 0..2 * SHOWN {
            samples.broke("InUse is 5 but 1 leases are held".to_owned());
        }
        assert_eq!(samples.broken().len(), SHOWN);
    }
}
