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
use serde_json::{Value, json};
use thiserror::Error;

/// What a custom resource is asked
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>).
#[derive(Debug, Clone)]
pub struct Request {
    /// What is to be done.
    pub request_type: RequestType,
    /// The properties, as the template writes them.
    pub resource_properties: Value,
    /// The properties before an update; null otherwise.
    pub old_resource_properties: Value,
    /// Where the answer goes.
    pub reply_to: ReplyTo,
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

/// Where an answer goes, and what it answers.
#[derive(Clone)]
pub struct ReplyTo {
    url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
}

/// The answer's address is presigned: whoever knows it can answer.
impl fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyTo")
            .field("logical_resource_id", &self.logical_resource_id)
            .finish_non_exhaustive()
    }
}

/// An event that is no request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the event's {field} is missing, or not one that is known")]
pub struct InvalidEvent {
    field: &'static str,
}

impl ReplyTo {
    /// Where an event wants its answer, whatever else is wrong with it.
    ///
    /// # Errors
    /// [`InvalidEvent`] when it says no address: then nobody waits for an answer.
    pub fn read(event: &Value) -> Result<Self, InvalidEvent> {
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

impl Request {
    /// The request that an event is, with its answer's address.
    ///
    /// # Errors
    /// [`InvalidEvent`] when it does not say what is to be done, or for which resource.
    pub fn read(event: &Value, reply_to: ReplyTo) -> Result<Self, InvalidEvent> {
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
        let request_type = serde_json::from_value(property(TYPE));
        Ok(Self {
            request_type: request_type.map_err(|_| InvalidEvent { field: TYPE })?,
            resource_properties: property("ResourceProperties"),
            old_resource_properties: property("OldResourceProperties"),
            reply_to,
        })
    }

    /// Whether an update has changed this property. One that was not there before has not.
    #[must_use]
    pub fn changes(&self, property: &str) -> bool {
        let before = self.old_resource_properties.get(property);
        before.is_some_and(|before| Some(before) != self.resource_properties.get(property))
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

    /// A request came to nothing; the resource is what it was.
    #[must_use]
    pub fn failed(request: &ReplyTo, reason: String) -> Self {
        Self { physical_resource_id: request.resource_id(), result: Err(reason) }
    }

    /// What could not be created is deleted, which is a matter of nothing.
    #[must_use]
    pub fn nothing_removed() -> Self {
        Self {
            physical_resource_id: Self::NOT_CREATED.to_owned(),
            result: Ok(json!({ "Removed": false })),
        }
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

    /// Sends the answer to a request to the address that it came with.
    ///
    /// # Errors
    /// [`RespondError`] after several tries.
    pub async fn respond(&self, request: &ReplyTo, outcome: &Outcome) -> Result<(), RespondError> {
        let (url, body) = (&request.url, answer(request, outcome).to_string());
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

fn answer(request: &ReplyTo, outcome: &Outcome) -> Value {
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

    fn event() -> Value {
        serde_json::json!({
            "RequestType": "Create", "ResponseURL": "http://example/?signed", "StackId": "stack",
            "RequestId": "request", "ResourceType": "Custom::AdmissionPool",
            "LogicalResourceId": "Pool", "ResourceProperties": {"PoolName": "p"},
        })
    }

    fn request() -> ReplyTo {
        ReplyTo::read(&event()).expect("an address")
    }

    #[test]
    fn an_event_without_what_is_to_be_done_still_has_an_address() {
        for wrong in [serde_json::json!("Upsert"), serde_json::json!(1), Value::Null] {
            let mut event = event();
            event["RequestType"] = wrong;
            let invalid = Request::read(&event, request()).expect_err("no request");
            assert!(invalid.to_string().contains("RequestType"), "{invalid}");
            assert!(ReplyTo::read(&event).is_ok());
        }
        let only = ReplyTo::read(&serde_json::json!({"ResponseURL": "http://example/"}));
        assert_eq!(only.expect("an address").resource_id(), Outcome::NOT_CREATED);
        for nowhere in [serde_json::json!({"ResponseURL": 1}), serde_json::json!([])] {
            let invalid = ReplyTo::read(&nowhere).expect_err("no address");
            assert!(invalid.to_string().contains("ResponseURL"), "{invalid}");
        }
    }

    #[test]
    fn a_property_is_changed_when_it_was_another_before() {
        let mut event = event();
        let changes = |event: &Value| Request::read(event, request()).expect("one").changes("D");
        event["ResourceProperties"] = serde_json::json!({"D": "b"});
        assert!(!changes(&event), "a create");
        for (before, is_changed) in [
            (serde_json::json!({}), false),
            (serde_json::json!({"D": "b"}), false),
            (serde_json::json!({"D": "a"}), true),
        ] {
            event["OldResourceProperties"] = before;
            assert_eq!(changes(&event), is_changed, "{event}");
        }
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
        let request = Request::read(&event(), request()).expect("a request");
        assert!(!format!("{request:?}").contains("signed"));
    }
}
