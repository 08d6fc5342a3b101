//! Classification of the API's answers: of the contract, the gateway's own, or unexpected.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// The rows that `init` inserts.
const EMPLOYEES: u64 = 3;

/// Problems of the contract: status, last segment of the type, whether there is a `Retry-After`.
const PROBLEMS: [(u16, &str, bool); 10] = [
    (503, "no-slot", true),
    (503, "throttled", true),
    (503, "draining", true),
    (503, "admission-unavailable", true),
    (503, "connection-refused-by-server", true),
    (502, "secret-unavailable", false),
    (502, "database-refused", false),
    (502, "host-blocked", false),
    (502, "database-failed", false),
    (504, "out-of-time", false),
];

/// A classified answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The right number of employees.
    Admitted,
    /// A problem of the contract.
    Problem(&'static str),
    /// The gateway's own: the function was killed or timed out.
    Gateway(u16),
    /// Any other.
    Unexpected(String),
}

impl Answer {
    /// Classifies an answer. `json` is whether JSON was requested.
    pub(crate) fn of(json: bool, status: StatusCode, headers: &HeaderMap, body: &str) -> Self {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let parsed = serde_json::from_str::<Value>(body).unwrap_or_default();
        let known = match (status.as_u16(), media_type) {
            (200, Some("application/json")) if json => {
                (parsed == serde_json::json!({"employees": EMPLOYEES})).then_some(Self::Admitted)
            }
            (200, Some("text/html")) if !json => {
                let sentence = format!("Selected {EMPLOYEES} items from RDS MySQL table");
                (body == sentence).then_some(Self::Admitted)
            }
            (status, Some("application/problem+json")) => {
                problem(status, &parsed, headers.contains_key(RETRY_AFTER))
            }
            (status @ (502 | 504), _) => gateway(status, &parsed),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Unexpected(format!("{status}: {}", excerpt(body))))
    }

    /// Its name in the report.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Admitted => "admitted".to_owned(),
            Self::Problem(problem) => (*problem).to_owned(),
            Self::Gateway(status) => format!("gateway's {status}"),
            Self::Unexpected(_) => "unexpected".to_owned(),
        }
    }
}

fn problem(status: u16, body: &Value, retry_after: bool) -> Option<Answer> {
    let kind = body["type"].as_str()?.rsplit('/').next()?;
    PROBLEMS
        .iter()
        .find(|known| **known == (status, kind, retry_after) && body["status"] == status)
        .map(|(_, kind, _)| Answer::Problem(kind))
}

/// API Gateway's own messages: <https://repost.aws/knowledge-center/api-gateway-502-errors>.
fn gateway(status: u16, body: &Value) -> Option<Answer> {
    let message = body["message"].as_str()?;
    let known = ["Internal server error", "Endpoint request timed out"];
    known.contains(&message).then_some(Answer::Gateway(status))
}

fn excerpt(body: &str) -> String {
    body.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(json: bool, status: u16, media_type: &'static str, retry: bool, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        if retry {
            headers.insert(RETRY_AFTER, "1".parse().unwrap());
        }
        Answer::of(json, StatusCode::from_u16(status).unwrap(), &headers, body)
    }

    #[test]
    fn answers_of_the_contract_are_classified() {
        let sentence = "Selected 3 items from RDS MySQL table";
        assert_eq!(judge(false, 200, "text/html", false, sentence), Answer::Admitted);
        let count = r#"{"employees":3}"#;
        assert_eq!(judge(true, 200, "application/json", false, count), Answer::Admitted);
        for (status, kind, retry) in PROBLEMS {
            let body = format!(r#"{{"type":"https://x/{kind}","status":{status}}}"#);
            let answer = judge(false, status, "application/problem+json", retry, &body);
            assert_eq!(answer, Answer::Problem(kind));
            let answer = judge(false, status, "application/problem+json", !retry, &body);
            assert!(matches!(answer, Answer::Unexpected(_)), "{answer:?}");
        }
        let body = r#"{"message": "Internal server error"}"#;
        assert_eq!(judge(false, 502, "application/json", false, body), Answer::Gateway(502));
    }

    #[test]
    fn other_answers_are_unexpected() {
        for (json, status, media_type, body) in [
            (false, 200, "text/html", "Selected 2 items from RDS MySQL table"),
            (true, 200, "text/html", "Selected 3 items from RDS MySQL table"),
            (true, 200, "application/json", r#"{"employees":4}"#),
            (false, 500, "application/json", r#"{"message": "Internal server error"}"#),
            (false, 502, "text/html", "Bad Gateway"),
            (
                false,
                503,
                "application/problem+json",
                r#"{"type":"https://x/out-of-time","status":503}"#,
            ),
            (
                false,
                404,
                "application/problem+json",
                r#"{"type":"https://x/not-found","status":404}"#,
            ),
        ] {
            let answer = judge(json, status, media_type, false, body);
            assert!(matches!(answer, Answer::Unexpected(_)), "{body}: {answer:?}");
        }
    }
}
