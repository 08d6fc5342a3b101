//! One run of the load.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Broken, Class, Reason, Server};

/// What came of one run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Whether the service's admission was in force.
    pub admission: Admission,
    /// When it began, in whole seconds since the epoch.
    pub started_at: u64,
    /// Seconds from its beginning to the last answer.
    pub elapsed_seconds: f64,
    /// Whether somebody ended the run before its time.
    pub interrupted: bool,
    /// Requests that were started.
    pub offered: u64,
    /// Answers with a count of the rows.
    pub admitted: Class,
    /// 503 with `Retry-After`, as the controller sends them.
    pub rejected: Rejected,
    /// Everything else.
    pub broken: Broken,
    /// Connections that the server refused: the highest of what its counters and the callers say.
    pub refused: u64,
    /// Answers that reported the server's error 1040.
    pub refused_callers: u64,
    /// The users that honour `Retry-After` and those that ignore it, apart; empty when all do the same.
    pub clients: Vec<Clients>,
    /// Requests that could not be sent, by what the load test's own machine ran out of. They are in no other
    /// number.
    #[serde(default)]
    pub not_sent: Vec<Reason>,
    /// How late requests were sent; with open arrivals only.
    pub lateness: Option<Lateness>,
    /// What happened when.
    pub timeline: Timeline,
    /// The server's side; missing when no database was given or the watch failed.
    pub server: Option<Server>,
    /// Why the watch of a given database failed.
    pub server_failure: Option<String>,
    /// The pool's side; missing when no table was given or it could not be read.
    pub slots: Option<Slots>,
    /// Why a given table could not be read.
    pub slots_failure: Option<String>,
    /// The file of goose's own report, beside this one.
    pub goose: Option<String>,
}

/// Whether the service's admission is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Admission {
    /// The test switched it off for this run.
    Bypassed,
    /// The test switched it on for this run.
    On,
    /// As it was found.
    AsDeployed,
}

/// The rejected answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// How many and how long.
    #[serde(flatten)]
    pub class: Class,
    /// How many for which reason, the most frequent first.
    pub reasons: Vec<Reason>,
}

/// What became of the users of one kind.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Clients {
    /// Whether they stayed away as long as `Retry-After` said.
    pub honour_retry_after: bool,
    /// How many there were at the load's height.
    pub users: u32,
    /// Their admitted answers.
    pub admitted: Class,
    /// Their rejected answers.
    pub rejected: Class,
    /// Their broken answers.
    pub broken: Class,
}

/// How late requests were sent after they were due. It is part of their latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lateness {
    /// The latest, in milliseconds.
    pub max_ms: f64,
    /// How many were more than 100 ms late: all users were waiting for an answer, or the machine that
    /// the load came from was busy.
    pub late: u64,
    /// How many were due and never sent, because no user was free for them until the end. They are in
    /// no other number.
    pub unsent: u64,
}

/// Counts for each stretch of the run. All lists have the same length; the last stretches hold the
/// answers that came after the last request was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Seconds of one stretch; the first begins with the run.
    pub bucket_seconds: u32,
    /// Requests that began, or with open arrivals were due, in each stretch.
    pub offered: Vec<u64>,
    /// Admitted answers that came in each stretch.
    pub admitted: Vec<u64>,
    /// Rejected answers that came in each stretch.
    pub rejected: Vec<u64>,
    /// Broken answers that came in each stretch.
    pub broken: Vec<u64>,
}

/// The database server's connections over the run. All lists have the same length; `service` may be empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// When each sample was taken, in seconds after the run's beginning; before it, below zero.
    pub at: Vec<f64>,
    /// `Threads_connected`, the watch's own connection included.
    pub used: Vec<u64>,
    /// Connections to the service's database, the watch's own left out; empty when the account may not see
    /// whose they are.
    pub service: Vec<u64>,
}

/// The pool over the run, read from its table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slots {
    /// The pool's name.
    pub pool: String,
    /// Slots of the pool.
    pub size: u32,
    /// Slots that class `standard`, and so the query, may take.
    pub standard: u32,
    /// The most in use in a sample.
    pub peak: u32,
    /// How well the standard slots were used; missing when nobody was rejected for long enough to tell.
    pub utilisation: Option<Utilisation>,
    /// The samples.
    pub samples: SlotSamples,
}

/// The pool's samples. All lists have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotSamples {
    /// When each was taken, in seconds after the run's beginning; before it, below zero.
    pub at: Vec<f64>,
    /// Leases out, expired ones included.
    pub in_use: Vec<u32>,
    /// Expired leases among them.
    pub expired: Vec<u32>,
}

/// How well slots were used while there were more callers than slots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Utilisation {
    /// Slots in use that had not expired, as a share of the standard slots: the mean over the samples of
    /// all stretches of the timeline in which callers were rejected, as they were in the one before. In
    /// such a stretch, a slot that is free is one that somebody wanted.
    pub mean: f64,
    /// How many samples it is the mean of.
    pub samples: u64,
    /// The seconds that they were taken in.
    pub seconds: u32,
}
