//! Passes a request on to MiniStack, and the answer back, unchanged.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;
use reqwest::redirect::Policy;

use super::path_and_query;

/// Requests are read whole before they go on; the largest is an upload of a function's code.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// The server behind the door.
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
            // Without TLS or proxies to set up there is nothing that can fail.
            .unwrap_or_default();
        Self { url: url.to_owned(), http }
    }

    /// Sends `request` on, with its path and query replaced by those of `uri`.
    pub(super) async fn forward(&self, uri: &Uri, request: Request) -> Response {
        match read(request).await {
            Ok((mut parts, body)) => {
                parts.uri = uri.clone();
                self.send(parts, body).await
            }
            Err(refusal) => refusal,
        }
    }

    /// Sends on a request that has been read already.
    pub(super) async fn send(&self, parts: Parts, body: Bytes) -> Response {
        let url = format!("{}{}", self.url, path_and_query(&parts.uri));
        let mut headers = parts.headers;
        drop_hop_by_hop(&mut headers);
        // The body goes on at once and whole.
        headers.remove(EXPECT);
        let answer = self.http.request(parts.method, url).headers(headers).body(body).send().await;
        match answer {
            Ok(answer) => pass_back(answer),
            Err(error) => {
                let text = format!("MiniStack can't be reached: {error}");
                (StatusCode::BAD_GATEWAY, text).into_response()
            }
        }
    }
}

/// Reads a request whole; the answer to it where it can't be read.
pub(super) async fn read(request: Request) -> Result<(Parts, Bytes), Response> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, BODY_LIMIT).await {
        Ok(body) => Ok((parts, body)),
        Err(error) => Err((StatusCode::BAD_REQUEST, error.to_string()).into_response()),
    }
}

fn pass_back(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let mut headers = answer.headers().clone();
    drop_hop_by_hop(&mut headers);
    let body = Body::from_stream(answer.bytes_stream());
    (status, headers, body).into_response()
}

/// These speak about one connection, not about the message.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}
