//! The counter: its handler in this process, and the deployed function.

use std::num::NonZeroU32;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use counter::{Counter, lambda};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use rds_admission::pool::{Class, LeaseId, PoolName};
use rds_admission::store::DynamoStore;
use rds_admission::time::SystemClock;
use rds_admission::wire::{AcquireRequest, ReleaseRequest};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::Subject;
use crate::decider::TTL;
use crate::pools::Pools;

/// Acquires a slot of `pool` and releases it. `call` sends a payload and returns the response.
async fn pair<F>(pool: &PoolName, call: impl Fn(Value) -> F) -> Result<()>
where
    F: Future<Output = Result<Value>>,
{
    let (pool, lease) = (pool.clone(), LeaseId::random(&mut rand::rng()));
    let (class, attempt) = (Class::Standard, Some(NonZeroU32::MIN));
    let acquire = AcquireRequest { pool: pool.clone(), lease, ttl: TTL, class, attempt };
    let response = call(acquire.payload()).await?;
    ensure!(response["granted"] == true, "{response}");
    let shard = response["shard"].as_u64().and_then(|shard| u32::try_from(shard).ok());
    let response = call(ReleaseRequest { pool, lease, shard }.payload()).await?;
    ensure!(response["released"] == true, "{response}");
    Ok(())
}

/// The whole handler without the Runtime API: parsing, decision, response, log line.
#[derive(Debug)]
pub struct Handler {
    counter: Counter<DynamoStore<SystemClock>, SystemClock>,
    pools: Pools,
}

impl Handler {
    /// Calls `counter` for `pools`.
    #[must_use]
    pub fn new(counter: Counter<DynamoStore<SystemClock>, SystemClock>, pools: Pools) -> Self {
        Self { counter, pools }
    }

    async fn call(&self, payload: Value) -> Result<Value> {
        let event = LambdaEvent::new(to_raw_value(&payload)?, Context::default());
        let response = lambda::invocation(&self.counter, event).await;
        response.map_err(|failed| anyhow!("{}: {}", failed.error_type, failed.error_message))
    }
}

impl Subject for Handler {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        pair(self.pools.of(caller), |payload| self.call(payload)).boxed()
    }
}

/// Formats log lines and discards them. Call this before measuring a [`Handler`].
pub fn log_to_nowhere() {
    // Fails the second time; the first subscriber serves as well.
    let _ = tracing_subscriber::fmt().with_writer(std::io::sink).try_init();
}

/// The deployed counter: acquire and release, an invoke each.
#[derive(Debug)]
pub struct Invoke {
    function: Function,
    pools: Pools,
}

/// Two invokes with an invalid payload: the cost of the invokes without a decision.
#[derive(Debug)]
pub struct InvokeNothing(Function);

#[derive(Debug)]
struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// Returns the payload, and whether it is an error's.
    async fn invoke(&self, payload: &Value) -> Result<(Value, bool)> {
        let payload = Blob::new(serde_json::to_vec(payload)?);
        let invoke = self.client.invoke().function_name(&self.name).payload(payload);
        let output = invoke.send().await.context("invoking the counter")?;
        let payload = output.payload().map_or(&[][..], Blob::as_ref);
        let payload = serde_json::from_slice(payload).context("reading the counter's response")?;
        Ok((payload, output.function_error().is_some()))
    }
}

impl Invoke {
    /// Invokes the function `name` for `pools`.
    #[must_use]
    pub fn new(client: Client, name: &str, pools: Pools) -> Self {
        Self { function: Function { client, name: name.to_owned() }, pools }
    }
}

impl Subject for Invoke {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        let call = async |payload| {
            let (response, failed) = self.function.invoke(&payload).await?;
            ensure!(!failed, "{response}");
            Ok(response)
        };
        async move { pair(self.pools.of(caller), call).await }.boxed()
    }
}

impl InvokeNothing {
    /// Invokes the function `name`.
    #[must_use]
    pub fn new(client: Client, name: &str) -> Self {
        Self(Function { client, name: name.to_owned() })
    }
}

impl Subject for InvokeNothing {
    fn once(&self, _: usize) -> BoxFuture<'_, Result<()>> {
        async move {
            for _ in 0..2 {
                let (response, failed) = self.0.invoke(&json!({})).await?;
                ensure!(failed, "{response}");
            }
            Ok(())
        }
        .boxed()
    }
}
