//! The database account whose password is rotated.

use mysql_async::prelude::Queryable;
use mysql_async::{Error, ServerError, Value};
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{Session, SessionError, SessionOptions};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// The password could not be tested or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The server could not be reached, or rejected the login.
    #[error("logging in")]
    Login(#[source] SessionError),
    /// The server rejected the new password. Its message is dropped, because it may quote the password.
    #[error("the server refused to change the password (error {code}, SQLSTATE {state})")]
    Rejected {
        /// The server's error number.
        code: u16,
        /// Its SQLSTATE.
        state: String,
    },
    /// The connection failed. The password may have been changed.
    #[error("changing the password")]
    Change(#[source] SessionError),
    /// A `SELECT` failed after the login.
    #[error("running a SELECT")]
    Select(#[source] SessionError),
}

/// Logs in to the account, one connection at a time.
#[derive(Debug)]
pub struct Account<'s> {
    slot: &'s Slot,
    options: &'s SessionOptions,
}

/// Makes the closing quote the only special character in a string.
const NO_ESCAPES: &str = "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'";

impl<'s> Account<'s> {
    /// Logs in under `slot`.
    #[must_use]
    pub fn new(slot: &'s Slot, options: &'s SessionOptions) -> Self {
        Self { slot, options }
    }

    /// Whether the server accepts `credentials`.
    ///
    /// # Errors
    /// [`AccountError::Login`] when the server answers neither yes nor no.
    pub async fn accepts(&self, credentials: &Credentials) -> Result<bool, AccountError> {
        let Some(session) = self.log_in(credentials).await? else { return Ok(false) };
        session.close().await;
        Ok(true)
    }

    /// Logs in with `credentials` and changes the password. Returns false if the server rejects `credentials`.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn change_password(
        &self,
        credentials: &Credentials,
        password: &SecretString,
    ) -> Result<bool, AccountError> {
        let Some(mut session) = self.log_in(credentials).await? else { return Ok(false) };
        let statement = statement(password);
        let with_current = statement_with_current(password, &credentials.password);
        let changed = session
            .run(async |conn| {
                conn.query_drop(NO_ESCAPES).await?;
                match conn.query_drop(statement.expose_secret()).await {
                    Err(Error::Server(error)) if error.code == MISSING_CURRENT_PASSWORD => {
                        conn.query_drop(with_current.expose_secret()).await
                    }
                    changed => changed,
                }
            })
            .await;
        session.close().await;
        changed.map(|()| true).map_err(without_message)
    }

    /// Logs in with `credentials` and runs a `SELECT`.
    ///
    /// # Errors
    /// [`AccountError::Login`], also when the server rejects `credentials`; [`AccountError::Select`].
    pub async fn test(&self, credentials: &Credentials) -> Result<(), AccountError> {
        let opened = Session::open(self.slot, self.options, credentials).await;
        let mut session = opened.map_err(AccountError::Login)?;
        let selected = session.query_first::<u8>("SELECT 1").await;
        session.close().await;
        selected.map(drop).map_err(AccountError::Select)
    }

    async fn log_in(&self, credentials: &Credentials) -> Result<Option<Session>, AccountError> {
        match Session::open(self.slot, self.options, credentials).await {
            Ok(session) => Ok(Some(session)),
            Err(error) if error.is_access_denied() => Ok(None),
            Err(error) => Err(AccountError::Login(error)),
        }
    }
}

/// Returns the statement that changes the password of the account that runs it, which needs no privilege.
///
/// MySQL has `ALTER USER USER() IDENTIFIED BY 'password'`, which keeps the authentication method
/// (<https://dev.mysql.com/doc/refman/8.0/en/alter-user.html>). MariaDB does not accept `USER()` there and wants the
/// privilege `CREATE USER` for `CURRENT_USER()`; it has `SET PASSWORD = PASSWORD('password')`, which keeps the method
/// too (<https://mariadb.com/kb/en/set-password/>). Each server executes its own kind of comment. The password is in
/// neither comment, so that it can't end one. Neither server accepts a placeholder for it.
fn statement(password: &SecretString) -> SecretString {
    let literal = Value::from(password.expose_secret()).as_sql(true);
    format!(
        "/*!50708 ALTER USER USER() IDENTIFIED BY */\
         /*M!100101 SET PASSWORD = PASSWORD( */ {literal} /*M!100101 ) */"
    )
    .into()
}

/// `ER_MISSING_CURRENT_PASSWORD`: the account, or every account, is `PASSWORD REQUIRE CURRENT`. Only MySQL 8.0.13 and
/// later has it
/// (<https://dev.mysql.com/doc/refman/8.0/en/password-management.html#password-reverification-policy>).
const MISSING_CURRENT_PASSWORD: u16 = 3892;

/// Returns the statement for a server that also requires the current password.
fn statement_with_current(password: &SecretString, current: &SecretString) -> SecretString {
    let [password, current] =
        [password, current].map(|password| Value::from(password.expose_secret()).as_sql(true));
    format!("ALTER USER USER() IDENTIFIED BY {password} REPLACE {current}").into()
}

fn without_message(error: SessionError) -> AccountError {
    match error {
        SessionError::Statement { source: Error::Server(ServerError { code, state, .. }) }
        | SessionError::StatementLimit { source: Error::Server(ServerError { code, state, .. }) } => {
            AccountError::Rejected { code, state }
        }
        error => AccountError::Change(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rds_admission::telemetry::chain;

    #[test]
    fn any_password_is_one_string() {
        let statement = statement(&r"it's \ */ -- \'".to_owned().into());
        let sql = statement.expose_secret();
        assert!(sql.contains(r" 'it''s \ */ -- \''' "), "{sql}");
        assert!(!format!("{statement:?}").contains("it"), "{statement:?}");
    }

    #[test]
    fn the_current_password_is_one_string_and_no_password_is_shown() {
        let (new, current) = ("new's".to_owned().into(), r"\'; old".to_owned().into());
        let statement = statement_with_current(&new, &current);
        let expected = r"ALTER USER USER() IDENTIFIED BY 'new''s' REPLACE '\''; old'";
        assert_eq!(statement.expose_secret(), expected);
        assert!(!format!("{statement:?}").contains("old"), "{statement:?}");
    }

    /// A server and its version as in its comments: 50744 is 5.7.44, 101114 is 10.11.14.
    #[derive(Debug, Clone, Copy)]
    enum Server {
        MySql(u32),
        MariaDb(u32),
    }

    impl Server {
        /// Whether it executes a comment that begins with `mark` and a version
        /// (<https://dev.mysql.com/doc/refman/8.4/en/comments.html>,
        /// <https://mariadb.com/kb/en/comment-syntax/>).
        fn executes(self, mark: &str, version: u32) -> bool {
            match (self, mark) {
                // MariaDB skips the versions that only MySQL has.
                (Self::MariaDb(_), "!") if (50_700..=99_999).contains(&version) => false,
                (Self::MySql(own), "!") | (Self::MariaDb(own), "!" | "M!") => version <= own,
                _ => false,
            }
        }

        /// Returns the text that the server executes: its own comments are part of it, others are not.
        fn sees(self, sql: &str) -> String {
            let (mut seen, mut rest) = (String::new(), sql);
            while let Some(first) = rest.chars().next() {
                if first == '\'' {
                    // Treats a doubled quote as the end of one string and the start of another.
                    let end = rest[1..].find('\'').expect("a string ends") + 2;
                    seen.push_str(&rest[..end]);
                    rest = &rest[end..];
                } else if let Some(comment) = rest.strip_prefix("/*") {
                    let marked = comment.trim_start_matches(['M', '!']);
                    let mark = &comment[..comment.len() - marked.len()];
                    let code = marked.trim_start_matches(|c: char| c.is_ascii_digit());
                    let version = marked[..marked.len() - code.len()].parse().unwrap_or(0);
                    rest = if self.executes(mark, version) {
                        code
                    } else {
                        &comment[comment.find("*/").expect("a comment ends") + 2..]
                    };
                } else if let Some(after) = rest.strip_prefix("*/") {
                    rest = after;
                } else {
                    seen.push(first);
                    rest = &rest[first.len_utf8()..];
                }
            }
            seen.split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn each_server_executes_only_its_own_statement() {
        use Server::{MariaDb, MySql};
        let statement = statement(&"it's */ /*!50000 mine".to_owned().into());
        let password = "'it''s */ /*!50000 mine'";
        for server in [MySql(50_708), MySql(50_744), MySql(80_046), MySql(80_400), MySql(90_704)] {
            let seen = format!("ALTER USER USER() IDENTIFIED BY {password}");
            assert_eq!(server.sees(statement.expose_secret()), seen, "{server:?}");
        }
        for server in [100_101, 100_339, 100_525, 101_114, 110_408, 120_002].map(MariaDb) {
            let seen = format!("SET PASSWORD = PASSWORD( {password} )");
            assert_eq!(server.sees(statement.expose_secret()), seen, "{server:?}");
        }
    }

    #[test]
    fn the_servers_message_is_not_repeated() {
        let said = |source| without_message(SessionError::Statement { source });
        let server = ServerError {
            code: 1064,
            message: "You have an error in your SQL syntax; ... near ''hunter2''".to_owned(),
            state: "42000".to_owned(),
        };
        let error = said(Error::Server(server));
        assert!(!format!("{} {error:?}", chain(&error)).contains("hunter2"), "{error:?}");
        assert!(chain(&error).contains("error 1064, SQLSTATE 42000"), "{error}");
    }
}
