//! What goes wrong with a session, by the phase it goes wrong in.

use std::time::Duration;

use mysql_async::{DriverError, Error, ServerError};
use thiserror::Error as ThisError;

use super::Refusal;
use crate::client::SlotError;
use crate::telemetry::Panicked;

/// Why there is no session, or no result. The sources' texts may name the user and the host: they
/// are for logs, not for clients.
#[derive(Debug, ThisError)]
pub enum SessionError {
    /// Too little of the lease, or of the holder's time, is left to begin something.
    #[error("not enough time left on the lease")]
    LeaseOver,
    /// The slot takes no connection.
    #[error("the slot takes no connection")]
    Slot {
        /// Why not.
        #[from]
        source: SlotError,
    },
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

/// The driver panicked in a login: where it did. What else it said may hold a part of what it was given.
#[derive(Debug, ThisError)]
#[error(
    "the driver does not understand how this server has the account log in (which plugin it is \
     authenticated by, and the length of its password, are the first to look at)"
)]
pub(super) struct DriverPanicked(#[source] pub(super) Panicked);

/// The errors of a statement that was ended at its limit: MySQL's and MariaDB's
/// (<https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-codes/>).
mod code {
    pub(super) const QUERY_TIMEOUT: u16 = 3024;
    pub(super) const STATEMENT_TIMEOUT_MARIADB: u16 = 1969;
}

impl SessionError {
    /// Why the server was reached and did not let in. `None` when it was not reached, or the failure
    /// is of another kind.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Connect { source: Error::Server(said) } => Some(Refusal::of(said)),
            Self::Connect { source } if asks_for_another_method(source) => {
                Some(Refusal::Credentials)
            }
            Self::Limits { source: Error::Server(said) } => Refusal::of_first_statement(said),
            _ => None,
        }
    }

    /// Whether the server, or the account, has no connection left: in spite of the slot, so somebody
    /// connects past the controller.
    #[must_use]
    pub fn is_too_many_connections(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_full)
    }

    /// Whether the server refused the user or the password.
    #[must_use]
    pub fn is_access_denied(&self) -> bool {
        self.refusal() == Some(Refusal::Credentials)
    }

    /// Whether the server was reached and did not let in, for whatever reason.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// Whether another value of the secret could have been let in where this one was not: another
    /// server, database, account or password. A server without a connection left says nothing of the
    /// secret.
    pub(super) fn may_lie_in_the_secret(&self) -> bool {
        match self {
            Self::Connect { .. } => self.refusal() != Some(Refusal::ServerFull),
            Self::ConnectTimeout { .. } => true,
            Self::Limits { .. } => self.refusal() == Some(Refusal::Other),
            _ => false,
        }
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

/// Whether the server has refused the password by the first of the account's methods of authentication and asks for
/// the next one (MariaDB's `VIA ed25519 … OR mysql_native_password …`). The driver follows one such request, the
/// server's first, and returns any other as a packet that it did not expect. The packet begins with 0xfe
/// (<https://mariadb.com/kb/en/connection/#authentication-switch-request>).
fn asks_for_another_method(error: &Error) -> bool {
    matches!(
        error,
        Error::Driver(DriverError::UnexpectedPacket { payload }) if payload.first() == Some(&0xfe)
    )
}

fn code_of(error: &Error) -> Option<u16> {
    match error {
        Error::Server(ServerError { code, .. }) => Some(*code),
        _ => None,
    }
}
