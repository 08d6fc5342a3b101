//! What was asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shape::Shape;

/// How the load was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How the load changed over the run.
    pub shape: Shape,
    /// What made a request begin.
    pub arrival: Arrival,
    /// In a closed loop, how many users asked at the load's height; with open arrivals, how many
    /// requests could be under way at once.
    pub users: u32,
    /// Seconds in which requests were started.
    pub duration_seconds: u32,
    /// Seconds one request might take.
    pub timeout_seconds: u32,
    /// Seconds for which the query held its connection, when the test set them. Otherwise the deployment's
    /// `HOLD_SECONDS` says it.
    pub hold_seconds: Option<f64>,
    /// What the users did after a 503.
    pub retries: Retries,
}

/// What makes a request begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Arrival {
    /// A user's last one is over: a slow service is asked less often. Latencies are those of the
    /// requests that were made; requests that a slow service kept from being made are in none of them
    /// (coordinated omission).
    Closed,
    /// Its time has come, whatever became of the others: a Poisson process. Latencies count from the
    /// time at which a request was due, so that one which had to wait for its turn counts as slow.
    #[serde(rename_all = "camelCase")]
    Open {
        /// Requests a second, on average, at the load's height.
        per_second: f64,
        /// What the arrival times were drawn with.
        seed: u64,
    },
}

/// What users do after a 503 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Retries {
    /// They stay away as long as it says.
    Honoured,
    /// They ask again at once.
    Ignored,
    /// Every second user ignores it.
    Mixed,
    /// They do not come back: with open arrivals, each request is another client's.
    None,
}

/// What a verdict asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Thresholds {
    /// The most broken answers that pass.
    pub max_broken: u64,
    /// The most connections refused by the server that pass.
    pub max_refused: u64,
    /// The fewest admitted answers that pass.
    pub min_admitted: u64,
    /// The lowest utilisation of the standard slots that passes, from 0 to 1; not judged when missing.
    pub min_utilisation: Option<f64>,
    /// The longest that 99 % of the rejections may take, in milliseconds; not judged when missing.
    pub max_rejection_p99_ms: Option<f64>,
}
