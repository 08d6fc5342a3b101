//! The stage of the REST API, which MiniStack serves at a path of its own.

use anyhow::{Context as _, Result};
use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use serde_json::{Value, json};

use crate::instances::PAYLOAD_LIMIT;

/// The path of the REST API's stage at the front door.
pub(crate) const API_PATH: &str = "/api";

/// Parts of MiniStack's messages when a function failed, and when it timed out.
const FAILED: [&str; 2] = ["Proxy target returned HTTP", "Sandbox.Timedout"];

/// A stage of a REST API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestApi {
    id: String,
    stage: String,
}

impl RestApi {
    /// Parses a stage's URL on AWS,
    /// `https://{id}.execute-api.{region}.amazonaws.com/{stage}`.
    ///
    /// # Errors
    /// When the URL is of another form.
    pub fn from_url(url: &str) -> Result<Self> {
        let parse = || {
            let rest = url.strip_prefix("https://")?;
            let (host, path) = rest.split_once('/')?;
            let (id, _) = host.split_once(".execute-api.")?;
            let stage = path.trim_end_matches('/');
            let plain = !stage.is_empty() && !stage.contains('/');
            plain.then(|| Self { id: id.to_owned(), stage: stage.to_owned() })
        };
        parse().with_context(|| format!("{url} is not the URL of a REST API's stage"))
    }

    /// MiniStack's URL for `path`, with the query of `uri`.
    pub(super) fn rewrite(&self, path: &str, uri: &Uri) -> Uri {
        let Self { id, stage } = self;
        let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
        format!("/restapis/{id}/{stage}/_user_request_/{path}{query}")
            .parse()
            // Cannot fail: all parts are parts of a valid URI.
            .unwrap_or_else(|_| uri.clone())
    }
}

/// The path after [`API_PATH`] and its slash of a request to the API.
pub(super) fn path_below(uri: &Uri) -> Option<&str> {
    let rest = uri.path().strip_prefix(API_PATH)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Removes the details of a function's failure, which MiniStack returns and API Gateway does not
/// (<https://repost.aws/knowledge-center/api-gateway-502-errors>).
pub(super) async fn hide_failure(answer: Response) -> Response {
    if answer.status() != StatusCode::BAD_GATEWAY {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, PAYLOAD_LIMIT).await.unwrap_or_default();
    let message = serde_json::from_slice::<Value>(&body).ok();
    let message = message.as_ref().and_then(|body| body["message"].as_str());
    if message.is_some_and(|message| FAILED.iter().any(|failed| message.contains(failed))) {
        let gateways = json!({"message": "Internal server error"});
        return (StatusCode::BAD_GATEWAY, Json(gateways)).into_response();
    }
    Response::from_parts(parts, body.into())
}

pub(super) fn not_deployed() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the API is not deployed yet").into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use axum::response::Response;

    use super::{RestApi, hide_failure, path_below};

    #[test]
    fn knows_the_api_from_its_url() {
        let api =
            RestApi::from_url("https://ab12.execute-api.us-east-1.amazonaws.com/prod").unwrap();
        let uri: Uri = "/api/employees?a=1".parse().unwrap();
        let path = path_below(&uri).unwrap();
        assert_eq!(
            api.rewrite(path, &uri).to_string(),
            "/restapis/ab12/prod/_user_request_/employees?a=1"
        );
    }

    #[tokio::test]
    async fn the_details_of_a_failure_are_hidden() {
        let seen = async |status: u16, body: &'static str| {
            let answer = Response::builder().status(status).body(body.into()).unwrap();
            let answer = hide_failure(answer).await;
            let status = answer.status().as_u16();
            (status, axum::body::to_bytes(answer.into_body(), 1024).await.unwrap())
        };
        let failed = r#"{"message": "{\"errorMessage\": \"Proxy target returned HTTP 502: x\"}"}"#;
        let late = r#"{"message": "{\"errorType\": \"Sandbox.Timedout\"}"}"#;
        let gateways = r#"{"message":"Internal server error"}"#;
        assert_eq!(seen(502, failed).await, (502, gateways.into()));
        assert_eq!(seen(502, late).await, (502, gateways.into()));
        for (status, body) in [(502, r#"{"status": 502}"#), (200, "Selected 3 items"), (503, "x")] {
            assert_eq!(seen(status, body).await, (status, body.into()));
        }
    }

    #[test]
    fn refuses_other_urls() {
        for url in [
            "",
            "http://ab12.execute-api.us-east-1.amazonaws.com/prod",
            "https://ab12.execute-api.us-east-1.amazonaws.com/",
            "https://example.com/prod",
            "https://ab12.execute-api.us-east-1.amazonaws.com/prod/employees",
        ] {
            assert!(RestApi::from_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn only_the_apis_own_path_counts() {
        let below = |path: &'static str| path_below(&Uri::from_static(path)).map(str::to_owned);
        assert_eq!(below("/api").as_deref(), Some(""));
        assert_eq!(below("/api/").as_deref(), Some(""));
        assert_eq!(below("/api/a/b").as_deref(), Some("a/b"));
        assert_eq!(below("/apis"), None);
        assert_eq!(below("/"), None);
    }
}
