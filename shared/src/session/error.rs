//! What goes wrong with a session, by the phase it goes wrong in.

use std::time::Duration;

use mysql_async::{Error, ServerError};
use thiserror::Error as ThisError;

/// Why there is no session, or no result. The sources' texts may name the user and the host: they
/// are for logs, not for clients.
#[derive(Debug, ThisError)]
pub enum SessionError {
    /// Too little of the lease, or of the holder's time, is left to begin something.
    #[error("not enough time left on the lease")]
    LeaseOver,
    /// The server did not let in within the time.
    #[error("no connection within {after:?}")]
    ConnectTimeout {
        /// The time.
        after: Duration,
    },
    /// The server could not be reached, or refused.
    #[error("connecting failed")]
    Connect {
        /// What it said.
        source: Error,
    },
    /// The server did not take the session's limits. Without them the connection is of no use.
    #[error("limiting the session failed")]
    Limits {
        /// What it said.
        source: Error,
    },
    /// The server ended a statement at its limit.
    #[error("the statement took too long")]
    StatementLimit {
        /// What it said.
        source: Error,
    },
    /// A statement failed.
    #[error("the statement failed")]
    Statement {
        /// What the server said.
        source: Error,
    },
}

/// Error numbers that MySQL and MariaDB agree on, unless it says otherwise
/// (<https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-codes/>).
mod code {
    pub(super) const CON_COUNT_ERROR: u16 = 1040;
    pub(super) const ACCESS_DENIED: u16 = 1045;
    pub(super) const QUERY_TIMEOUT: u16 = 3024;
    pub(super) const STATEMENT_TIMEOUT_MARIADB: u16 = 1969;
}

impl SessionError {
    /// Whether the server has no connection left (1040): in spite of the slot, so somebody connects
    /// past the controller.
    #[must_use]
    pub fn is_too_many_connections(&self) -> bool {
        matches!(self, Self::Connect { source } if code_of(source) == Some(code::CON_COUNT_ERROR))
    }

    /// Whether the server refused the password (1045).
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        matches!(self, Self::Connect { source } if code_of(source) == Some(code::ACCESS_DENIED))
    }

    /// Whether the server was reached and did not let in, for whatever reason.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Connect { source } if code_of(source).is_some())
    }

    /// Whether it was a matter of time, not of the database.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        matches!(self, Self::LeaseOver | Self::StatementLimit { .. })
    }

    pub(super) fn of_statement(source: Error) -> Self {
        match code_of(&source) {
            Some(code::QUERY_TIMEOUT | code::STATEMENT_TIMEOUT_MARIADB) => {
                Self::StatementLimit { source }
            }
            _ => Self::Statement { source },
        }
    }
}

fn code_of(error: &Error) -> Option<u16> {
    match error {
        Error::Server(ServerError { code, .. }) => Some(*code),
        _ => None,
    }
}
