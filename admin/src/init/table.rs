//! The article's sample table, `Employees`.
//!
//! It is created if it is missing, and filled if it is new. An existing table with other columns or a view of that name
//! is left alone. For an existing table the account needs no more than the right to read it.

use mysql_async::prelude::Queryable;
use mysql_async::{Error, ServerError};
use rds_admission::session::{Session, SessionError};
use rds_admission::telemetry::chain;
use thiserror::Error as ThisError;

/// Needs no more than the right to read one of the columns.
const EXISTS: &str = "SELECT 1 FROM Employees LIMIT 0";

const CREATE: &str = "CREATE TABLE IF NOT EXISTS Employees (\
     EmployeeID int NOT NULL AUTO_INCREMENT PRIMARY KEY, \
     FirstName varchar(50) NOT NULL, \
     LastName varchar(50) NOT NULL)";

/// The names of the columns, in lower case and sorted; NULL for a view.
const COLUMNS: &str = "SELECT GROUP_CONCAT(LOWER(column_name) ORDER BY LOWER(column_name)) \
     FROM information_schema.columns \
     WHERE table_schema = DATABASE() AND table_name = 'Employees' AND EXISTS (\
     SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() \
     AND table_name = 'Employees' AND table_type = 'BASE TABLE')";
const SAMPLE_COLUMNS: &str = "employeeid,firstname,lastname";

/// Checked before the insert, which fails on a replica and for a read-only account.
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM Employees)";

const FILL: &str = "INSERT INTO Employees (FirstName, LastName) \
     SELECT * FROM (SELECT 'John' AS f, 'Smith' AS l UNION ALL SELECT 'Jane', 'Doe' \
     UNION ALL SELECT 'Bob', 'Rogers') AS sample \
     WHERE NOT EXISTS (SELECT 1 FROM Employees)";

#[derive(Debug, ThisError)]
pub enum TableError {
    #[error("checking whether it exists")]
    Check(#[source] SessionError),
    /// The table is missing, or the account may not read it.
    #[error("there is none that the account may read, and creating it failed")]
    Create(#[source] SessionError),
    #[error("filling it")]
    Fill(#[source] SessionError),
}

/// Error numbers of MySQL and MariaDB
/// (<https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html>).
mod code {
    /// Also for a table that does not exist.
    pub(super) const TABLE_ACCESS_DENIED: u16 = 1142;
    pub(super) const NO_SUCH_TABLE: u16 = 1146;
    /// A view of a table that no longer exists.
    pub(super) const VIEW_INVALID: u16 = 1356;
    /// A view whose account no longer exists.
    pub(super) const NO_SUCH_USER: u16 = 1449;
}

/// Creates the table if it is missing. With `fill` set, inserts the sample's rows if it is empty and the sample's own.
pub(super) async fn prepare(session: &mut Session, fill: bool) -> Result<(), TableError> {
    let is_new = !exists(session).await?;
    if is_new {
        let created = session.run(async |conn| conn.query_drop(CREATE).await).await;
        created.map_err(TableError::Create)?;
    }
    if !fill {
        return Ok(());
    }
    match insert_rows(session).await {
        // A sample is not worth a failure: the account may lack the right, or the server is read-only.
        Err(error)
            if error_code(&error)
                .is_some_and(|code| !is_new || code == code::TABLE_ACCESS_DENIED) =>
        {
            let cause = chain(&error);
            tracing::warn!(cause, "the sample's rows were not inserted into Employees");
            Ok(())
        }
        inserted => inserted.map_err(TableError::Fill),
    }
}

/// Whether the account sees a table or view of that name.
async fn exists(session: &mut Session) -> Result<bool, TableError> {
    match session.query_first::<u8>(EXISTS).await {
        Ok(_) => Ok(true),
        Err(error) => match error_code(&error) {
            Some(code::VIEW_INVALID | code::NO_SUCH_USER) => Ok(true),
            Some(code::NO_SUCH_TABLE | code::TABLE_ACCESS_DENIED) => Ok(false),
            _ => Err(TableError::Check(error)),
        },
    }
}

async fn insert_rows(session: &mut Session) -> Result<(), SessionError> {
    let columns = session.query_first::<Option<String>>(COLUMNS).await?.flatten();
    if columns.as_deref() == Some(SAMPLE_COLUMNS)
        && session.query_first(IS_EMPTY).await? == Some(true)
    {
        session.run(async |conn| conn.query_drop(FILL).await).await?;
    }
    Ok(())
}

/// Returns the server's error number for a failed statement.
fn error_code(error: &SessionError) -> Option<u16> {
    match error {
        SessionError::Statement { source: Error::Server(ServerError { code, .. }) } => Some(*code),
        _ => None,
    }
}
