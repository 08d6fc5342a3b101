//! Problem answers (RFC 9457).

use std::time::Duration;

use lambda_http::http::StatusCode;
use rds_admission::client::AdmissionError;
use rds_admission::session::Refusal;
use rds_admission::wire::{Reason, Refused};
use serde::Serialize;

use crate::Failure;

/// `Retry-After` when the duration of the fault is unknown.
const RETRY_AFTER_TROUBLE: Duration = Duration::from_secs(2);

/// Base URI of this service's problem types. RFC 9457 recommends an absolute URI, which need not resolve; `.example`
/// never does (RFC 2606).
const PROBLEMS: &str = "https://rds-admission.example/problems/";

/// Why a request has no result. Never contains a password, a host or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The slot request was rejected.
    Rejected(Refused),
    /// The admission backend did not answer. Admission fails closed.
    AdmissionUnavailable,
    /// The server or the account is at its connection limit although a slot was granted: other clients connect without
    /// slots, or admission is bypassed.
    ConnectionRefusedByServer,
    /// The credentials could not be read.
    SecretUnavailable,
    /// The database refused the login.
    DatabaseRefused,
    /// The server blocks this host until an administrator unblocks it.
    HostBlocked,
    /// The database could not be reached, or failed.
    DatabaseFailed,
    /// The deadline passed.
    OutOfTime,
    /// The function panicked.
    Internal,
    /// The path is not served.
    NotFound,
    /// The method is not served at this path.
    MethodNotAllowed,
}

impl Problem {
    /// Returns the last segment of the problem's type, which is also the outcome in the log.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Rejected(Refused { reason: Reason::Full, .. }) => "no-slot",
            Self::Rejected(Refused { reason: Reason::Throttled, .. }) => "throttled",
            Self::Rejected(Refused { reason: Reason::Draining, .. }) => "draining",
            Self::AdmissionUnavailable => "admission-unavailable",
            Self::ConnectionRefusedByServer => "connection-refused-by-server",
            Self::SecretUnavailable => "secret-unavailable",
            Self::DatabaseRefused => "database-refused",
            Self::HostBlocked => "host-blocked",
            Self::DatabaseFailed => "database-failed",
            Self::OutOfTime => "out-of-time",
            Self::Internal => "internal-error",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::Rejected(Refused { reason: Reason::Full, .. }) => {
                "All connection slots are in use"
            }
            Self::Rejected(Refused { reason: Reason::Throttled, .. }) => {
                "Too many requests at once"
            }
            Self::Rejected(Refused { reason: Reason::Draining, .. }) => {
                "The database is under maintenance"
            }
            Self::AdmissionUnavailable => "Connection slots can't be had at the moment",
            Self::ConnectionRefusedByServer => "The database has no connection left",
            Self::SecretUnavailable => "The database's credentials can't be had at the moment",
            Self::DatabaseRefused => "The database refused the connection",
            Self::HostBlocked => {
                "The database has blocked the host that this service connects from"
            }
            Self::DatabaseFailed => "The database can't be reached, or failed",
            Self::OutOfTime => "The time for this request is up",
            Self::Internal => "The service itself failed",
            Self::NotFound => "There is nothing at this path",
            Self::MethodNotAllowed => "Only GET is served at this path",
        }
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Rejected(_) | Self::AdmissionUnavailable | Self::ConnectionRefusedByServer => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::SecretUnavailable
            | Self::DatabaseRefused
            | Self::HostBlocked
            | Self::DatabaseFailed => StatusCode::BAD_GATEWAY,
            Self::OutOfTime => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// Returns the pause before another attempt, if one may succeed.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(refused) => Some(refused.retry_after),
            Self::AdmissionUnavailable | Self::ConnectionRefusedByServer => {
                Some(RETRY_AFTER_TROUBLE)
            }
            _ => None,
        }
    }

    /// Returns the problem of a failed count.
    pub(crate) fn of_failure(failure: &Failure) -> Self {
        match failure {
            Failure::Admission(AdmissionError::Rejected(refused)) => {
                Self::Rejected(refused.clone())
            }
            Failure::Admission(AdmissionError::Unavailable { .. }) => Self::AdmissionUnavailable,
            Failure::Admission(AdmissionError::OutOfTime { .. }) => Self::OutOfTime,
            Failure::Secret(_) => Self::SecretUnavailable,
            Failure::Session(session) => match session.refusal() {
                Some(refusal) if refusal.is_full() => Self::ConnectionRefusedByServer,
                Some(Refusal::HostBlocked) => Self::HostBlocked,
                Some(_) => Self::DatabaseRefused,
                None if session.is_out_of_time() => Self::OutOfTime,
                None => Self::DatabaseFailed,
            },
            Failure::NoRow => Self::DatabaseFailed,
        }
    }

    /// Returns the body of the answer (RFC 9457).
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&ProblemJson::from(self))
    }
}

/// The body of a problem answer (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemJson {
    r#type: String,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<u32>,
}

impl From<&Problem> for ProblemJson {
    fn from(problem: &Problem) -> Self {
        let (in_use, max_connections) = match problem {
            Problem::Rejected(refused) => (refused.in_use, refused.max_connections),
            _ => (None, None),
        };
        Self {
            r#type: format!("{PROBLEMS}{}", problem.slug()),
            title: problem.title(),
            status: problem.status().as_u16(),
            in_use,
            max_connections,
        }
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::{Error, ServerError};
    use rds_admission::session::SessionError;

    use super::*;

    fn refused(code: u16, text: &str) -> Problem {
        let message = text.to_owned();
        let said = ServerError { code, message, state: "HY000".to_owned() };
        let session = SessionError::Connect { source: Error::Server(said) };
        Problem::of_failure(&Failure::Session(session))
    }

    #[test]
    fn every_error_for_no_connection_left_has_a_retry_after() {
        let limit =
            |of| format!("User 'admin' has exceeded the '{of}' resource (current value: 1)");
        for code in [1040, 1041, 1135, 1203, 9501] {
            assert_eq!(refused(code, ""), Problem::ConnectionRefusedByServer, "{code}");
        }
        let at_once = limit("max_user_connections");
        assert_eq!(refused(1226, &at_once), Problem::ConnectionRefusedByServer);
        for hourly in ["max_connections_per_hour", "max_queries_per_hour"] {
            assert_eq!(refused(1226, &limit(hourly)), Problem::DatabaseRefused, "{hourly}");
        }
    }

    #[test]
    fn a_blocked_host_is_a_problem_of_its_own() {
        assert_eq!(refused(1129, "").slug(), "host-blocked");
        for code in [1045, 1698, 1049, 1130, 3118] {
            assert_eq!(refused(code, "").slug(), "database-refused", "{code}");
        }
    }
}
