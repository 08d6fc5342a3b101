//! The pool's item in the table, sampled throughout; and the counter, asked from outside.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::sampler::Sampler;
use crate::stack::Stack;

const EVERY: Duration = Duration::from_millis(100);

/// Samples that break a rule, kept to be shown.
const SHOWN: usize = 5;

/// The pool as it stands in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) in_use: u64,
    pub(crate) max_connections: u64,
    /// The slots that are for the queries: the others are kept for class `priority`.
    pub(crate) standard_limit: u64,
    /// Leases, with the second in which they expire.
    pub(crate) leases: BTreeMap<String, u64>,
}

impl Pool {
    /// What of the pool's own rules does not hold.
    fn broken(&self) -> Option<String> {
        let leases = self.leases.len() as u64;
        if self.in_use != leases {
            return Some(format!("InUse is {} with {leases} leases", self.in_use));
        }
        (self.in_use > self.max_connections)
            .then(|| format!("InUse is {} of {}", self.in_use, self.max_connections))
    }

    /// Reads a pool's item, in DynamoDB's JSON.
    fn of_item(item: &Value) -> Option<Self> {
        let number = |value: &Value| value["N"].as_str()?.parse().ok();
        let leases = item["Leases"]["M"].as_object()?.iter();
        Some(Self {
            in_use: number(&item["InUse"])?,
            max_connections: number(&item["MaxConnections"])?,
            standard_limit: number(&item["StandardLimit"])?,
            leases: leases
                .map(|(id, at)| Some((id.clone(), number(at)?)))
                .collect::<Option<_>>()?,
        })
    }
}

/// The table and the counter, asked as an outsider whom no fault meets.
#[derive(Clone)]
pub(crate) struct Aws {
    stack: Stack,
    http: Client,
}

impl Aws {
    pub(crate) fn new(stack: &Stack) -> Self {
        Self { stack: stack.clone(), http: Client::new() }
    }

    /// Reads the pool's item.
    pub(crate) async fn pool(&self) -> Result<Pool> {
        let body = json!({
            "TableName": self.stack.table,
            "Key": {"RDBMSName": {"S": self.stack.pool}},
            "ConsistentRead": true,
        });
        let request = self
            .http
            .post(&self.stack.aws_endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.GetItem")
            .body(body.to_string());
        let answer: Value = answer(request, "dynamodb").await.context("reading the pool")?;
        Pool::of_item(&answer["Item"]).with_context(|| format!("{answer} is no pool"))
    }

    /// Asks the counter.
    pub(crate) async fn counter(&self, mut payload: Value) -> Result<Value> {
        payload["RDBMSName"] = json!(self.stack.pool);
        let (endpoint, function) = (&self.stack.aws_endpoint, &self.stack.counter_function);
        let url = format!("{endpoint}/2015-03-31/functions/{function}/invocations");
        let answer = answer(self.http.post(url).json(&payload), "lambda").await;
        let answer = answer.with_context(|| format!("asking the counter: {payload}"))?;
        ensure!(answer["errorType"].is_null(), "the counter fails: {answer}");
        Ok(answer)
    }
}

async fn answer(request: RequestBuilder, service: &str) -> Result<Value> {
    // The emulator checks no signature; it reads from it which service is meant.
    let credential = format!("Credential=chaos/20200101/us-east-1/{service}/aws4_request");
    let signed = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0");
    let answer = request.header("authorization", signed).send().await?;
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

/// What the samples came to.
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

    /// The first samples that broke a rule.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    fn add(&self, pool: Pool) {
        let mut inner = self.lock();
        inner.count += 1;
        inner.most = inner.most.max(pool.in_use);
        if let Some(broken) = pool.broken()
            && inner.broken.len() < SHOWN
        {
            inner.broken.push(broken);
        }
        inner.latest = pool;
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
            // One that fails is not a sample: their number is judged.
            if let Ok(pool) = aws.pool().await {
                into.add(pool);
            }
            tokio::time::sleep(EVERY).await;
        }
    })
}

/// What the counters allow between their clocks, in seconds: until then nobody else can have the slot
/// of a lease that is over.
pub(crate) const SKEW_ALLOWANCE: u64 = 2;

/// The second that it is, as the leases count them.
pub(crate) fn epoch_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(in_use: u64, leases: u64) -> Pool {
        let leases: serde_json::Map<_, _> =
            (0..leases).map(|n| (format!("lease{n}"), json!({"N": "1764000000"}))).collect();
        let item = json!({
            "InUse": {"N": in_use.to_string()}, "MaxConnections": {"N": "2"},
            "StandardLimit": {"N": "1"},
            "Leases": {"M": leases}
        });
        Pool::of_item(&item).unwrap()
    }

    #[test]
    fn a_pool_is_read_and_judged() {
        assert_eq!(pool(2, 2).leases["lease0"], 1_764_000_000);
        assert_eq!(pool(2, 2).broken(), None);
        assert_eq!(pool(2, 1).broken().as_deref(), Some("InUse is 2 with 1 leases"));
        assert_eq!(pool(3, 3).broken().as_deref(), Some("InUse is 3 of 2"));
        assert_eq!(Pool::of_item(&json!({})), None);
    }
}
