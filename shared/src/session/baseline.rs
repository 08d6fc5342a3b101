//! The state of a new session that a reset does not restore.

use mysql_async::Row;

use crate::pool::GRACE;

/// Database, user and role of a session right after its login.
#[derive(Debug, PartialEq)]
pub(super) struct SessionBaseline {
    database: Option<String>,
    /// User of the login, user in effect, and role, where the server has roles.
    user: Vec<Option<String>>,
}

impl SessionBaseline {
    /// Reads a baseline. MySQL has roles since 8.0, MariaDB since 10.0.5; [`Limits::sql`] explains the comments.
    ///
    /// [`Limits::sql`]: super::limits::Limits::sql
    pub(super) const SQL: &str = "SELECT @@GLOBAL.init_connect, @@GLOBAL.wait_timeout, DATABASE(), USER(), CURRENT_USER()\
         /*M!100005 , CURRENT_ROLE() */ /*!80000 , CURRENT_ROLE() */";

    /// Returns `None` where a session cannot be reused: the server has an `init_connect`, which it does not repeat
    /// after a reset, or a global `wait_timeout` that would keep a session open for too long after one.
    pub(super) fn from_row(mut row: Row) -> Option<Self> {
        let init_connect: String = row.take(0)?;
        let wait_timeout: u32 = row.take(1)?;
        let database = row.take(2)?;
        let user = (3..row.len()).map(|column| row.take(column)).collect::<Option<_>>()?;
        let is_reusable = init_connect.is_empty() && wait_timeout <= GRACE.0;
        is_reusable.then_some(Self { database, user })
    }

    /// Returns the statement that selects the session's database again, which also restores its character set.
    pub(super) fn use_database(&self) -> Option<String> {
        self.database.as_deref().map(use_database)
    }
}

fn use_database(name: &str) -> String {
    format!("USE `{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_so_that_it_is_one_name() {
        assert_eq!(use_database("demodb2"), "USE `demodb2`");
        assert_eq!(use_database("a`b; c"), "USE `a``b; c`");
    }
}
