//! How an invocation ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::json;

/// The result of an invocation for its caller.
#[derive(Debug)]
pub enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// The function's error: `{"errorType": …, "errorMessage": …}`.
    Failure(Bytes),
}

/// Why an invocation did not take place.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such function.
    UnknownFunction,
    /// The function's reserved concurrency is used up.
    Throttled,
    /// This host failed to start it.
    Host(anyhow::Error),
}

impl Outcome {
    pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        Self::failure(
            "Sandbox.Timedout",
            &format!(
                "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                timeout.as_secs_f64()
            ),
        )
    }

    pub(super) fn exited(request_id: &str, status: &str) -> Self {
        Self::failure(
            "Runtime.ExitError",
            &format!("RequestId: {request_id} Error: Runtime exited with error: {status}"),
        )
    }

    /// The process did not request its first invocation in time.
    pub(super) fn not_ready(request_id: &str, limit: Duration) -> Self {
        Self::failure(
            "Sandbox.Timedout",
            &format!(
                "RequestId: {request_id} Error: Init timed out after {:.2} seconds",
                limit.as_secs_f64()
            ),
        )
    }

    fn failure(error_type: &str, message: &str) -> Self {
        let payload = json!({"errorType": error_type, "errorMessage": message});
        Self::Failure(payload.to_string().into())
    }
}

/// Why an invocation ended without an answer from its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// A fault rule or the control API killed the process.
    Killed,
    TimedOut,
    /// The process ended by itself.
    Crashed,
    /// The answer came after MiniStack had given up. Its timeout is the function's, but includes the start of an
    /// instance, which Lambda's does not.
    Late,
}

/// The numbers of a function's interrupted invocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Interruptions {
    killed: u64,
    timed_out: u64,
    crashed: u64,
    late: u64,
}

/// The interruptions of each function.
#[derive(Default)]
pub(super) struct InterruptionCounts(Mutex<BTreeMap<String, Interruptions>>);

impl InterruptionCounts {
    pub(super) fn count(&self, function: &str, interruption: Interruption) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(function.to_owned()).or_default();
        match interruption {
            Interruption::Killed => counts.killed += 1,
            Interruption::TimedOut => counts.timed_out += 1,
            Interruption::Crashed => counts.crashed += 1,
            Interruption::Late => counts.late += 1,
        }
    }

    pub(super) fn all(&self) -> BTreeMap<String, Interruptions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
