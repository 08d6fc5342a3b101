//! The account in the database whose password is rotated.

use mysql_async::prelude::Queryable;
use mysql_async::{Error, ServerError, Value};
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{Session, SessionError, SessionOptions};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// Why the password could not be tried or changed.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The server could not be reached, or did not let in.
    #[error("logging in")]
    Login(#[source] SessionError),
    /// The server refused to change the password. What it says may repeat a part of the statement,
    /// and so of the password: only its number is kept.
    #[error("the server refused to change the password (error {code}, SQLSTATE {state})")]
    Refused {
        /// The server's error number.
        code: u16,
        /// Its SQLSTATE.
        state: String,
    },
    /// The change could not be carried out. Whether it was is not known.
    #[error("changing the password")]
    Change(#[source] SessionError),
    /// A `SELECT` failed although the password lets in.
    #[error("running a SELECT")]
    Select(#[source] SessionError),
}

/// Logs in, one connection at a time.
#[derive(Debug)]
pub struct Account<'s> {
    slot: &'s Slot,
    options: &'s SessionOptions,
}

/// With this, the only character that means something in a string is the quote that ends it.
const PLAIN_STRINGS: &str = "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'";

impl<'s> Account<'s> {
    /// Logs in under `slot`.
    #[must_use]
    pub fn new(slot: &'s Slot, options: &'s SessionOptions) -> Self {
        Self { slot, options }
    }

    /// Whether `credentials` let in.
    ///
    /// # Errors
    /// [`AccountError::Login`] when the server says neither yes nor no.
    pub async fn lets_in(&self, credentials: &Credentials) -> Result<bool, AccountError> {
        let session = self.log_in(credentials).await?;
        let let_in = session.is_some();
        if let Some(session) = session {
            session.close().await;
        }
        Ok(let_in)
    }

    /// Logs in with `credentials` and changes their password to `password`. False when they don't let
    /// in.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn change(
        &self,
        credentials: &Credentials,
        password: &SecretString,
    ) -> Result<bool, AccountError> {
        let Some(mut session) = self.log_in(credentials).await? else { return Ok(false) };
        let statement = statement(password);
        let naming_current = naming_current(password, &credentials.password);
        let changed = session
            .run(async |conn| {
                conn.query_drop(PLAIN_STRINGS).await?;
                match conn.query_drop(statement.expose_secret()).await {
                    Err(Error::Server(refused)) if refused.code == MUST_NAME_CURRENT => {
                        conn.query_drop(naming_current.expose_secret()).await
                    }
                    changed => changed,
                }
            })
            .await;
        session.close().await;
        changed.map(|()| true).map_err(without_the_statement)
    }

    /// Logs in with `credentials` and runs a `SELECT`.
    ///
    /// # Errors
    /// [`AccountError::Login`], also when they don't let in; [`AccountError::Select`].
    pub async fn works(&self, credentials: &Credentials) -> Result<(), AccountError> {
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

/// The statement that changes the password of whoever says it, which needs no privilege.
///
/// No one spelling of it does for both servers. MySQL has
/// `ALTER USER USER() IDENTIFIED BY 'password'`, which keeps the account's way of authentication
/// (<https://dev.mysql.com/doc/refman/8.0/en/alter-user.html>). MariaDB does not know `USER()` there,
/// and wants the privilege `CREATE USER` for `CURRENT_USER()`; it has
/// `SET PASSWORD = PASSWORD('password')`, which keeps it too
/// (<https://mariadb.com/kb/en/set-password/>). So each reads its own comments, as in the session's
/// limits, and the password is in neither's: what it holds can't end a comment. Neither takes a
/// placeholder in its place.
fn statement(password: &SecretString) -> SecretString {
    let literal = Value::from(password.expose_secret()).as_sql(true);
    format!(
        "/*!50708 ALTER USER USER() IDENTIFIED BY */\
         /*M!100101 SET PASSWORD = PASSWORD( */ {literal} /*M!100101 ) */"
    )
    .into()
}

/// `ER_MISSING_CURRENT_PASSWORD`: the account is `PASSWORD REQUIRE CURRENT`, or all are. A refusal that only MySQL
/// from 8.0.13 on knows
/// (<https://dev.mysql.com/doc/refman/8.0/en/password-management.html#password-reverification-policy>).
const MUST_NAME_CURRENT: u16 = 3892;

/// The same for a server that has asked for the current password too.
fn naming_current(password: &SecretString, current: &SecretString) -> SecretString {
    let [password, current] =
        [password, current].map(|password| Value::from(password.expose_secret()).as_sql(true));
    format!("ALTER USER USER() IDENTIFIED BY {password} REPLACE {current}").into()
}

fn without_the_statement(error: SessionError) -> AccountError {
    match error {
        SessionError::Statement { source: Error::Server(ServerError { code, state, .. }) }
        | SessionError::StatementLimit { source: Error::Server(ServerError { code, state, .. }) } => {
            AccountError::Refused { code, state }
        }
        error => AccountError::Change(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rds_admission::telemetry::chain;

    #[test]
    fn a_password_is_one_string_whatever_it_holds() {
        let statement = statement(&r"it's \ */ -- \'".to_owned().into());
        let sql = statement.expose_secret();
        assert!(sql.contains(r" 'it''s \ */ -- \''' "), "{sql}");
        assert!(!format!("{statement:?}").contains("it"), "{statement:?}");
    }

    #[test]
    fn the_current_password_is_one_string_too_and_neither_is_shown() {
        let (new, current) = ("new's".to_owned().into(), r"\'; old".to_owned().into());
        let statement = naming_current(&new, &current);
        let expected = r"ALTER USER USER() IDENTIFIED BY 'new''s' REPLACE '\''; old'";
        assert_eq!(statement.expose_secret(), expected);
        assert!(!format!("{statement:?}").contains("old"), "{statement:?}");
    }

    /// A server by its version, as its comments have it: 50744 is 5.7.44, 101114 is 10.11.14.
    #[derive(Debug, Clone, Copy)]
    enum Server {
        MySql(u32),
        MariaDb(u32),
    }

    impl Server {
        /// Whether it reads what a comment holds that begins with `mark` and a version
        /// (<https://dev.mysql.com/doc/refman/8.4/en/comments.html>,
        /// <https://mariadb.com/kb/en/comment-syntax/>).
        fn reads(self, mark: &str, version: u32) -> bool {
            match (self, mark) {
                // What MySQL has had since it went ways of its own.
                (Self::MariaDb(_), "!") if (50_700..=99_999).contains(&version) => false,
                (Self::MySql(own), "!") | (Self::MariaDb(own), "!" | "M!") => version <= own,
                _ => false,
            }
        }

        /// What is left of a text when its comments have been read, or left out.
        fn sees(self, sql: &str) -> String {
            let (mut seen, mut rest) = (String::new(), sql);
            while let Some(first) = rest.chars().next() {
                if first == '\'' {
                    // A doubled quote ends one string and begins another, which comes to the same.
                    let end = rest[1..].find('\'').expect("a string ends") + 2;
                    seen.push_str(&rest[..end]);
                    rest = &rest[end..];
                } else if let Some(comment) = rest.strip_prefix("/*") {
                    let marked = comment.trim_start_matches(['M', '!']);
                    let mark = &comment[..comment.len() - marked.len()];
                    let code = marked.trim_start_matches(|c: char| c.is_ascii_digit());
                    let version = marked[..marked.len() - code.len()].parse().unwrap_or(0);
                    rest = if self.reads(mark, version) {
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
    fn each_server_sees_its_own_statement_and_nothing_of_the_others() {
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
    fn what_the_server_says_of_the_statement_is_not_repeated() {
        let said = |source| without_the_statement(SessionError::Statement { source });
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
