//! `rotate` on the Lambda Runtime API.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use rds_admission::client::{ReleaseOutcome, SlotReport};
use rds_admission::telemetry::{Panicked, catch_panic, chain};
use rds_admission::time::Deadline;
use serde_json::Value;

use super::Rotation;
use super::event::Event;
use super::outcome::Outcome;

/// Serves invocations until Lambda ends the instance.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run(rotation: Rotation) -> Result<(), Error> {
    let rotation = &rotation;
    // Boxed: the nested futures of the SDKs exceed the compiler's default recursion limit.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(rotation, event)))).await
}

/// Handles one invocation and logs one line.
async fn invocation(rotation: &Rotation, event: LambdaEvent<Value>) -> Result<(), Diagnostic> {
    let LambdaEvent { payload, context } = event;
    let request_id = context.request_id.as_str();
    let event: Event = match serde_json::from_value(payload) {
        Ok(event) => event,
        Err(error) => {
            tracing::error!(request_id, outcome = INVALID_EVENT, cause = chain(&error), "rotate");
            return Err(diagnostic(INVALID_EVENT, error.to_string()));
        }
    };
    let deadline = Deadline::at_epoch_ms(context.deadline);
    let outcome = match catch_panic(Box::pin(rotation.handle(&event, deadline))).await {
        Ok(outcome) => outcome,
        Err(panicked) => {
            let (step, version) = (event.step.as_str(), event.token.as_str());
            let (outcome, cause) = (Panicked::OUTCOME, panicked.to_string());
            tracing::error!(request_id, step, version, outcome, cause, "rotate");
            return Err(diagnostic(INTERNAL_ERROR, cause));
        }
    };
    log(request_id, &event, &outcome);
    outcome.result.map(drop).map_err(|error| diagnostic(error.error_type(), chain(&error)))
}

/// The Lambda error's `errorType` for an invalid event.
const INVALID_EVENT: &str = "InvalidEvent";

/// The Lambda error's `errorType` when the function panicked.
const INTERNAL_ERROR: &str = "InternalError";

fn diagnostic(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic { error_type: error_type.to_owned(), error_message }
}

fn log(request_id: &str, event: &Event, outcome: &Outcome) {
    let metrics = outcome.metrics.as_ref().map(tracing::field::display);
    let slot = outcome.slot.as_ref();
    let lease = slot.map(|slot| slot.granted.lease.as_str());
    let given_back = slot.map(|slot| slot.outcome.as_str());
    let release_failure = match slot {
        Some(SlotReport { outcome: ReleaseOutcome::Failed(Some(error)), .. }) => {
            Some(chain(&**error))
        }
        _ => None,
    };
    let (step, version) = (event.step.as_str(), event.token.as_str());
    let (outcome, cause) = match &outcome.result {
        Ok(done) => (done.as_str(), None),
        Err(error) => (error.error_type(), Some(chain(error))),
    };
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                request_id,
                step,
                version,
                outcome,
                cause,
                lease,
                given_back,
                release_failure,
                metrics,
                "rotate"
            )
        };
    }
    if cause.is_some() { log!(error) } else { log!(info) }
}
