//! Classifies an answer: admitted, rejected or broken.

use std::time::{Duration, SystemTime};

use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;

/// The problem types of the controller's rejections.
const REJECTIONS: [&str; 3] = ["no-slot", "throttled", "draining"];
/// The problem type for the server's error 1040, "Too many connections".
const REFUSED: &str = "connection-refused-by-server";
/// The reason of API Gateway's rejections by its rate limit.
pub(crate) const API_LIMIT: &str = "429 the API's own limit";
/// Characters that are kept of a text from the service.
const EXCERPT: usize = 160;
/// Characters that are kept of it in a reason, for a table.
const SHORT: usize = 60;

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The rows were counted.
    Admitted,
    /// The controller rejected the request, with this problem type and `Retry-After`.
    Rejected(&'static str),
    Broken(Broken),
}

/// An answer that is neither a count nor a proper rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The key in the counts: status and problem type, or how the request failed.
    pub(crate) reason: String,
    /// The beginning of the body or of the error.
    pub(crate) detail: String,
    /// Whether the database server refused the connection (error 1040).
    pub(crate) refused_by_server: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    /// `Retry-After` of a 503.
    pub(crate) retry_after: Option<Duration>,
}

/// A problem (RFC 9457), as far as it is used.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    title: String,
}

/// Judges an answer. A `Retry-After` with a date is relative to `now`.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    now: SystemTime,
) -> Judgement {
    if status == StatusCode::OK {
        let outcome = match selected(body) {
            Some(_) => Outcome::Admitted,
            None => Outcome::Broken(Broken {
                reason: "200 without the count".into(),
                detail: excerpt(body, EXCERPT),
                refused_by_server: false,
            }),
        };
        return Judgement { outcome, retry_after: None };
    }
    let retry_after =
        if status == StatusCode::SERVICE_UNAVAILABLE { retry_after(headers, now) } else { None };
    let problem = problem(headers, body);
    let kind = problem.as_ref().map_or("", kind);
    let rejection = REJECTIONS.into_iter().find(|rejection| *rejection == kind);
    let outcome = match rejection.filter(|_| retry_after.is_some()) {
        Some(rejection) => Outcome::Rejected(rejection),
        None => Outcome::Broken(Broken {
            reason: reason(status, problem.as_ref(), retry_after.is_none()),
            detail: excerpt(body, EXCERPT),
            refused_by_server: kind == REFUSED,
        }),
    };
    Judgement { outcome, retry_after }
}

/// The judgement of a request without an answer.
pub(crate) fn no_answer(reason: &str, detail: &str) -> Judgement {
    Judgement {
        outcome: Outcome::Broken(Broken {
            reason: reason.into(),
            detail: excerpt(detail, EXCERPT),
            refused_by_server: false,
        }),
        retry_after: None,
    }
}

/// The number in `Selected N items from RDS MySQL table`.
fn selected(body: &str) -> Option<u64> {
    let number =
        body.trim().strip_prefix("Selected ")?.strip_suffix(" items from RDS MySQL table")?;
    // `parse` alone would accept a sign.
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())?
}

/// `Retry-After` in seconds or as a date (RFC 9110).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The problem in a body of that media type.
fn problem(headers: &HeaderMap, body: &str) -> Option<Problem> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case("application/problem+json") {
        serde_json::from_str(body).ok()
    } else {
        None
    }
}

/// The last segment of the problem's type URI.
fn kind(problem: &Problem) -> &str {
    problem.r#type.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The key of a broken answer.
fn reason(status: StatusCode, problem: Option<&Problem>, without_retry_after: bool) -> String {
    // The service answers with problems, API Gateway does not.
    if status == StatusCode::TOO_MANY_REQUESTS && problem.is_none() {
        return API_LIMIT.into();
    }
    let what = match problem {
        Some(problem) if !kind(problem).is_empty() => excerpt(kind(problem), SHORT),
        Some(problem) if !problem.title.is_empty() => excerpt(&problem.title, SHORT),
        Some(_) => "problem without a type".into(),
        None => "without a problem".into(),
    };
    if status == StatusCode::SERVICE_UNAVAILABLE && without_retry_after {
        format!("{} {what}, no Retry-After", status.as_u16())
    } else {
        format!("{} {what}", status.as_u16())
    }
}

/// The beginning of a text from the service, without line breaks and other control characters, which a terminal would
/// interpret.
fn excerpt(text: &str, most: usize) -> String {
    let clean: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(most + 1).collect();
    if clean.chars().count() > most {
        clean.chars().take(most).chain(['…']).collect()
    } else {
        clean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(reqwest::header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect()
    }

    fn answer(status: u16, kind: &str, retry_after: Option<&str>) -> Judgement {
        let mut pairs = vec![(CONTENT_TYPE, "application/problem+json")];
        pairs.extend(retry_after.map(|value| (RETRY_AFTER, value)));
        let body = format!(r#"{{"type":"https://a.example/problems/{kind}","title":"T"}}"#);
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, &headers(&pairs), &body, SystemTime::UNIX_EPOCH)
    }

    fn broken(judgement: &Judgement) -> &Broken {
        match &judgement.outcome {
            Outcome::Broken(broken) => broken,
            other => panic!("not broken: {other:?}"),
        }
    }

    #[test]
    fn the_controllers_rejections_are_expected() {
        for kind in REJECTIONS {
            let judgement = answer(503, kind, Some("2"));
            assert_eq!(judgement.outcome, Outcome::Rejected(kind));
            assert_eq!(judgement.retry_after, Some(Duration::from_secs(2)));
        }
    }

    #[test]
    fn a_503_for_another_reason_is_broken_and_its_retry_after_still_counts() {
        for kind in ["admission-unavailable", "connection-refused-by-server"] {
            let judgement = answer(503, kind, Some("1"));
            assert_eq!(broken(&judgement).reason, format!("503 {kind}"));
            assert_eq!(broken(&judgement).refused_by_server, kind == REFUSED);
            assert_eq!(judgement.retry_after, Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn a_rejection_must_say_when_to_come_back() {
        assert_eq!(broken(&answer(503, "no-slot", None)).reason, "503 no-slot, no Retry-After");
        assert_eq!(
            broken(&answer(503, "no-slot", Some("soon"))).reason,
            "503 no-slot, no Retry-After"
        );
    }

    #[test]
    fn a_rejection_must_be_a_503() {
        assert_eq!(broken(&answer(429, "throttled", Some("1"))).reason, "429 throttled");
    }

    #[test]
    fn what_the_api_does_not_let_through_is_told_from_what_the_service_answers() {
        let headers = headers(&[(CONTENT_TYPE, "application/json")]);
        let body = r#"{"message":"Too Many Requests"}"#;
        let status = StatusCode::TOO_MANY_REQUESTS;
        let judgement = judge(status, &headers, body, SystemTime::UNIX_EPOCH);
        assert_eq!(broken(&judgement).reason, API_LIMIT);
    }

    #[test]
    fn retry_after_may_be_a_date() {
        let judgement = answer(503, "no-slot", Some("Thu, 01 Jan 1970 00:00:07 GMT"));
        assert_eq!(judgement.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_200_must_hold_the_count() {
        for body in [
            "false",
            "",
            "Selected  items from RDS MySQL table",
            "Selected +3 items from RDS MySQL table",
        ] {
            let judgement = judge(StatusCode::OK, &HeaderMap::new(), body, SystemTime::UNIX_EPOCH);
            assert_eq!(broken(&judgement).reason, "200 without the count", "{body}");
        }
    }

    #[test]
    fn a_problem_is_one_only_by_its_media_type() {
        let pairs = headers(&[(RETRY_AFTER, "1"), (CONTENT_TYPE, "application/json")]);
        let body = r#"{"type":"https://a.example/problems/no-slot"}"#;
        let judgement =
            judge(StatusCode::SERVICE_UNAVAILABLE, &pairs, body, SystemTime::UNIX_EPOCH);
        assert_eq!(broken(&judgement).reason, "503 without a problem");
    }

    proptest! {
        #[test]
        fn any_count_is_admitted(rows: u64) {
            let body = format!("Selected {rows} items from RDS MySQL table\n");
            let judgement = judge(StatusCode::OK, &HeaderMap::new(), &body, SystemTime::UNIX_EPOCH);
            prop_assert_eq!(judgement.outcome, Outcome::Admitted);
        }

        #[test]
        fn whatever_comes_is_judged_and_can_be_shown(
            status in 100_u16..1000,
            retry_after in prop::option::of("[ -~]{0,30}"),
            problem: bool,
            body in any::<String>().prop_map(|title| {
                serde_json::json!({"type": title, "title": title}).to_string()
            }),
        ) {
            let mut pairs = Vec::new();
            pairs.extend(retry_after.as_deref().map(|value| (RETRY_AFTER, value)));
            if problem {
                pairs.push((CONTENT_TYPE, "application/problem+json"));
            }
            let status = StatusCode::from_u16(status).unwrap();
            let judgement = judge(status, &headers(&pairs), &body, SystemTime::UNIX_EPOCH);
            if let Outcome::Broken(broken) = judgement.outcome {
                prop_assert!(broken.reason.chars().count() <= SHORT + 30);
                prop_assert!(broken.detail.chars().count() <= EXCERPT + 1);
                prop_assert!(!broken.reason.chars().any(char::is_control));
            } else {
                prop_assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
                prop_assert!(judgement.retry_after.is_some());
            }
        }
    }
}
