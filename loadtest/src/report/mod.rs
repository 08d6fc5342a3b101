//! The report of a test, `report.json`.
//!
//! The JSON Schema (`loadtest schema`, `docs/report.schema.json`) is generated from these types and their doc comments.

mod class;
mod run;
mod server;
mod setup;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use class::rounded;
pub use class::{Broken, Class, Example, Latency, Quantile, Reason};
pub use run::{
    Admission, Clients, Lateness, Rejected, Run, SlotSamples, Slots, Timeline, Utilisation,
};
pub use server::{Connections, Server};
pub use setup::{Arrival, Deployment, Machine, Retries, Settings, Shape, Thresholds};

/// The version of the schema. It changes when a key changes its meaning or is removed, not with new keys.
pub(crate) const SCHEMA: u32 = 2;

/// A load test: its setup, the result of each run, and the verdict.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "rds-admission load test")]
pub struct Report {
    /// The version of this schema: 2.
    pub schema: u32,
    /// The version of the load test.
    pub version: String,
    /// The version of goose, which runs its users.
    #[serde(default)]
    pub goose_version: String,
    /// The URL of the requests.
    pub url: String,
    /// When the first run began, in whole seconds since the epoch.
    pub started_at: u64,
    /// The machine that sent the load.
    pub machine: Machine,
    /// The query function; missing when its name was not given.
    pub deployment: Option<Deployment>,
    /// The load, the same in all runs.
    pub settings: Settings,
    /// The limits of the verdict.
    pub thresholds: Thresholds,
    /// The runs in order. With two, admission was bypassed in the first, and the verdict is about the last; requests that
    /// could not be sent in any run fail the test.
    pub runs: Vec<Run>,
    /// Pass or fail.
    pub verdict: Verdict,
}

/// The verdict about the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the test passed.
    pub pass: bool,
    /// Why it failed.
    pub reasons: Vec<String>,
    /// Remarks about the numbers that do not fail the test.
    pub notes: Vec<String>,
}
