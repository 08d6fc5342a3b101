//! The command, and a pool for it.

use std::process::{Output, Stdio};
use std::sync::Arc;

use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::store::{DynamoStore, ShardOutcome, SlotStore};
use rds_admission::time::{FakeClock, Seconds, SystemClock};
use serde_json::Value;
use tokio::process::Command;

use crate::front::Front;
use crate::support::dynamo::{Dynamo, START, TABLE};
use crate::support::pool;

/// A table with a pool of the template's size.
pub(crate) struct World {
    pub(crate) dynamo: Dynamo,
    /// What the command asks in the table's place.
    pub(crate) front: Front,
    pub(crate) store: DynamoStore<SystemClock>,
    long_ago: DynamoStore<Arc<FakeClock>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dynamo = Dynamo::start().await;
        let front = Front::before(&dynamo.endpoint).await;
        // The pool is made on a clock that stands still, a year ago.
        let (long_ago, _) = dynamo.store().await;
        let store = DynamoStore::new(dynamo.client.clone(), TABLE, SystemClock);
        assert!(START < rds_admission::time::Clock::now(&SystemClock));
        Self { dynamo, front, store, long_ago }
    }

    /// A lease that lasts for minutes.
    pub(crate) async fn lease(&self, id: &str) -> LeaseId {
        let lease = LeaseId::from_stored(id).expect("an id");
        granted(
            &self.store.acquire(&Shard::first(&pool()), lease, Seconds(600), Class::Standard).await,
        );
        lease
    }

    /// A lease that was over long ago.
    pub(crate) async fn expired(&self, id: &str) -> LeaseId {
        let lease = LeaseId::from_stored(id).expect("an id");
        granted(
            &self
                .long_ago
                .acquire(&Shard::first(&pool()), lease, Seconds(35), Class::Standard)
                .await,
        );
        lease
    }

    pub(crate) async fn in_use(&self) -> u32 {
        self.store.read(&pool()).await.expect("a pool").in_use()
    }

    /// The command, on this table.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command
            .env("SLOTS_TABLE", TABLE)
            .env("AWS_ENDPOINT_URL", &self.front.endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    /// Runs it, and returns its exit code and what it said.
    pub(crate) async fn run(&self, arguments: &[&str]) -> (i32, String) {
        said(&self.command(arguments).output().await.expect("it runs"))
    }

    /// The same with `--json`, its answer read.
    pub(crate) async fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.command(arguments).arg("--json").output().await.expect("it runs");
        let answer = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
        (output.status.code().expect("a code"), answer)
    }
}

fn granted(acquired: &Result<ShardOutcome, rds_admission::store::StoreError>) {
    assert!(matches!(acquired, Ok(outcome) if outcome.grant.is_some()), "{acquired:?}");
}

/// The command in an environment that tells it nothing.
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

/// The exit code, and both outputs.
pub(crate) fn said(output: &Output) -> (i32, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let both = text(&output.stdout) + &text(&output.stderr);
    (output.status.code().expect("a code"), both)
}
