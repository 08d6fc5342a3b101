//! A client for the fault controls of the local stack.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

/// The client.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    url: String,
    http: Client,
}

/// A function's process.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) function: String,
    pub(crate) pid: u32,
    pub(crate) state: State,
    pub(crate) frozen: bool,
    pub(crate) lease: Option<String>,
    pub(crate) invocations: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Starting,
    Idle,
    Busy,
}

/// A function's invocations that ended without its answer.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interruptions {
    pub(crate) killed: u64,
    pub(crate) timed_out: u64,
    pub(crate) crashed: u64,
    pub(crate) late: u64,
}

/// A call that matched a rule.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hit {
    pub(crate) rule: u64,
    pub(crate) instance: String,
    pub(crate) lease: Option<String>,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Added {
    id: u64,
}

impl Control {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self { url: format!("{endpoint}/_local"), http: Client::new() }
    }

    pub(crate) async fn instances(&self) -> Result<Vec<Instance>> {
        self.get("instances").await
    }

    pub(crate) async fn interruptions(&self) -> Result<BTreeMap<String, Interruptions>> {
        self.get("interrupted").await
    }

    /// Kills an instance. Returns false if there is none.
    pub(crate) async fn kill(&self, id: &str) -> Result<bool> {
        self.post(&format!("instances/{id}/kill"), json!({})).await
    }

    /// Freezes an instance for a time. Returns false if there is none.
    pub(crate) async fn freeze(&self, id: &str, time: Duration) -> Result<bool> {
        self.post(&format!("instances/{id}/freeze"), json!({"seconds": time.as_secs_f64()})).await
    }

    /// Adds a rule.
    pub(crate) async fn rule(&self, rule: &Value) -> Result<u64> {
        let answer = self.send(Method::POST, "faults", Some(rule)).await?;
        ensure!(
            answer.status() == StatusCode::CREATED,
            "a rule was rejected: {}",
            answer.text().await?
        );
        Ok(answer.json::<Added>().await?.id)
    }

    /// Removes a rule.
    pub(crate) async fn remove_rule(&self, rule: u64) -> Result<()> {
        self.send(Method::DELETE, &format!("faults/{rule}"), None).await.map(drop)
    }

    /// Removes all rules.
    pub(crate) async fn remove_rules(&self) -> Result<()> {
        self.send(Method::DELETE, "faults", None).await.map(drop)
    }

    /// The calls that matched `rule`.
    pub(crate) async fn hits(&self, rule: u64) -> Result<Vec<Hit>> {
        let Hits { hits } = self.get("faults/hits").await?;
        Ok(hits.into_iter().filter(|hit| hit.rule == rule).collect())
    }

    /// Restarts the database. Returns when it is up again.
    pub(crate) async fn restart_database(&self, crash: bool, down: Duration) -> Result<()> {
        let restart = json!({"crash": crash, "downMs": u64::try_from(down.as_millis())?});
        let restarted = self.post("database/restart", restart).await?;
        ensure!(restarted, "there is no database to restart");
        Ok(())
    }

    /// Sets the database's `max_connections`.
    pub(crate) async fn max_connections(&self, connections: u32) -> Result<()> {
        self.post("database/max-connections", json!({"value": connections})).await.map(drop)
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        let answer = self.send(Method::GET, path, None).await?;
        answer.json().await.with_context(|| format!("reading {path} of the stack"))
    }

    /// Returns false on 404.
    async fn post(&self, path: &str, body: Value) -> Result<bool> {
        let answer = self.send(Method::POST, path, Some(&body)).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            status => anyhow::bail!("{path} of the stack: {status}: {}", answer.text().await?),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let mut request = self.http.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.with_context(|| format!("calling {path} of the stack"))
    }
}
