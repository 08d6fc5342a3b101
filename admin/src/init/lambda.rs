//! `init` behind the Lambda Runtime API.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use rds_admission::store::{Operations, Owners};
use rds_admission::time::Deadline;
use serde_json::Value;

use super::Init;
use crate::cloudformation::{Outcome, Request, Responder};

/// What is kept of the invocation's time for the answer.
const FOR_THE_ANSWER: Duration = Duration::from_secs(45);

/// Serves invocations until Lambda ends the instance.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run<S: Operations + Owners>(init: Init<S>, responder: Responder) -> Result<(), Error> {
    let (init, responder) = (&init, &responder);
    // Boxed: the nested futures of the SDKs are deeper than the compiler follows by default.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(init, responder, event)))).await
}

/// One invocation, and the one line that is logged of it.
async fn invocation<S: Operations + Owners>(
    init: &Init<S>,
    responder: &Responder,
    event: LambdaEvent<Value>,
) -> Result<(), Error> {
    // What can't be read has no address to answer to: Lambda's own error is all there is.
    let request: Request = serde_json::from_value(event.payload)?;
    let deadline = Deadline::at_epoch_ms(event.context.deadline).earlier_by(FOR_THE_ANSWER);
    let outcome = match tokio::time::timeout(deadline.left(), init.handle(&request, deadline)).await
    {
        Ok(outcome) => outcome,
        Err(_) => Outcome::failed(&request, "out of time".to_owned()),
    };
    let told = responder.respond(&request, &outcome).await;
    let request_id = event.context.request_id.as_str();
    let (asked, resource) = (format!("{:?}", request.request_type), &outcome.physical_resource_id);
    match &outcome.result {
        Ok(data) => {
            tracing::info!(request_id, asked, resource, outcome = "success", %data, "init");
        }
        Err(cause) => {
            tracing::error!(request_id, asked, resource, outcome = "failed", cause, "init");
        }
    }
    Ok(told?)
}
