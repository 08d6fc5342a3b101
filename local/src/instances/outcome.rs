//! How an invocation ends.

use std::time::Duration;

use axum::body::Bytes;
use serde_json::json;

/// What the caller of an invocation gets back.
#[derive(Debug)]
pub enum Outcome {
    /// The function's answer.
    Answer(Bytes),
    /// The function failed: `{"errorType": …, "errorMessage": …}`.
    Failure(Bytes),
}

/// Why an invocation did not take place.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such function.
    UnknownFunction,
    /// The function's reserved concurrency is used up.
    Throttled,
    /// This host could not start it.
    Host(anyhow::Error),
}

impl Outcome {
    /// The function took longer than it may.
    pub(super) fn timed_out(request_id: &str, timeout: Duration) -> Self {
        Self::failure(
            "Sandbox.Timedout",
            &format!(
                "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
                timeout.as_secs_f64()
            ),
        )
    }

    /// The process ended in the middle of the invocation.
    pub(super) fn exited(request_id: &str, status: &str) -> Self {
        Self::failure(
            "Runtime.ExitError",
            &format!("RequestId: {request_id} Error: Runtime exited with error: {status}"),
        )
    }

    /// The process never asked for work.
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
