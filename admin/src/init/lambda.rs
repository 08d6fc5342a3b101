//! `init` on the Lambda Runtime API.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rds_admission::store::PoolAdmin;
use rds_admission::telemetry::{Panicked, catch_panic, chain};
use rds_admission::time::Deadline;
use serde_json::Value;
use tokio::time::timeout;

use super::Init;
use crate::cloudformation::{Outcome, ReplyTo, Request, RequestType, Responder};

/// Time of the invocation that is reserved for sending the response.
const RESPONSE_TIME: Duration = Duration::from_secs(45);

/// The outcome of a failed request in the log.
const FAILED: &str = "failed";

/// Builds `init` for [`run`]. Catches panics.
///
/// # Errors
/// Returns the reason in one line.
pub async fn start<S>(
    build: impl Future<Output = Result<Init<S>, Error>>,
) -> Result<Init<S>, String> {
    let init = catch_panic(build).await.unwrap_or_else(|panicked| Err(panicked.into()));
    init.map_err(|error| chain(&*error))
}

/// Serves invocations until Lambda ends the instance. If `init` is an error, every request fails with it:
/// CloudFormation waits for a response, so the function must not just exit.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run<S: PoolAdmin>(
    init: Result<Init<S>, String>,
    responder: Responder,
) -> Result<(), Error> {
    let (init, responder) = (&init, &responder);
    // Boxed: the nested futures of the SDKs exceed the compiler's default recursion limit.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(init, responder, event)))).await
}

/// Handles one invocation and logs one line. Sends a response whatever happens, if the event has a URL for it.
///
/// # Errors
/// When the event has no URL, or the response could not be sent.
pub async fn invocation<S: PoolAdmin>(
    init: &Result<Init<S>, String>,
    responder: &Responder,
    event: LambdaEvent<Value>,
) -> Result<(), Error> {
    let request_id = event.context.request_id.as_str();
    let reply_to = ReplyTo::read(&event.payload).inspect_err(|invalid| {
        tracing::error!(request_id, outcome = FAILED, cause = %invalid, "init");
    })?;
    let deadline = Deadline::at_epoch_ms(event.context.deadline).earlier_by(RESPONSE_TIME);
    let request = Request::read(&event.payload, reply_to.clone());
    let asked = request.as_ref().ok().map(|request| format!("{:?}", request.kind));
    let failed = |reason| Outcome::failed(&reply_to, reason);
    let (outcome, failure) = match (init, &request) {
        (Ok(init), Ok(request)) => {
            match timeout(deadline.left(), catch_panic(init.handle(request, deadline))).await {
                Ok(Ok(outcome)) => (outcome, FAILED),
                Ok(Err(panicked)) => (failed(panicked.to_string()), Panicked::OUTCOME),
                Err(_) => (failed("out of time".to_owned()), FAILED),
            }
        }
        // After a failed creation CloudFormation deletes the resource. If that failed too, the stack would be stuck.
        (Err(_), Ok(request)) if deletes_nothing(request) => (Outcome::nothing_removed(), FAILED),
        (Err(reason), _) => (failed(reason.clone()), FAILED),
        (_, Err(invalid)) => (failed(chain(invalid)), FAILED),
    };
    let sent = responder.respond(&reply_to, &outcome).await;
    let resource = &outcome.physical_resource_id;
    match &outcome.result {
        Ok(data) => {
            // Set if `init` could not start and there was nothing to delete.
            let cause = init.as_ref().err();
            tracing::info!(request_id, asked, resource, outcome = "success", cause, %data, "init");
        }
        Err(cause) => {
            tracing::error!(request_id, asked, resource, outcome = failure, cause, "init");
        }
    }
    Ok(sent?)
}

/// Whether the request deletes a resource that was never created.
fn deletes_nothing(request: &Request) -> bool {
    request.kind == RequestType::Delete && request.reply_to.resource_id() == Outcome::NOT_CREATED
}
