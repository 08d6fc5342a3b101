//! The deployed counter, invoked as its callers do.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{Subject, protocol};
use crate::pools::Pools;

/// The counter: acquire and release, an invoke each.
#[derive(Debug)]
pub struct Invoke {
    function: Function,
    pools: Pools,
}

/// As many invokes, in which the counter has nothing to decide: it refuses the payload. What that takes is
/// the way to it and back.
#[derive(Debug)]
pub struct InvokeNothing(Function);

#[derive(Debug, Clone)]
struct Function {
    client: Client,
    name: String,
}

impl Function {
    /// Returns the payload, and whether it is an error's.
    async fn invoke(&self, payload: &Value) -> Result<(Value, bool)> {
        let payload = Blob::new(serde_json::to_vec(payload)?);
        let invoke = self.client.invoke().function_name(&self.name).payload(payload);
        let answer = invoke.send().await.context("invoking the counter")?;
        let payload = answer.payload().map_or(&[][..], Blob::as_ref);
        let payload = serde_json::from_slice(payload).context("reading the counter's answer")?;
        Ok((payload, answer.function_error().is_some()))
    }

    async fn says(&self, payload: Value) -> Result<Value> {
        let (answer, failed) = self.invoke(&payload).await?;
        ensure!(!failed, "{answer}");
        Ok(answer)
    }
}

impl Invoke {
    /// Invokes the function `name` about `pools`.
    #[must_use]
    pub fn new(client: Client, name: &str, pools: Pools) -> Self {
        Self { function: Function { client, name: name.to_owned() }, pools }
    }
}

impl Subject for Invoke {
    fn once(&self, caller: usize) -> BoxFuture<'_, Result<()>> {
        protocol::pair(self.pools.of(caller), |payload| self.function.says(payload)).boxed()
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
                let (answer, failed) = self.0.invoke(&json!({})).await?;
                ensure!(failed, "{answer}");
            }
            Ok(())
        }
        .boxed()
    }
}
