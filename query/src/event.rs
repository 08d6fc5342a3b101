//! Converts API Gateway events to requests, and HTTP responses to API Gateway responses.

use std::collections::HashMap;

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::http::{HeaderMap, Method};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Response};

/// The resource that a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `GET /employees`, or `GET /`, the path in the AWS article.
    Employees,
    /// One of these paths with another method.
    MethodNotAllowed,
    /// Another path.
    NotFound,
}

impl Route {
    /// Returns the route of a method and a path without its stage. A trailing slash is ignored.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        match (path.trim_end_matches('/'), method) {
            ("" | "/employees", &Method::GET) => Self::Employees,
            ("" | "/employees", _) => Self::MethodNotAllowed,
            _ => Self::NotFound,
        }
    }
}

/// The parts of an API Gateway request that the function uses.
///
/// The event is not converted to an `http::Request`: `lambda_http` would build its URL from headers that the client
/// controls, and panics when the URL is invalid.
#[derive(Debug)]
pub(crate) struct HttpRequest {
    method: Method,
    /// Path within the API: without the stage and without the base path of a custom domain.
    path: Option<String>,
    /// Request headers.
    pub(crate) headers: HeaderMap,
}

impl HttpRequest {
    /// Reads the event of a REST API or an HTTP API. Returns `None` for an event of another kind.
    pub(crate) fn from_event(event: LambdaRequest) -> Option<Self> {
        match event {
            LambdaRequest::ApiGatewayV1(event) => {
                let mut headers = event.multi_value_headers;
                headers.extend(event.headers);
                let resource = event.resource.as_deref();
                // The `$default` route of an HTTP API, in payload format 1.0, has the stage in its path.
                let stage = event.request_context.stage.filter(|_| resource == Some("$default"));
                let resource = resource.and_then(|it| path_of(it, &event.path_parameters));
                let path = event.path.map(|path| without_stage(path, stage.as_deref()));
                Some(Self { method: event.http_method, path: resource.or(path), headers })
            }
            LambdaRequest::ApiGatewayV2(event) => {
                let context = event.request_context;
                // "GET /employees", or "$default".
                let route = event.route_key.as_deref().and_then(|key| key.split_once(' '));
                let resource = route.and_then(|(_, path)| path_of(path, &event.path_parameters));
                let raw = event.raw_path.map(|path| without_stage(path, context.stage.as_deref()));
                let path = resource.or(raw);
                Some(Self { method: context.http.method, path, headers: event.headers })
            }
            _ => None,
        }
    }

    /// Returns the requested route.
    pub(crate) fn route(&self) -> Route {
        let path = self.path.as_deref();
        path.map_or(Route::NotFound, |path| Route::of(&self.method, path))
    }
}

/// Returns the request's path within the API: `resource`, such as `/{proxy+}`, with its parameters filled in.
///
/// The event's own path may start with a custom domain's base path of unknown length. Returns `None` for the
/// catch-all route (`$default`), and when a parameter is missing.
fn path_of(resource: &str, parameters: &HashMap<String, String>) -> Option<String> {
    let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => parameters.get(name.trim_end_matches('+')).cloned(),
        None => Some(part.to_owned()),
    };
    let parts: Option<Vec<_>> = resource.strip_prefix('/')?.split('/').map(part).collect();
    Some(format!("/{}", parts?.join("/")))
}

/// Removes the stage from the path. Only HTTP APIs include it.
fn without_stage(path: String, stage: Option<&str>) -> String {
    let stage = stage.filter(|stage| *stage != "$default");
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => rest.to_owned(),
        None => path,
    }
}

/// Converts a response to the form that both kinds of API accept. No header of this service has two values.
pub(crate) fn into_response(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let mut converted = ApiGatewayProxyResponse::default();
    converted.status_code = parts.status.as_u16().into();
    converted.headers = parts.headers;
    converted.body = Some(body);
    converted
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn both_paths_are_served_to_get_only() {
        for path in ["", "/", "/employees", "/employees/"] {
            assert_eq!(Route::of(&Method::GET, path), Route::Employees, "{path}");
            assert_eq!(Route::of(&Method::POST, path), Route::MethodNotAllowed, "{path}");
        }
        for path in ["/employee", "/employees/1", "/Employees", "employees"] {
            assert_eq!(Route::of(&Method::GET, path), Route::NotFound, "{path}");
        }
    }

    fn route(event: &Value) -> Route {
        let event = serde_json::from_value(event.clone()).expect("an event");
        HttpRequest::from_event(event).expect("a request").route()
    }

    /// The event of a REST API.
    fn rest(resource: &str, path: &str, parameters: &Value) -> Value {
        json!({
            "resource": resource, "path": path, "httpMethod": "GET", "pathParameters": parameters,
            "requestContext": {"httpMethod": "GET", "stage": "Prod"},
        })
    }

    #[test]
    fn the_resource_tells_the_route_whatever_the_base_path() {
        let none = Value::Null;
        for path in ["/employees", "/v1/employees", "/v1/v2/employees/"] {
            assert_eq!(route(&rest("/employees", path, &none)), Route::Employees, "{path}");
        }
        assert_eq!(route(&rest("/", "/v1", &none)), Route::Employees);
        assert_eq!(route(&rest("/other", "/v1/employees", &none)), Route::NotFound);
        let mut post = rest("/employees", "/v1/employees", &none);
        post["httpMethod"] = json!("POST");
        assert_eq!(route(&post), Route::MethodNotAllowed);
    }

    #[test]
    fn a_resource_that_takes_all_paths_tells_the_part_that_it_took() {
        let proxy = |path: &str| json!({ "proxy": path });
        for resource in ["/{proxy+}", "/{proxy}"] {
            let event = rest(resource, "/v1/employees", &proxy("employees"));
            assert_eq!(route(&event), Route::Employees, "{resource}");
        }
        assert_eq!(route(&rest("/{proxy+}", "/v1/a/b", &proxy("a/b"))), Route::NotFound);
        let below = rest("/api/{proxy+}", "/api/employees", &proxy("employees"));
        assert_eq!(route(&below), Route::NotFound);
        // Without the parameter, the path decides.
        assert_eq!(route(&rest("/{proxy+}", "/employees", &Value::Null)), Route::Employees);
        assert_eq!(route(&rest("$default", "/employees", &Value::Null)), Route::Employees);
    }

    /// REST APIs have no `$default` resource: this is an HTTP API's event in payload format 1.0.
    #[test]
    fn a_route_for_everything_has_the_stage_before_its_path_in_either_form() {
        let event = |path: &str, stage: &str| {
            let mut event = rest("$default", path, &Value::Null);
            event["requestContext"]["stage"] = json!(stage);
            event
        };
        for (path, stage) in
            [("/employees", "$default"), ("/prod/employees", "prod"), ("/prod", "prod")]
        {
            assert_eq!(route(&event(path, stage)), Route::Employees, "{path}");
        }
        assert_eq!(route(&event("/prod/other", "prod")), Route::NotFound);
        assert_eq!(route(&event("/production/employees", "prod")), Route::NotFound);
    }

    #[test]
    fn so_does_the_route_of_an_http_api() {
        let http = |key: &str, path: &str, stage: &str, parameters: Value| {
            json!({
                "version": "2.0", "routeKey": key, "rawPath": path, "pathParameters": parameters,
                "requestContext": {"http": {"method": "GET", "path": path}, "stage": stage},
            })
        };
        let none = || Value::Null;
        let proxy = || json!({"proxy": "employees"});
        for event in [
            http("GET /employees", "/v1/employees", "$default", none()),
            http("ANY /employees", "/v1/prod/employees", "prod", none()),
            http("GET /", "/v1/", "$default", none()),
            http("ANY /{proxy+}", "/v1/employees", "$default", proxy()),
            http("$default", "/employees", "$default", none()),
            http("$default", "/prod/employees", "prod", none()),
            http("$default", "/prod", "prod", none()),
        ] {
            assert_eq!(route(&event), Route::Employees, "{event}");
        }
        let other = http("GET /other", "/v1/employees", "$default", none());
        assert_eq!(route(&other), Route::NotFound);
        let unknown = http("$default", "/v1/employees", "$default", none());
        assert_eq!(route(&unknown), Route::NotFound);
    }
}
