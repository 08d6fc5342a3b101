//! The article's table.
//!
//! It is created where there is none, and filled where it is new. What stands under its name already is somebody's
//! own: a table of other columns or a view is left alone, and an account that may only read needs to do no more.

use mysql_async::prelude::Queryable;
use mysql_async::{Error, ServerError};
use rds_admission::session::{Session, SessionError};
use rds_admission::telemetry::chain;
use thiserror::Error as ThisError;

/// Whether there is one: this needs no more than the right to read one of its columns.
const LOOK: &str = "SELECT 1 FROM Employees LIMIT 0";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS Employees (\
     EmployeeID int NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     FirstName varchar(50) NOT NULL, \
     LastName varchar(50) NOT NULL)";

/// The names of its columns, in lower case and in the order of the alphabet; of a view there are none.
const COLUMNS: &str = "SELECT GROUP_CONCAT(LOWER(column_name) ORDER BY LOWER(column_name)) \
     FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND table_name = 'Employees' AND EXISTS (\
     SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() \
     AND table_name = 'Employees' AND table_type = 'BASE TABLE')";
const ARTICLES: &str = "employeeid,firstname,lastname";

/// Whether it has a row. Asked first: who may not write, or writes to a replica, is then asked for nothing.
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM Employees)";

/// The article's rows: if there is none yet.
const SEED: &str = "INSERT INTO Employees (FirstName, LastName) \
     SELECT * FROM (SELECT 'John' AS f, 'Smith' AS l UNION ALL SELECT 'Jane', 'Doe' \
     UNION ALL SELECT 'Bob', 'Rogers') AS sample \
     WHERE NOT EXISTS (SELECT 1 FROM Employees)";

/// Why the table could not be prepared.
#[derive(Debug, ThisError)]
pub enum TableError {
    /// The server could not say whether there is one.
    #[error("looking for it")]
    Look(#[source] SessionError),
    /// It is not there, or the account does not see it.
    #[error("there is none that the account may read, and creating it failed")]
    Create(#[source] SessionError),
    /// It is empty, and could not be filled.
    #[error("filling it")]
    Seed(#[source] SessionError),
}

/// What was found under the table's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A table or a view, whatever its columns.
    Something,
    /// Nothing, or nothing that the account may read.
    Nothing,
}

/// Error numbers that MySQL and MariaDB agree on
/// (<https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>).
mod code {
    /// The account has no right to the table, whether it is there or not.
    pub(super) const TABLE_ACCESS_DENIED: u16 = 1142;
    pub(super) const NO_SUCH_TABLE: u16 = 1146;
    /// A view of what is no longer there.
    pub(super) const VIEW_INVALID: u16 = 1356;
    /// A view of an account that is no longer there.
    pub(super) const NO_SUCH_USER: u16 = 1449;
}

/// Creates the table where there is none, and fills it if `seed` is set and it is the article's and empty.
pub(super) async fn prepare(session: &mut Session, seed: bool) -> Result<(), TableError> {
    let is_new = look(session).await? == Found::Nothing;
    if is_new {
        let created = session.run(async |conn| conn.query_drop(CREATE).await).await;
        created.map_err(TableError::Create)?;
    }
    if !seed {
        return Ok(());
    }
    match fill(session).await {
        // The rows are a sample, not worth a failure: the account may not write them, or not here.
        Err(error) if code_of(&error).is_some_and(|code| !is_new || is_denied(code)) => {
            let cause = chain(&error);
            tracing::warn!(cause, "Employees is left as it is: the sample's rows are not in it");
            Ok(())
        }
        filled => filled.map_err(TableError::Seed),
    }
}

async fn look(session: &mut Session) -> Result<Found, TableError> {
    match session.query_first::<u8>(LOOK).await {
        Ok(_) => Ok(Found::Something),
        Err(error) => match code_of(&error) {
            Some(code::VIEW_INVALID | code::NO_SUCH_USER) => Ok(Found::Something),
            Some(code::NO_SUCH_TABLE | code::TABLE_ACCESS_DENIED) => Ok(Found::Nothing),
            _ => Err(TableError::Look(error)),
        },
    }
}

async fn fill(session: &mut Session) -> Result<(), SessionError> {
    let columns = session.query_first::<Option<String>>(COLUMNS).await?.flatten();
    if columns.as_deref() != Some(ARTICLES) || session.query_first(IS_EMPTY).await? != Some(true) {
        return Ok(());
    }
    session.run(async |conn| conn.query_drop(SEED).await).await
}

fn is_denied(code: u16) -> bool {
    code == code::TABLE_ACCESS_DENIED
}

/// What the server answered to a statement, if it did.
fn code_of(error: &SessionError) -> Option<u16> {
    match error {
        SessionError::Statement { source: Error::Server(ServerError { code, .. }) } => Some(*code),
        _ => None,
    }
}
