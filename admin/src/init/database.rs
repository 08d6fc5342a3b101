//! Preparing the database: waiting for it, and the question how many connections there are.

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

/// The pause between two tries to reach a database that is not up yet.
const PAUSE: Duration = Duration::from_secs(2);

/// What the preparing itself takes at the most, once the database is up.
const STATEMENTS: Duration = Duration::from_secs(20);

/// Two inits at once (CloudFormation repeats a request that was not answered) take turns.
const TAKE_TURN: &str = "SELECT GET_LOCK('rds-admission-init', 15)";

/// A database to be prepared.
#[derive(Debug)]
pub struct Database {
    secret: SecretCache,
    options: SessionOptions,
}

/// Why it could not be prepared.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// There are no credentials.
    #[error("reading the secret")]
    Secret(#[from] SecretError),
    /// It could not be reached, or did not let in.
    #[error("logging in at {host}, port {port}")]
    LogIn {
        /// The server's name or address.
        host: String,
        /// Its port.
        port: u16,
        /// What went wrong at the last try.
        source: SessionError,
    },
    /// It failed.
    #[error("talking to the server")]
    Session(#[from] SessionError),
    /// The sample's table could not be prepared.
    #[error("table Employees")]
    Table(#[from] TableError),
    /// Another init does not come to an end.
    #[error("another init holds the lock")]
    Busy,
    /// It does not say how it is set.
    #[error("the server's settings came without a row")]
    NoSettings,
}

/// How the server is set, as far as the pool depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// `@@max_connections`: the connections that it takes.
    pub max_connections: u32,
    /// `@@wait_timeout`: how long it lets a session idle that has no limit of its own yet.
    pub wait_timeout: Seconds,
    /// `@@connect_timeout`: how long it waits for the next word of a login.
    pub connect_timeout: Seconds,
    /// `@@max_connect_errors`: the logins in a row that may be broken off before it blocks their host.
    pub max_connect_errors: u64,
}

impl Settings {
    const ASK: &str = "SELECT @@global.max_connections, @@global.wait_timeout, \
         @@global.connect_timeout, @@global.max_connect_errors";

    /// What to mend, when the server would leave a login or a session that its holder froze in the
    /// midst of open for longer than the lease, or would block the functions' hosts after it has stalled
    /// for a moment.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let warnings: Vec<_> = self.timeouts().into_iter().chain(self.connect_errors()).collect();
        (!warnings.is_empty()).then(|| warnings.join("; "))
    }

    fn timeouts(&self) -> Option<String> {
        let Self { wait_timeout, connect_timeout, .. } = *self;
        (wait_timeout > GRACE || connect_timeout > GRACE).then(|| {
            format!(
                "set wait_timeout ({wait_timeout}) and connect_timeout ({connect_timeout}) to \
                 {GRACE} at the most: a client that is frozen while it logs in keeps its connection \
                 so long, and its lease may be over sooner"
            )
        })
    }

    fn connect_errors(&self) -> Option<String> {
        let Self { max_connect_errors, .. } = *self;
        (max_connect_errors < MIN_CONNECT_ERRORS).then(|| {
            format!(
                "set max_connect_errors ({max_connect_errors}) to {MIN_CONNECT_ERRORS} at the least: \
                 a server that stalls for some seconds has so many logins broken off, and then refuses \
                 every function with error 1129 until somebody unblocks its host"
            )
        })
    }
}

impl Database {
    /// The database that `secret` leads to.
    pub fn new(secret: SecretCache, options: SessionOptions) -> Self {
        // The lock may keep a session idle on the server for a while.
        Self { secret, options: SessionOptions { idle: Seconds(5), ..options } }
    }

    /// Waits until the database answers, creates the table where it is missing, fills it when `seed`
    /// is set and it is the sample's own and empty, and returns how the server is set.
    ///
    /// # Errors
    /// [`DatabaseError`]; what was done by then does no harm to another try.
    pub async fn prepare(&self, deadline: Deadline, seed: bool) -> Result<Settings, DatabaseError> {
        // The secret may lead elsewhere than at the last request, and the old database still answer.
        let read = self.secret.read_anew().await?;
        if read.database.as_deref().unwrap_or_default().is_empty() {
            return Err(SecretError::Shape { field: "dbname" }.into());
        }
        // One for all tries: a login that took too long goes on in the background, and a server that stalls
        // would have one more of them with each try.
        let slot = Slot::outside_the_pool(deadline);
        let mut last = None;
        let mut session = loop {
            let error = match Session::log_in(&slot, &self.options, &self.secret).await {
                Ok(session) => break session,
                Err(LoginError::Secret(error)) => return Err(error.into()),
                Err(LoginError::Session(error)) => error,
            };
            let error = match (error, last.take()) {
                (SessionError::Slot { .. }, Some(earlier)) => earlier,
                (error, _) => error,
            };
            // A server that answers "no" is up. One that has no connection left may have one soon.
            let is_up = error.is_refused() && !error.is_too_many_connections();
            if is_up || deadline.left() < PAUSE + STATEMENTS {
                return Err(self.not_logged_in(error).await);
            }
            last = Some(error);
            tokio::time::sleep(PAUSE).await;
        };
        let prepared = prepare_in(&mut session, seed).await;
        session.close().await;
        prepared
    }

    async fn not_logged_in(&self, source: SessionError) -> DatabaseError {
        // What was tried, whatever the secret holds by now.
        match self.secret.last_read().await {
            Some(tried) => {
                DatabaseError::LogIn { host: tried.host.clone(), port: tried.port, source }
            }
            None => source.into(),
        }
    }
}

async fn prepare_in(session: &mut Session, seed: bool) -> Result<Settings, DatabaseError> {
    if session.query_first::<Option<u8>>(TAKE_TURN).await?.flatten() != Some(1) {
        return Err(DatabaseError::Busy);
    }
    table::prepare(session, seed).await?;
    let settings = session.query_first::<(u32, u32, u32, u64)>(Settings::ASK).await?;
    let (max_connections, wait, connect, errors) = settings.ok_or(DatabaseError::NoSettings)?;
    Ok(Settings {
        max_connections,
        wait_timeout: Seconds(wait),
        connect_timeout: Seconds(connect),
        max_connect_errors: errors,
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
    fn a_server_that_soon_blocks_its_clients_is_warned_of() {
        assert_eq!(WELL.warning(), None);
        let soon = Settings { max_connect_errors: 100, ..WELL };
        assert!(soon.warning().is_some_and(|text| text.contains("max_connect_errors (100)")));
        let both = Settings { wait_timeout: Seconds(6), ..soon }.warning().expect("a warning");
        assert!(both.contains("wait_timeout (6 s)") && both.contains("; set max_connect_errors"));
    }

    #[test]
    fn a_server_that_is_more_patient_than_a_lease_is_warned_of() {
        assert_eq!(warning(5, 5), None);
        assert!(warning(28_800, 5).is_some_and(|text| text.contains("wait_timeout (28800 s)")));
        assert!(warning(5, 10).is_some_and(|text| text.contains("connect_timeout (10 s)")));
    }
}
