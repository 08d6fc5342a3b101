//! Forwards requests to MiniStack, and returns its answers unchanged.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;
use reqwest::redirect::Policy;

/// Requests are buffered. The largest is an upload of a function's code.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// The client of MiniStack.
#[derive(Clone)]
pub(super) struct Upstream {
    url: String,
    http: Client,
}

impl Upstream {
    pub(super) fn new(url: &str) -> Self {
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            // Cannot fail: there is no TLS or proxy to set up.
            .unwrap_or_default();
        Self { url: url.to_owned(), http }
    }

    /// Forwards `request` with the path and query of `uri`.
    pub(super) async fn forward(&self, uri: &Uri, request: Request) -> Response {
        match read(request).await {
            Ok((mut parts, body)) => {
                parts.uri = uri.clone();
                self.send(parts, body).await
            }
            Err(refusal) => refusal,
        }
    }

    /// Forwards a buffered request.
    pub(super) async fn send(&self, parts: Parts, body: Bytes) -> Response {
        let url =
            format!("{}{}", self.url, parts.uri.path_and_query().map_or("/", |path| path.as_str()));
        let mut headers = parts.headers;
        drop_hop_by_hop(&mut headers);
        // The body is complete already.
        headers.remove(EXPECT);
        let answer = self.http.request(parts.method, url).headers(headers).body(body).send().await;
        match answer {
            Ok(answer) => return_answer(answer),
            Err(error) => {
                let text = format!("MiniStack is out of reach: {error}");
                (StatusCode::BAD_GATEWAY, text).into_response()
            }
        }
    }
}

/// Buffers a request; an error is the answer to it.
pub(super) async fn read(request: Request) -> Result<(Parts, Bytes), Response> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_LIMIT).await {
        Ok(body) => Ok((parts, body)),
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string()).into_response()),
    }
}

fn return_answer(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let mut headers = answer.headers().clone();
    drop_hop_by_hop(&mut headers);
    let body = Body::from_stream(answer.bytes_stream());
    (status, headers, body).into_response()
}

/// Removes the headers of one connection.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}
