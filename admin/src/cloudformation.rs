//! How a custom resource answers CloudFormation.
//!
//! CloudFormation waits for an answer, for up to an hour, on every path: success, failure, and the
//! request that could not even be read
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>).

use std::fmt;
use std::time::Duration;

use rds_admission::store::Owner;
use rds_admission::telemetry::chain;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// What a custom resource is asked
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>).
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the names are CloudFormation's")]
pub struct Request {
    /// What is to be done.
    pub request_type: RequestType,
    #[serde(default)]
    physical_resource_id: Option<String>,
    /// The properties, as the template writes them.
    #[serde(default)]
    pub resource_properties: Value,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
}

/// The three requests there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// Its properties have changed.
    Update,
    /// It is to go.
    Delete,
}

/// The answer's address is presigned: whoever knows it can answer.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("request_type", &self.request_type)
            .field("logical_resource_id", &self.logical_resource_id)
            .finish_non_exhaustive()
    }
}

/// An answer is at most 4,096 bytes; a reason must leave room for the rest.
const LONGEST_REASON: usize = 1_000;

/// An answer is sent this often before it is given up.
const TRIES: u32 = 4;

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The resource's id after the request. Another id than before makes CloudFormation delete the
    /// old one.
    pub physical_resource_id: String,
    /// The attributes, or the reason why there are none.
    pub result: Result<Value, String>,
}

impl Outcome {
    /// The resource's id when it could not be created: deleting it is a matter of nothing.
    pub const NOT_CREATED: &str = "not-created";

    /// `request` came to nothing; the resource is what it was.
    #[must_use]
    pub fn failed(request: &Request, reason: String) -> Self {
        Self { physical_resource_id: request.resource_id(), result: Err(reason) }
    }
}

impl Request {
    /// Who owns what the request makes.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { stack: self.stack_id.clone(), resource: self.logical_resource_id.clone() }
    }

    /// The resource's id as it stands before the request.
    #[must_use]
    pub fn resource_id(&self) -> String {
        self.physical_resource_id.clone().unwrap_or_else(|| Outcome::NOT_CREATED.to_owned())
    }
}

/// Why an answer could not be sent.
#[derive(Debug, Error)]
#[error("CloudFormation could not be told")]
pub struct RespondError(#[source] reqwest::Error);

/// Sends answers.
#[derive(Debug, Clone)]
pub struct Responder(reqwest::Client);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'r> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    physical_resource_id: &'r str,
    stack_id: &'r str,
    request_id: &'r str,
    logical_resource_id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r Value>,
}

impl Responder {
    /// A sender of answers.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new() -> Result<Self, RespondError> {
        Ok(Self(
            reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .map_err(RespondError)?,
        ))
    }

    /// Sends the answer to `request` to the address that it came with.
    ///
    /// # Errors
    /// [`RespondError`] after several tries.
    pub async fn respond(&self, request: &Request, outcome: &Outcome) -> Result<(), RespondError> {
        let (url, body) = (&request.response_url, answer(request, outcome).to_string());
        let mut pause = Duration::from_millis(200);
        for attempt in 1..TRIES {
            match self.put(url, &body).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!(attempt, cause = chain(&error.without_url()), "answer");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 3;
        }
        self.put(url, &body).await.map_err(|error| RespondError(error.without_url()))
    }

    /// The address is presigned for a PUT without a content type.
    async fn put(&self, url: &str, body: &str) -> reqwest::Result<()> {
        self.0.put(url).body(body.to_owned()).send().await?.error_for_status()?;
        Ok(())
    }
}

fn answer(request: &Request, outcome: &Outcome) -> Value {
    let (status, reason, data) = match &outcome.result {
        Ok(data) => ("SUCCESS", None, Some(data)),
        Err(reason) => ("FAILED", Some(reason.chars().take(LONGEST_REASON).collect()), None),
    };
    serde_json::json!(Response {
        status,
        reason,
        physical_resource_id: &outcome.physical_resource_id,
        stack_id: &request.stack_id,
        request_id: &request.request_id,
        logical_resource_id: &request.logical_resource_id,
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let request = serde_json::json!({
            "RequestType": "Create", "ResponseURL": "http://example/?signed", "StackId": "stack",
            "RequestId": "request", "ResourceType": "Custom::AdmissionPool",
            "LogicalResourceId": "Pool", "ResourceProperties": {"PoolName": "p"},
        });
        serde_json::from_value(request).expect("a request")
    }

    #[test]
    fn an_answer_names_what_it_answers() {
        let outcome = Outcome {
            physical_resource_id: "p".to_owned(),
            result: Ok(serde_json::json!({"MaxConnections": 62})),
        };
        let expected = serde_json::json!({
            "Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": "stack",
            "RequestId": "request", "LogicalResourceId": "Pool", "Data": {"MaxConnections": 62},
        });
        assert_eq!(answer(&request(), &outcome), expected);
    }

    #[test]
    fn a_long_reason_leaves_room_for_the_rest() {
        let outcome =
            Outcome { physical_resource_id: "p".to_owned(), result: Err("é".repeat(100_000)) };
        let answer = answer(&request(), &outcome);
        assert_eq!(answer["Status"], "FAILED");
        assert!(answer.to_string().len() < 4_096);
    }

    #[test]
    fn the_presigned_address_is_not_shown() {
        assert!(!format!("{:?}", request()).contains("signed"));
    }
}
