//! The protocol between CloudFormation and a custom resource.
//!
//! CloudFormation waits up to an hour for a response, so one is sent on every path
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>).

use std::fmt;
use std::time::Duration;

use rds_admission::store::Owner;
use rds_admission::telemetry::chain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

/// A request to a custom resource
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>).
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: RequestType,
    pub(crate) resource_properties: Value,
    /// The properties before an update; null otherwise.
    pub(crate) old_resource_properties: Value,
    pub(crate) reply_to: ReplyTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum RequestType {
    Create,
    Update,
    Delete,
}

/// Where to send the response, and which request it answers.
#[derive(Clone)]
pub(crate) struct ReplyTo {
    url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

/// Omits the URL, which is presigned: it is a credential.
impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("logical_resource_id", &self.logical_resource_id)
            .finish_non_exhaustive()
    }
}

/// An event that is not a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event's {field} is missing or unknown")]
pub(crate) struct InvalidEvent {
    field: &'static str,
}

impl ReplyTo {
    /// Reads where an event wants its response. Fails only without a URL; then no response is expected.
    pub(crate) fn read(event: &Value) -> Result<Self, InvalidEvent> {
        const URL: &str = "ResponseURL";
        let text = |name| event.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            url: text(URL).ok_or(InvalidEvent { field: URL })?,
            stack_id: text("StackId").unwrap_or_default(),
            request_id: text("RequestId").unwrap_or_default(),
            logical_resource_id: text("LogicalResourceId").unwrap_or_default(),
            physical_resource_id: text("PhysicalResourceId"),
        })
    }

    /// Returns the owner of what the request creates.
    pub(crate) fn owner(&self) -> Owner {
        Owner { stack: self.stack_id.clone(), resource: self.logical_resource_id.clone() }
    }

    /// Returns the resource's id before the request.
    pub(crate) fn resource_id(&self) -> String {
        self.physical_resource_id.clone().unwrap_or_else(|| Outcome::NOT_CREATED.to_owned())
    }
}

impl Request {
    pub(crate) fn read(event: &Value, reply_to: ReplyTo) -> Result<Self, InvalidEvent> {
        const TYPE: &str = "RequestType";
        let property = |name| event.get(name).cloned().unwrap_or_default();
        for (field, text) in [
            ("StackId", &reply_to.stack_id),
            ("RequestId", &reply_to.request_id),
            ("LogicalResourceId", &reply_to.logical_resource_id),
        ] {
            if text.is_empty() {
                return Err(InvalidEvent { field });
            }
        }
        let kind = serde_json::from_value(property(TYPE));
        Ok(Self {
            kind: kind.map_err(|_| InvalidEvent { field: TYPE })?,
            resource_properties: property("ResourceProperties"),
            old_resource_properties: property("OldResourceProperties"),
            reply_to,
        })
    }

    /// Whether an update changes the property. A property that is new does not count.
    pub(crate) fn changes(&self, property: &str) -> bool {
        let before = self.old_resource_properties.get(property);
        before.is_some_and(|before| Some(before) != self.resource_properties.get(property))
    }
}

/// In characters. A response may have 4,096 bytes.
const MAX_REASON: usize = 1_000;

const ATTEMPTS: u32 = 4;

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The resource's id after the request. If it differs from the id before, CloudFormation deletes the old
    /// resource.
    pub(crate) physical_resource_id: String,
    /// The resource's attributes, or the reason of the failure.
    pub(crate) result: Result<Value, String>,
}

impl Outcome {
    /// The id of a resource whose creation failed.
    pub(crate) const NOT_CREATED: &str = "not-created";

    /// The request failed; the resource is unchanged.
    pub(crate) fn failed(request: &ReplyTo, reason: String) -> Self {
        Self { physical_resource_id: request.resource_id(), result: Err(reason) }
    }

    /// The deletion of a resource that was never created.
    pub(crate) fn nothing_removed() -> Self {
        Self {
            physical_resource_id: Self::NOT_CREATED.to_owned(),
            result: Ok(json!({ "Removed": false })),
        }
    }
}

/// A response could not be sent.
#[derive(Debug, Error)]
#[error("the response could not be sent to CloudFormation")]
pub struct RespondError(#[source] reqwest::Error);

/// Sends responses.
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
    /// Creates a sender.
    ///
    /// # Errors
    /// When TLS can't be set up.
    pub fn new() -> Result<Self, RespondError> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build();
        client.map(Self).map_err(RespondError)
    }

    /// Sends the response to a request, with retries.
    pub(crate) async fn respond(
        &self,
        request: &ReplyTo,
        outcome: &Outcome,
    ) -> Result<(), RespondError> {
        let (url, body) = (&request.url, response(request, outcome).to_string());
        let mut pause = Duration::from_millis(200);
        for attempt in 1..ATTEMPTS {
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

    /// The URL is presigned for a PUT without a content type.
    async fn put(&self, url: &str, body: &str) -> reqwest::Result<()> {
        self.0.put(url).body(body.to_owned()).send().await?.error_for_status()?;
        Ok(())
    }
}

fn response(request: &ReplyTo, outcome: &Outcome) -> Value {
    let (status, reason, data) = match &outcome.result {
        Ok(data) => ("SUCCESS", None, Some(data)),
        Err(reason) => ("FAILED", Some(reason.chars().take(MAX_REASON).collect()), None),
    };
    json!(Response {
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

    fn event() -> Value {
        json!({
            "RequestType": "Create", "ResponseURL": "http://example/?signed", "StackId": "stack",
            "RequestId": "request", "ResourceType": "Custom::AdmissionPool",
            "LogicalResourceId": "Pool", "ResourceProperties": {"PoolName": "p"},
        })
    }

    fn request() -> ReplyTo {
        ReplyTo::read(&event()).expect("a URL")
    }

    #[test]
    fn an_invalid_request_still_has_a_response_url() {
        for wrong in [json!("Upsert"), json!(1), Value::Null] {
            let mut event = event();
            event["RequestType"] = wrong;
            let invalid = Request::read(&event, request()).expect_err("no request");
            assert!(invalid.to_string().contains("RequestType"), "{invalid}");
            assert!(ReplyTo::read(&event).is_ok());
        }
        let only = ReplyTo::read(&json!({"ResponseURL": "http://example/"}));
        assert_eq!(only.expect("a URL").resource_id(), Outcome::NOT_CREATED);
        for nowhere in [json!({"ResponseURL": 1}), json!([])] {
            let invalid = ReplyTo::read(&nowhere).expect_err("no URL");
            assert!(invalid.to_string().contains("ResponseURL"), "{invalid}");
        }
    }

    #[test]
    fn a_property_changes_when_it_had_another_value() {
        let mut event = event();
        let changes = |event: &Value| Request::read(event, request()).expect("one").changes("D");
        event["ResourceProperties"] = json!({"D": "b"});
        assert!(!changes(&event), "a create");
        for (before, is_changed) in
            [(json!({}), false), (json!({"D": "b"}), false), (json!({"D": "a"}), true)]
        {
            event["OldResourceProperties"] = before;
            assert_eq!(changes(&event), is_changed, "{event}");
        }
    }

    #[test]
    fn a_response_identifies_its_request() {
        let outcome = Outcome {
            physical_resource_id: "p".to_owned(),
            result: Ok(json!({"MaxConnections": 62})),
        };
        let expected = json!({
            "Status": "SUCCESS", "PhysicalResourceId": "p", "StackId": "stack",
            "RequestId": "request", "LogicalResourceId": "Pool", "Data": {"MaxConnections": 62},
        });
        assert_eq!(response(&request(), &outcome), expected);
    }

    #[test]
    fn a_long_reason_leaves_room_for_the_rest() {
        let outcome =
            Outcome { physical_resource_id: "p".to_owned(), result: Err("é".repeat(100_000)) };
        let response = response(&request(), &outcome);
        assert_eq!(response["Status"], "FAILED");
        assert!(response.to_string().len() < 4_096);
    }

    #[test]
    fn the_presigned_url_is_not_shown() {
        let request = Request::read(&event(), request()).expect("a request");
        assert!(!format!("{request:?}").contains("signed"));
    }
}
