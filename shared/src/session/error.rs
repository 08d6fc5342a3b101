//! Errors of a session, by the phase in which they occur.

use std::time::Duration;

use mysql_async::{DriverError, Error, ServerError};
use thiserror::Error as ThisError;

use super::refusal::Refusal;
use crate::client::SlotError;
use crate::telemetry::Panicked;

/// An error of a session. The texts of the sources may name the user and the host: they are for logs, not for
/// clients.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum SessionError {
    /// Too little of the lease, or of the holder's time, is left.
    #[error("not enough time left on the lease")]
    LeaseOver,
    /// The slot takes no connection.
    #[error("the slot takes no connection")]
    Slot {
        /// Why.
        #[from]
        source: SlotError,
    },
    /// The login took too long.
    #[error("no connection within {after:?}")]
    ConnectTimeout {
        /// The timeout.
        after: Duration,
    },
    /// The server could not be reached, or rejected the login.
    #[error("connecting failed")]
    Connect {
        /// The driver's error.
        source: Error,
    },
    /// The session's limits could not be set. The connection must not be used without them.
    #[error("limiting the session failed")]
    Limits {
        /// The driver's error.
        source: Error,
    },
    /// The server ended a statement at its limit.
    #[error("the statement took too long")]
    StatementLimit {
        /// The driver's error.
        source: Error,
    },
    /// A statement failed.
    #[error("the statement failed")]
    Statement {
        /// The driver's error.
        source: Error,
    },
}

/// The driver panicked during a login.
#[derive(Debug, ThisError)]
#[error(
    "the driver does not support this account's login: check its authentication plugin and the \
     length of its password"
)]
pub(super) struct DriverPanicked(#[source] pub(super) Panicked);

/// Error numbers of MySQL and MariaDB for a statement that reached its limit
/// (<https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-codes/>).
const QUERY_TIMEOUT: u16 = 3024;
const STATEMENT_TIMEOUT_MARIADB: u16 = 1969;

impl SessionError {
    /// Returns why the server rejected the login. `None` when it was not reached, or the error is another.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Connect { source: Error::Server(error) } => Some(Refusal::of(error)),
            Self::Connect { source } if requests_another_method(source) => {
                Some(Refusal::Credentials)
            }
            Self::Limits { source: Error::Server(error) } => Refusal::of_first_statement(error),
            _ => None,
        }
    }

    /// Returns whether the server or the account has no connection left. As the slot is held, another client must be
    /// connecting without one.
    #[must_use]
    pub fn is_too_many_connections(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_full)
    }

    /// Returns whether the server rejected the user or the password.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        self.refusal() == Some(Refusal::Credentials)
    }

    /// Returns whether the server rejected the login, for any reason.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// Returns whether another version of the secret (server, database, account or password) might succeed.
    pub(super) fn may_be_cured_by_secret(&self) -> bool {
        match self {
            Self::Connect { .. } => self.refusal() != Some(Refusal::ServerFull),
            Self::Limits { .. } => self.refusal() == Some(Refusal::Other),
            _ => false,
        }
    }

    /// Returns whether time ran out, as opposed to an error of the database.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        matches!(self, Self::LeaseOver | Self::StatementLimit { .. })
    }

    pub(super) fn of_statement(source: Error) -> Self {
        let at_limit = matches!(
            &source,
            Error::Server(ServerError { code: QUERY_TIMEOUT | STATEMENT_TIMEOUT_MARIADB, .. })
        );
        if at_limit { Self::StatementLimit { source } } else { Self::Statement { source } }
    }
}

/// Returns whether the server rejected the password by the account's first authentication method and requests the
/// next (MariaDB's `VIA ed25519 … OR mysql_native_password …`). The driver follows the first such request only, and
/// reports a second as an unexpected packet. It begins with 0xfe
/// (<https://mariadb.com/kb/en/connection/#authentication-switch-request>).
fn requests_another_method(error: &Error) -> bool {
    matches!(
        error,
        Error::Driver(DriverError::UnexpectedPacket { payload }) if payload.first() == Some(&0xfe)
    )
}
