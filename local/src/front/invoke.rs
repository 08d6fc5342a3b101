//! Lambda's `Invoke` and updates of a function, as the SDKs send them.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::instances::{Event, Host, Outcome, PAYLOAD_LIMIT, Refusal, trace_id};

/// The function of an `Invoke` of an unpublished version.
pub(super) fn invoked_function(request: &Request) -> Option<String> {
    if request.method() != Method::POST {
        return None;
    }
    let reference = request
        .uri()
        .path()
        .strip_prefix("/2015-03-31/functions/")?
        .strip_suffix("/invocations")?;
    let (function, inner) = parse_reference(reference)?;
    let latest = |version: &str| version == "$LATEST" || version == "%24LATEST";
    let qualified = inner.as_deref().or_else(|| qualifier(request.uri()));
    qualified.is_none_or(latest).then_some(function)
}

/// Name and qualifier of `name`, `name:qualifier`, `account:function:name`, or an ARN.
fn parse_reference(reference: &str) -> Option<(String, Option<String>)> {
    let reference = &reference.replace("%3A", ":").replace("%3a", ":");
    let own = match reference.rsplit_once(":function:") {
        Some((_, own)) => own,
        None => reference.as_str(),
    };
    let (name, qualifier) = match own.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (own, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then(|| (name.to_owned(), qualifier))
}

fn qualifier(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("Qualifier="))
}

/// The function of an `UpdateFunctionConfiguration` or `UpdateFunctionCode`.
pub(super) fn changed_function(request: &Request) -> Option<String> {
    if request.method() != Method::PUT {
        return None;
    }
    let path = request.uri().path().strip_prefix("/2015-03-31/functions/")?;
    let reference = path.strip_suffix("/configuration").or_else(|| path.strip_suffix("/code"))?;
    Some(parse_reference(reference)?.0)
}

/// An `Invoke` with its payload.
pub(super) struct Invocation {
    function: String,
    parts: Parts,
    payload: Bytes,
}

impl Invocation {
    pub(super) async fn read(function: String, request: Request) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let payload = axum::body::to_bytes(body, PAYLOAD_LIMIT).await.map_err(|_| {
            let message = format!("Request must be smaller than {PAYLOAD_LIMIT} bytes");
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                &json!({"Type": "User", "message": message}),
            )
        })?;
        Ok(Self { function, parts, payload })
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Runs it; `None` when the host does not have the function.
    pub(super) async fn run(&self, host: &Host) -> Option<Response> {
        let event = Event {
            // Lambda treats an empty payload as an empty object.
            payload: if self.payload.is_empty() {
                Bytes::from_static(b"{}")
            } else {
                self.payload.clone()
            },
            trace_id: trace_id(&self.parts.headers),
        };
        let kind = invocation_type(&self.parts.headers);
        if kind != "RequestResponse" && !host.has(&self.function).await {
            return None;
        }
        match kind {
            "DryRun" => Some(answer(StatusCode::NO_CONTENT, Bytes::new())),
            "Event" => {
                let (host, function) = (host.clone(), self.function.clone());
                tokio::spawn(async move { host.invoke(&function, event).await.ok() });
                Some(answer(StatusCode::ACCEPTED, Bytes::new()))
            }
            _ => respond(host.invoke(&self.function, event).await),
        }
    }

    /// The original request.
    pub(super) fn into_request(self) -> (Parts, Bytes) {
        (self.parts, self.payload)
    }
}

fn invocation_type(headers: &HeaderMap) -> &str {
    headers
        .get("x-amz-invocation-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("RequestResponse")
}

fn respond(result: Result<Outcome, Refusal>) -> Option<Response> {
    match result {
        Ok(Outcome::Answer(payload)) => Some(answer(StatusCode::OK, payload)),
        Ok(Outcome::Failure(payload)) => {
            let failed = [("x-amz-function-error", "Unhandled")];
            Some((failed, answer(StatusCode::OK, payload)).into_response())
        }
        Err(Refusal::UnknownFunction) => None,
        Err(Refusal::Throttled) => Some(refuse(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            &json!({
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            }),
        )),
        Err(Refusal::Host(error)) => Some(refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            &json!({"Type": "Service", "Message": format!("{error:#}")}),
        )),
    }
}

fn answer(status: StatusCode, payload: Bytes) -> Response {
    let headers = [("content-type", "application/json"), ("x-amz-executed-version", "$LATEST")];
    (status, headers, payload).into_response()
}

fn refuse(status: StatusCode, error_type: &'static str, body: &serde_json::Value) -> Response {
    let headers = [("content-type", "application/json"), ("x-amzn-errortype", error_type)];
    (status, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn function(method: &str, uri: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(uri).body(Body::empty());
        invoked_function(&request.unwrap())
    }

    #[test]
    fn finds_the_function_in_every_way_of_naming_it() {
        for reference in [
            "counter",
            "counter:$LATEST",
            "000000000000:function:counter",
            "arn:aws:lambda:us-east-1:000000000000:function:counter",
            "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Acounter",
            "arn:aws:lambda:us-east-1:000000000000:function:counter:$LATEST",
        ] {
            let uri = format!("/2015-03-31/functions/{reference}/invocations");
            assert_eq!(function("POST", &uri).as_deref(), Some("counter"), "{uri}");
        }
        let latest = "/2015-03-31/functions/counter/invocations?Qualifier=%24LATEST";
        assert_eq!(function("POST", latest).as_deref(), Some("counter"));
    }

    #[test]
    fn leaves_everything_else_alone() {
        for (method, uri) in [
            ("GET", "/2015-03-31/functions/counter/invocations"),
            ("POST", "/2015-03-31/functions/counter/versions"),
            ("POST", "/2015-03-31/functions/counter:7/invocations"),
            ("POST", "/2015-03-31/functions/counter/invocations?Qualifier=live"),
            ("POST", "/2015-03-31/functions//invocations"),
            ("POST", "/2015-03-31/functions/a%2Fb/invocations"),
            ("POST", "/"),
        ] {
            assert_eq!(function(method, uri), None, "{method} {uri}");
        }
    }

    fn changed(method: Method, path: &str) -> Option<String> {
        changed_function(&Request::builder().method(method).uri(path).body(Body::empty()).unwrap())
    }

    #[test]
    fn only_changes_of_a_function_are_recognized() {
        let query = Some("query".to_owned());
        for path in ["query/configuration", "query/code", "arn:aws:lambda:r:1:function:query/code"]
        {
            assert_eq!(changed(Method::PUT, &format!("/2015-03-31/functions/{path}")), query);
        }
        assert_eq!(changed(Method::GET, "/2015-03-31/functions/query/configuration"), None);
        assert_eq!(changed(Method::PUT, "/2015-03-31/functions/query/concurrency"), None);
        assert_eq!(changed(Method::PUT, "/query/configuration"), None);
    }
}
