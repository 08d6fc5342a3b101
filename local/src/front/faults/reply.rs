//! Answers in AWS's place.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::rule::{Instead, Kind};

impl Instead {
    /// The answer to a call of `kind`.
    pub(super) fn reply(self, kind: Kind) -> Response {
        use Kind::{DynamoDb, SecretsManager};
        let (status, name) = match (self, kind) {
            (Self::Unreachable, _) => return broken(),
            (Self::Throttled, DynamoDb) => {
                (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException")
            }
            (Self::Throttled, SecretsManager) => (StatusCode::BAD_REQUEST, "ThrottlingException"),
            (Self::Throttled, _) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            (Self::Error, DynamoDb) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
            (Self::Error, SecretsManager) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError")
            }
            (Self::Error, _) => (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"),
        };
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-errortype", name)];
        let message = "asked for by a rule of the front door";
        let body = json!({"__type": name, "message": message, "Message": message}).to_string();
        (status, headers, body).into_response()
    }
}

/// A connection that breaks in the middle of the answer.
pub(super) fn broken() -> Response {
    let torn = futures::stream::iter([Err::<Bytes, _>(io::Error::other("asked for by a rule"))]);
    (StatusCode::BAD_GATEWAY, Body::from_stream(torn)).into_response()
}
