//! One run of the load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::class::{Broken, Class, Reason};
use super::server::Server;

/// The result of one run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The state of admission.
    pub admission: Admission,
    /// When it began, in whole seconds since the epoch.
    pub started_at: u64,
    /// Seconds from its beginning to the last answer.
    pub elapsed_seconds: f64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Requests that were started.
    pub offered: u64,
    /// 200 with a count of the rows.
    pub admitted: Class,
    /// The controller's rejections: 503 with `Retry-After`.
    pub rejected: Rejected,
    /// All other answers.
    pub broken: Broken,
    /// Connections that the server refused: by its counters or by the callers, whichever is more.
    pub refused: u64,
    /// Answers that reported the server's error 1040.
    pub refused_callers: u64,
    /// The users that honour `Retry-After` and those that ignore it; empty when all do the same.
    pub clients: Vec<Clients>,
    /// Requests that could not be sent, by what the machine of the load test ran out of. No other number has them.
    #[serde(default)]
    pub not_sent: Vec<Reason>,
    /// How late requests were sent; only with open arrivals.
    pub lateness: Option<Lateness>,
    /// The counts over time.
    pub timeline: Timeline,
    /// The database server; missing when no database was given or it could not be watched.
    pub server: Option<Server>,
    /// Why the database could not be watched.
    pub server_failure: Option<String>,
    /// The pool; missing when no table was given or it could not be read.
    pub slots: Option<Slots>,
    /// Why the table could not be read.
    pub slots_failure: Option<String>,
    /// The file of goose's report, in the same folder.
    pub goose: Option<String>,
}

/// The state of the service's admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Admission {
    /// Bypassed by the test.
    Bypassed,
    /// Switched on by the test.
    On,
    /// As deployed.
    AsDeployed,
}

/// The rejected answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// Their number and latencies.
    #[serde(flatten)]
    pub class: Class,
    /// The number of answers by reason, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// The users of one kind.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Whether they waited for `Retry-After`.
    pub honour_retry_after: bool,
    /// Their number at the peak of the load.
    pub users: u32,
    /// Their admitted answers.
    pub admitted: Class,
    /// Their rejected answers.
    pub rejected: Class,
    /// Their broken answers.
    pub broken: Class,
}

/// How late requests were sent after they were due, which is part of their latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lateness {
    /// The latest request, in milliseconds.
    pub max_ms: f64,
    /// Requests that were more than 100 ms late: all users waited for answers, or the machine that sends the load was
    /// busy.
    pub late: u64,
    /// Requests that were due and never sent, because no user was free until the end. No other number has them.
    pub unsent: u64,
}

/// Counts for each interval of the run. All lists have the same length; the last intervals have the answers that came
/// after the last request was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The length of an interval in seconds; the first begins with the run.
    pub bucket_seconds: u32,
    /// Requests that were started, or with open arrivals were due.
    pub offered: Vec<u64>,
    /// Admitted answers.
    pub admitted: Vec<u64>,
    /// Rejected answers.
    pub rejected: Vec<u64>,
    /// Broken answers.
    pub broken: Vec<u64>,
}

/// The pool over the run, read from its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slots {
    /// The pool's name.
    pub pool: String,
    /// Its slots.
    pub size: u32,
    /// The slots for class `standard`, which the query uses.
    pub standard: u32,
    /// The most slots in use in a sample.
    pub peak: u32,
    /// The utilisation of the standard slots; missing when there were too few rejections.
    pub utilisation: Option<Utilisation>,
    /// The samples.
    pub samples: SlotSamples,
}

/// The pool's samples. All lists have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotSamples {
    /// The time of each sample, in seconds after the beginning of the run; negative before it.
    pub at: Vec<f64>,
    /// Leases held, including expired ones.
    pub in_use: Vec<u32>,
    /// Expired leases among them.
    pub expired: Vec<u32>,
}

/// How well slots were used while there were more requests than slots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Utilisation {
    /// Slots in use that had not expired, as a share of the standard slots: the mean over the samples in all intervals of
    /// the timeline that had rejections, as had the interval before. A slot that is free then is wasted.
    pub mean: f64,
    /// The number of samples.
    pub samples: u64,
    /// The length of those intervals in seconds.
    pub seconds: u32,
}
