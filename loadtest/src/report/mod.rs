//! The numbers of a test, as `report.json` holds them.
//!
//! The doc comments of these types are the documentation of the file: its JSON Schema
//! (`loadtest schema`, `docs/report.schema.json`) is made from them.

mod class;
mod deployment;
mod machine;
mod run;
mod server;
mod settings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use class::rounded;
pub use class::{Broken, Class, Example, Latency, QUANTILES, Quantile, Reason};
pub use deployment::Deployment;
pub use machine::Machine;
pub use run::{
    Admission, Clients, Connections, Lateness, Rejected, Run, SlotSamples, Slots, Timeline,
    Utilisation,
};
pub use server::Server;
pub use settings::{Arrival, Retries, Settings, Thresholds};

/// The version of the report's schema. It grows when a key changes its meaning or goes; new keys do
/// not change it.
pub const SCHEMA: u32 = 2;

/// A load test: what was asked for, what came of each run, and the verdict.
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
    /// The URL that was asked for.
    pub url: String,
    /// When the first run began, in whole seconds since the epoch.
    pub started_at: u64,
    /// The machine that the load came from.
    pub machine: Machine,
    /// The query function that answered; missing when none was named.
    pub deployment: Option<Deployment>,
    /// How the load was made, the same in all runs.
    pub settings: Settings,
    /// What the verdict asks for.
    pub thresholds: Thresholds,
    /// The runs in the order in which they were made. With two of them, the first one's admission was
    /// bypassed, and the verdict is on the last; that a run could not send its requests fails the whole test.
    pub runs: Vec<Run>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// Pass or fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether nothing speaks against the service.
    pub pass: bool,
    /// What speaks against it.
    pub reasons: Vec<String>,
    /// What a reader of the numbers should know, and what does not speak against the service.
    pub notes: Vec<String>,
}

impl Report {
    /// The run that the verdict is on.
    #[must_use]
    pub fn judged(&self) -> Option<&Run> {
        self.runs.last()
    }
}
