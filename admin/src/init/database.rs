//! Prepares the database: waits for it, creates the sample table, reads the server's settings.

use std::time::Duration;

use rds_admission::client::Slot;
use rds_admission::pool::GRACE;
use rds_admission::secret::{SecretCache, SecretError};
use rds_admission::session::{
    LoginError, MIN_CONNECT_ERRORS, Session, SessionError, SessionOptions,
};
use rds_admission::time::{Deadline, Seconds};
use thiserror::Error;

use super::table::{self, TableError};

/// Pause between two attempts to log in.
const PAUSE: Duration = Duration::from_secs(2);

/// Time reserved for the statements after the login.
const STATEMENTS: Duration = Duration::from_secs(20);

/// CloudFormation repeats a request without a response, so two may run at once.
const LOCK: &str = "SELECT GET_LOCK('rds-admission-init', 15)";

const SETTINGS: &str = "SELECT @@global.max_connections, @@global.wait_timeout, \
     @@global.connect_timeout, @@global.max_connect_errors";

/// A database to prepare.
#[derive(Debug)]
pub struct Database {
    secret: SecretCache,
    options: SessionOptions,
}

/// The database could not be prepared.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The secret could not be read, or lacks a field.
    #[error("reading the secret")]
    Secret(#[from] SecretError),
    /// The last attempt to log in failed.
    #[error("logging in at {host}, port {port}")]
    LogIn {
        /// The server's name or address.
        host: String,
        /// Its port.
        port: u16,
        /// Why.
        source: SessionError,
    },
    /// A statement failed.
    #[error("statement")]
    Session(#[from] SessionError),
    /// The sample table could not be prepared.
    #[error("table Employees")]
    Table(#[from] TableError),
    /// Another invocation holds the lock.
    #[error("another invocation of init holds the lock")]
    Busy,
    /// The server returned no settings.
    #[error("the server returned no row for its settings")]
    NoSettings,
}

/// The server's settings that the pool depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `@@max_connections`.
    pub max_connections: u32,
    wait_timeout: Seconds,
    connect_timeout: Seconds,
    max_connect_errors: u64,
}

impl Settings {
    /// Returns which settings to change. With long timeouts a client that freezes during its login outlives its
    /// lease; with a low `max_connect_errors` a short stall of the server blocks the functions' hosts.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let Self { wait_timeout, connect_timeout, max_connect_errors, .. } = *self;
        let mut warnings = Vec::new();
        if wait_timeout > GRACE || connect_timeout > GRACE {
            warnings.push(format!(
                "set wait_timeout ({wait_timeout}) and connect_timeout ({connect_timeout}) to at most {GRACE}: a \
                 client that freezes during its login stays connected for that time, possibly after its lease has \
                 expired"
            ));
        }
        if max_connect_errors < MIN_CONNECT_ERRORS {
            warnings.push(format!(
                "set max_connect_errors ({max_connect_errors}) to at least {MIN_CONNECT_ERRORS}: a server that \
                 stalls for some seconds interrupts as many logins, and then rejects every function with error 1129 \
                 until its host is unblocked"
            ));
        }
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }
}

impl Database {
    /// The database that `secret` names.
    pub fn new(secret: SecretCache, options: SessionOptions) -> Self {
        // The session may idle while it waits for the lock of the table.
        Self { secret, options: SessionOptions { idle: Seconds(5), ..options } }
    }

    /// Waits until the database accepts a login, creates the table if it is missing, and fills it if `fill` is set and
    /// it is the sample's own and empty. Returns the server's settings.
    ///
    /// # Errors
    /// [`DatabaseError`]. Calling it again is safe.
    pub async fn prepare(&self, deadline: Deadline, fill: bool) -> Result<Settings, DatabaseError> {
        // The secret may name another database since the last request, while the old one still answers.
        let read = self.secret.refresh().await?;
        if read.database.as_deref().unwrap_or_default().is_empty() {
            return Err(SecretError::Shape { field: "dbname" }.into());
        }
        let mut session = self.log_in(deadline).await?;
        let prepared = prepare_in(&mut session, fill).await;
        session.close().await;
        prepared
    }

    async fn log_in(&self, deadline: Deadline) -> Result<Session, DatabaseError> {
        // One slot for all attempts: a login that timed out continues in the background, and with a new slot each
        // attempt would add another to a server that stalls.
        let slot = Slot::outside_the_pool(deadline);
        let mut last = None;
        loop {
            let error = match Session::log_in(&slot, &self.options, &self.secret).await {
                Ok(session) => return Ok(session),
                Err(LoginError::Secret(error)) => return Err(error.into()),
                Err(LoginError::Session(error)) => error,
            };
            let error = match (error, last.take()) {
                // The slot is still taken by the attempt before.
                (SessionError::Slot { .. }, Some(earlier)) => earlier,
                (error, _) => error,
            };
            // Retries if the server is not up, or has no free connection.
            let is_final = error.is_refused() && !error.is_too_many_connections();
            if is_final || deadline.left() < PAUSE + STATEMENTS {
                return Err(match self.secret.cached().await {
                    Some(tried) => DatabaseError::LogIn {
                        host: tried.host.clone(),
                        port: tried.port,
                        source: error,
                    },
                    None => error.into(),
                });
            }
            last = Some(error);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn prepare_in(session: &mut Session, fill: bool) -> Result<Settings, DatabaseError> {
    if session.query_first::<Option<u8>>(LOCK).await?.flatten() != Some(1) {
        return Err(DatabaseError::Busy);
    }
    table::prepare(session, fill).await?;
    let settings = session.query_first::<(u32, u32, u32, u64)>(SETTINGS).await?;
    let (max_connections, wait, connect, max_connect_errors) =
        settings.ok_or(DatabaseError::NoSettings)?;
    Ok(Settings {
        max_connections,
        wait_timeout: Seconds(wait),
        connect_timeout: Seconds(connect),
        max_connect_errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Settings = Settings {
        max_connections: 66,
        wait_timeout: Seconds(5),
        connect_timeout: Seconds(5),
        max_connect_errors: MIN_CONNECT_ERRORS,
    };

    fn warning(wait: u32, connect: u32) -> Option<String> {
        let (wait_timeout, connect_timeout) = (Seconds(wait), Seconds(connect));
        Settings { wait_timeout, connect_timeout, ..WELL }.warning()
    }

    #[test]
    fn a_low_max_connect_errors_is_warned_of() {
        assert_eq!(WELL.warning(), None);
        let soon = Settings { max_connect_errors: 100, ..WELL };
        assert!(soon.warning().is_some_and(|text| text.contains("max_connect_errors (100)")));
        let both = Settings { wait_timeout: Seconds(6), ..soon }.warning().expect("a warning");
        assert!(both.contains("wait_timeout (6 s)") && both.contains("; set max_connect_errors"));
    }

    #[test]
    fn a_timeout_longer_than_a_lease_is_warned_of() {
        assert_eq!(warning(5, 5), None);
        assert!(warning(28_800, 5).is_some_and(|text| text.contains("wait_timeout (28800 s)")));
        assert!(warning(5, 10).is_some_and(|text| text.contains("connect_timeout (10 s)")));
    }
}
