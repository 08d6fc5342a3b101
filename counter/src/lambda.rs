//! The counter behind the Lambda Runtime API.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use rds_admission::store::Store;
use rds_admission::telemetry::chain;
use rds_admission::time::Clock;
use rds_admission::wire::Request;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::measured::measured;
use crate::{Answered, Counter, CounterError};

/// How long one request to the table may take before it is tried again, and all tries together:
/// DynamoDB answers in milliseconds, and the function's own timeout is 5 seconds.
const ATTEMPT: Duration = Duration::from_millis(1_500);
const OPERATION: Duration = Duration::from_millis(4_500);

/// The table's client settings: short timeouts, so that a lost request is tried again while the
/// caller still waits.
#[must_use]
pub fn table_config(aws: &SdkConfig) -> aws_sdk_dynamodb::Config {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(ATTEMPT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    aws_sdk_dynamodb::config::Builder::from(aws).timeout_config(timeouts).build()
}

/// Serves invocations until Lambda ends the instance.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run<S: Store, C: Clock>(counter: Counter<S, C>) -> Result<(), Error> {
    let counter = &counter;
    // Boxed: the nested futures of the SDK are deeper than the compiler follows by default.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(counter, event)))).await
}

/// One invocation, and the one line that is logged of it: all of the function but the Runtime API.
///
/// The payload is taken as it comes. Lambda lets any JSON through, also such as no [`Value`] holds, and
/// the runtime would answer that with an error of its own.
///
/// # Errors
/// A [`CounterError`] by its type and message.
pub async fn invocation<S: Store, C: Clock>(
    counter: &Counter<S, C>,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let begun = Instant::now();
    let request = Request::from_json(event.payload.get().as_bytes());
    let answer = match &request {
        Ok(request) => counter.answer(request).await,
        Err(invalid) => Err(CounterError::InvalidRequest(invalid.clone())),
    };
    let took = begun.elapsed();
    let request_id = event.context.request_id.as_str();
    let pool = request.as_ref().map_or("", |request| request.pool().as_str());
    let op = request.as_ref().map_or("invalid", Request::op);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    match answer {
        Ok(answered) => {
            let metrics =
                request.as_ref().ok().map(|r| measured(r, &answered, took, counter.known()));
            let metrics = metrics.as_ref().map(tracing::field::display);
            let Answered { payload, outcome, taken_over, in_use, max_connections } = answered;
            tracing::info!(
                request_id,
                pool,
                op,
                outcome = outcome.as_str(),
                taken_over,
                in_use,
                max_connections,
                micros,
                metrics,
                "decision"
            );
            Ok(payload)
        }
        Err(error) => {
            let (error_type, cause) = (error.error_type(), chain(&error));
            tracing::error!(request_id, pool, op, outcome = error_type, cause, micros, "decision");
            Err(Diagnostic { error_type: error_type.to_owned(), error_message: error.to_string() })
        }
    }
}
