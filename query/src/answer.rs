//! HTTP answers.

use std::time::Duration;

use lambda_http::http::{HeaderMap, header};
use lambda_http::{Body, Response};

use crate::Failure;
pub use crate::problem::Problem;

/// The outcome of a request.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The employees were counted.
    Counted(u64),
    /// The request failed or was rejected.
    Problem(Problem),
}

impl Answer {
    /// Returns the answer to a count.
    #[must_use]
    pub fn of(count: &Result<u64, Failure>) -> Self {
        match count {
            Ok(employees) => Self::Counted(*employees),
            Err(failure) => Self::Problem(Problem::of_failure(failure)),
        }
    }

    /// Returns the outcome's name in logs.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Counted(_) => "counted",
            Self::Problem(problem) => problem.slug(),
        }
    }

    /// Returns the HTTP response to a request with these `headers`.
    ///
    /// # Errors
    /// When a header is invalid, which does not happen: all values are generated here.
    pub fn response(&self, headers: &HeaderMap) -> Result<Response<Body>, lambda_http::Error> {
        let response = Response::builder().header(header::CACHE_CONTROL, "no-store");
        let response = match self {
            Self::Counted(employees) if wants_json(headers) => {
                let body = serde_json::json!({ "employees": employees }).to_string();
                response.header(header::CONTENT_TYPE, "application/json").body(body.into())?
            }
            // Exactly the answer in the AWS article.
            Self::Counted(employees) => response
                .header(header::CONTENT_TYPE, "text/html")
                .body(format!("Selected {employees} items from RDS MySQL table").into())?,
            Self::Problem(problem) => {
                let mut response = response
                    .status(problem.status())
                    .header(header::CONTENT_TYPE, "application/problem+json");
                if let Some(pause) = problem.retry_after() {
                    response = response.header(header::RETRY_AFTER, whole_seconds(pause));
                }
                if *problem == Problem::MethodNotAllowed {
                    response = response.header(header::ALLOW, "GET");
                }
                response.body(problem.to_json()?.into())?
            }
        };
        Ok(response)
    }
}

/// Rounds up to whole seconds, the unit of `Retry-After` (RFC 9110, 10.2.3). A value of 0 would ask for no pause.
fn whole_seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

/// Returns whether `Accept` names JSON explicitly. Clients without the header, or with `*/*`, get HTML as in the AWS
/// article.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_json =
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
        let is_refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            weight.is_some_and(|q| q <= 0.0)
        });
        is_json && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use lambda_http::http::StatusCode;
    use rds_admission::wire::{Reason, Refused};

    use super::*;

    fn accepting(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a header"))])
    }

    fn text(response: &Response<Body>) -> &str {
        let Body::Text(text) = response.body() else { panic!("not text: {response:?}") };
        text
    }

    fn full(retry_after_ms: u64) -> Problem {
        Problem::Rejected(Refused {
            reason: Reason::Full,
            retry_after: Duration::from_millis(retry_after_ms),
            in_use: Some(60),
            max_connections: Some(62),
        })
    }

    #[test]
    fn the_articles_answer_is_kept_to_the_letter() {
        for accept in [HeaderMap::new(), accepting("*/*"), accepting("text/html,application/xml")] {
            let response = Answer::Counted(3).response(&accept).expect("a response");
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
            assert_eq!(text(&response), "Selected 3 items from RDS MySQL table");
        }
    }

    #[test]
    fn json_is_for_those_who_ask() {
        for accept in ["application/json", "text/html, Application/JSON;q=0.5"] {
            let response = Answer::Counted(3).response(&accepting(accept)).expect("a response");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            assert_eq!(text(&response), r#"{"employees":3}"#);
        }
        let refused = Answer::Counted(3).response(&accepting("application/json;q=0")).expect("one");
        assert_eq!(refused.headers()[header::CONTENT_TYPE], "text/html");
    }

    #[test]
    fn a_rejection_says_when_to_come_back_and_how_full_it_is() {
        let response = Answer::Problem(full(250)).response(&HeaderMap::new()).expect("a response");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body: serde_json::Value = serde_json::from_str(text(&response)).expect("JSON");
        let expected = serde_json::json!({
            "type": "https://rds-admission.example/problems/no-slot",
            "title": "All connection slots are in use",
            "status": 503, "inUse": 60, "maxConnections": 62,
        });
        assert_eq!(body, expected);
        let later = Answer::Problem(full(1_001)).response(&HeaderMap::new()).expect("a response");
        assert_eq!(later.headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn every_problem_has_its_status_and_a_pause_where_another_try_helps() {
        let cases = [
            (full(1), 503, true),
            (Problem::AdmissionUnavailable, 503, true),
            (Problem::ConnectionRefusedByServer, 503, true),
            (Problem::SecretUnavailable, 502, false),
            (Problem::DatabaseRefused, 502, false),
            (Problem::HostBlocked, 502, false),
            (Problem::DatabaseFailed, 502, false),
            (Problem::OutOfTime, 504, false),
            (Problem::Internal, 500, false),
            (Problem::NotFound, 404, false),
            (Problem::MethodNotAllowed, 405, false),
        ];
        for (problem, status, pause) in cases {
            let response =
                Answer::Problem(problem.clone()).response(&HeaderMap::new()).expect("one");
            assert_eq!(response.status(), status, "{problem:?}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), pause, "{problem:?}");
        }
    }
}
