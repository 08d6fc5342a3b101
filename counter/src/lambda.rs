//! The counter behind the Lambda Runtime API.

use std::time::Instant;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use rds_admission::controller::{Decision, RequestCounts};
use rds_admission::store::SlotStore;
use rds_admission::telemetry::{Panicked, catch_panic, chain};
use rds_admission::time::Clock;
use rds_admission::wire::Request;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::metrics::metrics;
use crate::{Counter, CounterError};

/// Serves invocations until Lambda ends the instance.
///
/// # Errors
/// When the Runtime API is unreachable.
pub async fn run<S: SlotStore + 'static, C: Clock + 'static>(
    counter: Counter<S, C>,
) -> Result<(), Error> {
    let counter = &counter;
    // Boxed: the nested futures of the SDK are deeper than the compiler's default limit.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(counter, event)))).await
}

/// Answers one invocation and logs one line about it.
///
/// Takes the payload unparsed: Lambda accepts JSON that [`Value`] can't represent, and the runtime would answer it with
/// an error of its own.
///
/// # Errors
/// A [`CounterError`] as its type and message, or `InternalError` after a panic.
pub async fn invocation<S: SlotStore + 'static, C: Clock + 'static>(
    counter: &Counter<S, C>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let begun = Instant::now();
    let request = Request::from_json(event.payload.get().as_bytes());
    let answer = match &request {
        Ok(request) => catch_panic(counter.answer(request)).await,
        Err(invalid) => Ok(Err(CounterError::InvalidRequest(invalid.clone()))),
    };
    let took = begun.elapsed();
    let request_id = event.context.request_id.as_str();
    let pool = request.as_ref().map_or("", |request| request.pool().as_str());
    let op = request.as_ref().map_or("invalid", Request::op);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let answer = match answer {
        Ok(answer) => answer,
        Err(panicked) => {
            let (outcome, cause) = (Panicked::OUTCOME, panicked.to_string());
            tracing::error!(request_id, pool, op, outcome, cause, micros, "decision");
            // Only the log has the cause.
            let error_message = "the counter itself failed".to_owned();
            return Err(Diagnostic { error_type: INTERNAL_ERROR.to_owned(), error_message });
        }
    };
    match answer {
        Ok(answered) => {
            let metrics =
                request.as_ref().ok().map(|r| metrics(r.pool(), &answered, took, counter.known()));
            let metrics = metrics.as_ref().map(tracing::field::display);
            let Decision { answer, in_use, max_connections, requests } = answered;
            let RequestCounts { writes, peeks } = requests;
            tracing::info!(
                request_id,
                pool,
                op,
                outcome = answer.outcome(),
                taken_over = answer.taken_over(),
                writes,
                looks = peeks,
                in_use,
                max_connections,
                micros,
                metrics,
                "decision"
            );
            serde_json::to_value(answer).map_err(|error| into_diagnostic(&error.into()))
        }
        Err(error) => {
            let (error_type, cause) = (error.error_type(), chain(&error));
            tracing::error!(request_id, pool, op, outcome = error_type, cause, micros, "decision");
            Err(into_diagnostic(&error))
        }
    }
}

/// The Lambda error's `errorType` after a panic. A slot may have been granted.
const INTERNAL_ERROR: &str = "InternalError";

/// Converts an error to the Lambda error that the invoker receives.
fn into_diagnostic(error: &CounterError) -> Diagnostic {
    Diagnostic { error_type: error.error_type().to_owned(), error_message: error.to_string() }
}
