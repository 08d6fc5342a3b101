//! What a client asks, as API Gateway tells it; and what it is told, as API Gateway wants to hear it.

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::http::{HeaderMap, Method};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Response};

use crate::Route;

/// A request, as far as it is looked at.
///
/// `lambda_http` reads the event, but does not make an `http::Request` of it: that would write down the
/// URL of the request, from headers that are the client's, and panic where this is none.
#[derive(Debug)]
pub(crate) struct Asked {
    method: Method,
    /// Without the stage.
    path: Option<String>,
    /// Its headers.
    pub(crate) headers: HeaderMap,
}

impl Asked {
    /// Reads the event of a REST API or an HTTP API. None for an event of another kind.
    pub(crate) fn read(event: LambdaRequest) -> Option<Self> {
        match event {
            LambdaRequest::ApiGatewayV1(event) => {
                let mut headers = event.multi_value_headers;
                headers.extend(event.headers);
                Some(Self { method: event.http_method, path: event.path, headers })
            }
            LambdaRequest::ApiGatewayV2(event) => {
                let context = event.request_context;
                let path = event.raw_path.map(|path| without_stage(path, context.stage.as_deref()));
                Some(Self { method: context.http.method, path, headers: event.headers })
            }
            _ => None,
        }
    }

    /// What is asked for.
    pub(crate) fn route(&self) -> Route {
        let path = self.path.as_deref();
        path.map_or(Route::NotFound, |path| Route::of(&self.method, path))
    }
}

/// REST APIs leave the stage out of the path; HTTP APIs put it before.
fn without_stage(path: String, stage: Option<&str>) -> String {
    let stage = stage.filter(|stage| *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => rest.to_owned(),
        None => path,
    }
}

/// The response as both kinds of API take it. No header of this service has two values.
pub(crate) fn told(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let mut told = ApiGatewayProxyResponse::default();
    told.status_code = parts.status.as_u16().into();
    told.headers = parts.headers;
    told.body = Some(body);
    told
}
