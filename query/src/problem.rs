//! Why a request has no result, as a client sees it.

use std::time::Duration;

use lambda_http::http::StatusCode;
use rds_admission::client::AdmissionError;
use rds_admission::session::Refusal;
use rds_admission::wire::{Reason, Refused};
use serde::Serialize;

use crate::Failure;

/// The pause asked of a client when it is not known how long the trouble lasts.
const RETRY_AFTER_TROUBLE: Duration = Duration::from_secs(2);

/// Where the problem types of this service hang. RFC 9457 wants an absolute URI and does not need it
/// to lead anywhere; `.example` never does (RFC 2606).
const PROBLEMS: &str = "https://rds-admission.example/problems/";

/// Why a request has no result. None of these tells a password, a host or a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No slot.
    Rejected(Refused),
    /// Nobody could be asked for a slot: then there is none.
    AdmissionUnavailable,
    /// The server, or the account, has no connection left although a slot was free: somebody connects
    /// past the controller, or admission is bypassed.
    ConnectionRefusedByServer,
    /// There are no credentials.
    SecretUnavailable,
    /// The database did not let in.
    DatabaseRefused,
    /// The database lets in nobody from here until somebody unblocks this host.
    HostBlocked,
    /// The database could not be reached, or failed.
    DatabaseFailed,
    /// The time was up.
    OutOfTime,
    /// The function itself is at fault: it panicked.
    Internal,
    /// No such path.
    NotFound,
    /// No such method.
    MethodNotAllowed,
}

impl Problem {
    /// The last segment of the problem's type, which also stands in the log.
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

    /// The HTTP status.
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

    /// How long the client is asked to stay away, where another try helps.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected(refused) => Some(refused.retry_after),
            Self::AdmissionUnavailable | Self::ConnectionRefusedByServer => {
                Some(RETRY_AFTER_TROUBLE)
            }
            _ => None,
        }
    }

    /// The one that `failure` is to a client.
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

    /// The body of the answer, by RFC 9457.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&ProblemJson::from(self))
    }
}

/// The body of a problem, by RFC 9457.
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
    fn every_word_of_the_server_for_no_connection_left_asks_the_client_to_come_back() {
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
