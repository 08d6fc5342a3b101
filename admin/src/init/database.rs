//! Preparing the database: the sample's table, and the question how many connections there are.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use rds_admission::client::Slot;
use rds_admission::secret::{SecretCache, SecretError};
use rds_admission::session::{Session, SessionError, SessionOptions};
use rds_admission::time::{Deadline, Seconds};
use thiserror::Error;

/// The pause between two tries to reach a database that is not up yet.
const PAUSE: Duration = Duration::from_secs(2);

/// What the preparing itself takes at the most, once the database is up.
const STATEMENTS: Duration = Duration::from_secs(20);

/// Two inits at once (CloudFormation repeats a request that was not answered) take turns.
const TAKE_TURN: &str = "SELECT GET_LOCK('rds-admission-init', 15)";

/// The article's table.
const CREATE: &str = "CREATE TABLE IF NOT EXISTS Employees (\
     EmployeeID int NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     FirstName varchar(50) NOT NULL, \
     LastName varchar(50) NOT NULL)";

/// The article's rows: if there is none yet.
const SEED: &str = "INSERT INTO Employees (FirstName, LastName) \
     SELECT * FROM (SELECT 'John' AS f, 'Smith' AS l UNION ALL SELECT 'Jane', 'Doe' \
     UNION ALL SELECT 'Bob', 'Rogers') AS sample \
     WHERE NOT EXISTS (SELECT 1 FROM Employees)";

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
    /// It could not be reached, or failed.
    #[error("talking to the server")]
    Session(#[from] SessionError),
    /// Another init does not come to an end.
    #[error("another init holds the lock")]
    Busy,
    /// It does not say how many connections it takes.
    #[error("@@max_connections came without a row")]
    NoLimit,
}

impl Database {
    /// The database that `secret` leads to.
    pub fn new(secret: SecretCache, options: SessionOptions) -> Self {
        // The lock may keep a session idle on the server for a while.
        Self { secret, options: SessionOptions { idle: Seconds(5), ..options } }
    }

    /// Waits until the database answers, creates the table where it is missing, fills it when `seed`
    /// is set and it is empty, and returns the number of connections that the server takes.
    ///
    /// # Errors
    /// [`DatabaseError`]; what was done by then does no harm to another try.
    pub async fn prepare(&self, deadline: Deadline, seed: bool) -> Result<u32, DatabaseError> {
        let credentials = self.secret.get().await?;
        let mut session = loop {
            let slot = Slot::outside_the_pool(deadline);
            let opened = Session::open(&slot, &self.options, &credentials).await;
            match opened {
                Ok(session) => break session,
                // A server that answers "no" is up. One that has no connection left may have one soon.
                Err(error) if error.is_refused() && !error.is_too_many_connections() => {
                    return Err(error.into());
                }
                Err(error) if deadline.left() < PAUSE + STATEMENTS => return Err(error.into()),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        let prepared = prepare_in(&mut session, seed).await;
        session.close().await;
        prepared
    }
}

async fn prepare_in(session: &mut Session, seed: bool) -> Result<u32, DatabaseError> {
    if session.query_first::<Option<u8>>(TAKE_TURN).await?.flatten() != Some(1) {
        return Err(DatabaseError::Busy);
    }
    session.run(async |conn| conn.query_drop(CREATE).await).await?;
    if seed {
        session.run(async |conn| conn.query_drop(SEED).await).await?;
    }
    let limit = session.query_first::<u32>("SELECT @@global.max_connections").await?;
    limit.ok_or(DatabaseError::NoLimit)
}
