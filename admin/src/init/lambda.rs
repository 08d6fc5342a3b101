//! `init` behind the Lambda Runtime API.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rds_admission::store::PoolAdmin;
use rds_admission::telemetry::{Panicked, catch_panic, chain};
use rds_admission::time::Deadline;
use serde_json::Value;
use tokio::time::timeout;

use super::Init;
use crate::cloudformation::{Outcome, ReplyTo, Request, RequestType, Responder};

/// What is kept of the invocation's time for the answer.
const FOR_THE_ANSWER: Duration = Duration::from_secs(45);

/// The `init` that `parts` makes, or why there is none, for [`run`]: also where making it panics.
///
/// # Errors
/// What went wrong, in one line.
pub async fn started<S>(
    parts: impl Future<Output = Result<Init<S>, Error>>,
) -> Result<Init<S>, String> {
    let parts = catch_panic(parts).await.unwrap_or_else(|panicked| Err(panicked.into()));
    parts.map_err(|error| chain(&*error))
}

/// Serves invocations until Lambda ends the instance. Where there is no `init`, for the reason that is given in
/// its place, CloudFormation is told that reason: it would wait for an answer for a quarter of an hour.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run<S: PoolAdmin>(
    init: Result<Init<S>, String>,
    responder: Responder,
) -> Result<(), Error> {
    let (init, responder) = (&init, &responder);
    // Boxed: the nested futures of the SDKs are deeper than the compiler follows by default.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(init, responder, event)))).await
}

/// One invocation, and the one line that is logged of it: all of the function but the Runtime API.
///
/// Whatever becomes of it, CloudFormation is answered, if the event has an address to answer to.
///
/// # Errors
/// When the event has none, or the answer could not be sent.
pub async fn invocation<S: PoolAdmin>(
    init: &Result<Init<S>, String>,
    responder: &Responder,
    event: LambdaEvent<Value>,
) -> Result<(), Error> {
    let request_id = event.context.request_id.as_str();
    let reply_to = ReplyTo::read(&event.payload).inspect_err(|invalid| {
        tracing::error!(request_id, outcome = FAILED, cause = %invalid, "init");
    })?;
    let deadline = Deadline::at_epoch_ms(event.context.deadline).earlier_by(FOR_THE_ANSWER);
    let read = Request::read(&event.payload, reply_to.clone());
    let asked = read.as_ref().ok().map(|request| format!("{:?}", request.request_type));
    let failed = |reason| Outcome::failed(&reply_to, reason);
    let (outcome, word) = match (init, &read) {
        (Ok(init), Ok(request)) => {
            match timeout(deadline.left(), catch_panic(init.handle(request, deadline))).await {
                Ok(Ok(outcome)) => (outcome, FAILED),
                Ok(Err(panicked)) => (failed(panicked.to_string()), Panicked::OUTCOME),
                Err(_) => (failed("out of time".to_owned()), FAILED),
            }
        }
        // It could not be created for the same reason, and a deletion that fails would leave its stack stuck.
        (Err(_), Ok(request)) if deletes_nothing(request) => (Outcome::nothing_removed(), FAILED),
        (Err(reason), _) => (failed(reason.clone()), FAILED),
        (_, Err(invalid)) => (failed(chain(invalid)), FAILED),
    };
    let told = responder.respond(&reply_to, &outcome).await;
    let resource = &outcome.physical_resource_id;
    match &outcome.result {
        Ok(data) => {
            // Where the function could not start, and there was nothing to do.
            let cause = init.as_ref().err();
            tracing::info!(request_id, asked, resource, outcome = "success", cause, %data, "init");
        }
        Err(cause) => {
            tracing::error!(request_id, asked, resource, outcome = word, cause, "init");
        }
    }
    Ok(told?)
}

/// Whether what is to be deleted was never created.
fn deletes_nothing(request: &Request) -> bool {
    request.request_type == RequestType::Delete
        && request.reply_to.resource_id() == Outcome::NOT_CREATED
}

/// What became of a request that came to nothing, in the log.
const FAILED: &str = "failed";
