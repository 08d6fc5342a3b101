//! Runs the command on a pool of an embedded DynamoDB.

use std::process::{Output, Stdio};
use std::sync::Arc;

use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::store::{DynamoStore, SlotStore};
use rds_admission::time::{FakeClock, Seconds, SystemClock};
use serde_json::Value;
use tokio::process::Command;

use crate::proxy::AwsProxy;
use crate::support::dynamo::{Dynamo, START, TABLE};
use crate::support::pool;

/// A table with a pool of the template's size.
pub(crate) struct World {
    pub(crate) dynamo: Dynamo,
    /// The endpoint that the command uses.
    pub(crate) proxy: AwsProxy,
    pub(crate) store: DynamoStore<SystemClock>,
    long_ago: DynamoStore<Arc<FakeClock>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dynamo = Dynamo::start().await;
        let proxy = AwsProxy::start(&dynamo.endpoint).await;
        // The pool is created with a stopped clock, a year ago.
        let (long_ago, _) = dynamo.store().await;
        let store = DynamoStore::new(dynamo.client.clone(), TABLE, SystemClock);
        assert!(START < rds_admission::time::Clock::now(&SystemClock));
        Self { dynamo, proxy, store, long_ago }
    }

    /// Acquires a lease for ten minutes.
    pub(crate) async fn lease(&self, id: &str) -> LeaseId {
        self.lease_in(0, id).await
    }

    /// The same in one of the items of a split pool.
    pub(crate) async fn lease_in(&self, shard: u32, id: &str) -> LeaseId {
        acquire(&self.store, shard, id, Seconds(600)).await
    }

    /// Adds a lease that expired long ago.
    pub(crate) async fn expired(&self, id: &str) -> LeaseId {
        self.expired_in(0, id).await
    }

    pub(crate) async fn expired_in(&self, shard: u32, id: &str) -> LeaseId {
        acquire(&self.long_ago, shard, id, Seconds(35)).await
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store.read(&pool()).await.expect("a pool").in_use()
    }

    /// Returns the command for this table.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command
            .env("SLOTS_TABLE", TABLE)
            .env("AWS_ENDPOINT_URL", &self.proxy.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// Runs the command; returns its exit code and both outputs.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String) {
        output_of(&self.command(arguments).output().await.expect("it runs"))
    }

    /// Runs the command with `--json`; returns its exit code and its result.
    pub(crate) async fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(arguments).arg("--json").output().await.expect("it runs");
        let answer = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
        (output.status.code().expect("a code"), answer)
    }
}

async fn acquire(store: &impl SlotStore, shard: u32, id: &str, ttl: Seconds) -> LeaseId {
    let lease = LeaseId::from_stored(id).expect("an id");
    let acquired = store.acquire(&Shard::new(pool(), shard), lease, ttl, Class::Standard).await;
    assert!(acquired.as_ref().is_ok_and(|acquired| acquired.grant.is_some()), "{acquired:?}");
    lease
}

/// Returns the command with an empty environment.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slots"));
    command
        .args(arguments)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Returns the exit code and both outputs.
pub(crate) fn output_of(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let both = text(&output.stdout) + &text(&output.stderr);
    (output.status.code().expect("a code"), both)
}
