//! Why a server rejects a login.

use mysql_async::ServerError;

/// Why a server rejected a login, by what to do next.
///
/// | kind | error numbers | next |
/// |---|---|---|
/// | `Credentials` | 1045, 1698; a second authentication method is requested | the secret's other versions are tried |
/// | `ServerFull` | 1040, 1041, 1135, 9501 | none: a later login may succeed |
/// | `AccountFull` | 1203; 1226 for `max_user_connections` | the same; the secret is read again, it may name another account |
/// | `HostBlocked` | 1129 | the same, and an operator must unblock the host |
/// | `Other` | all others | the secret is read again |
///
/// Not `Credentials`, because no other password of the account would be accepted: a locked account (MariaDB 4151,
/// MySQL 3118), one that is blocked after wrong passwords (MariaDB 4150, MySQL 3955), an expired password (1820,
/// 1862), a host without access (1130), a database that is missing or not granted (1049, 1044), an unsupported
/// authentication method (1251, 1275, 1524). Not `AccountFull`: an hourly limit (1226 for
/// `max_connections_per_hour`; for `max_queries_per_hour` in answer to the first statement), which rejects a login
/// some seconds later as well.
///
/// The numbers are MySQL's and MariaDB's unless noted
/// (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-codes/>). 9501 is RDS Proxy's
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user or the password is wrong.
    Credentials,
    /// The server has no connection left.
    ServerFull,
    /// The account has as many connections as it may have.
    AccountFull,
    /// The server has blocked the client's host after too many broken logins (`max_connect_errors`), until an operator
    /// unblocks it.
    HostBlocked,
    /// Anything else.
    Other,
}

/// Lowest advisable `max_connect_errors`: the server blocks a host after this many broken logins in a row
/// ([`Refusal::HostBlocked`]).
///
/// A server that stalls causes them: with 60 slots and 3 seconds for a login, 20 a second. The default of 100 is
/// reached in 5 seconds, a million in 14 hours. A successful login resets the count
/// (<https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_connect_errors>).
pub const MIN_CONNECT_ERRORS: u64 = 1_000_000;

mod code {
    pub(super) const CON_COUNT_ERROR: u16 = 1040;
    pub(super) const OUT_OF_RESOURCES: u16 = 1041;
    pub(super) const ACCESS_DENIED_ERROR: u16 = 1045;
    pub(super) const HOST_IS_BLOCKED: u16 = 1129;
    pub(super) const CANT_CREATE_THREAD: u16 = 1135;
    pub(super) const TOO_MANY_USER_CONNECTIONS: u16 = 1203;
    pub(super) const USER_LIMIT_REACHED: u16 = 1226;
    pub(super) const ACCESS_DENIED_NO_PASSWORD_ERROR: u16 = 1698;
    pub(super) const MUST_CHANGE_PASSWORD: u16 = 1820;
    pub(super) const PROXY_BORROW_TIMED_OUT: u16 = 9501;
}

/// Hourly resources of error 1226, as its text in MariaDB and MySQL names them.
const HOURLY: [&str; 5] = [
    "'max_connections_per_hour'",
    "'max_queries_per_hour'",
    "'max_questions'",
    "'max_updates_per_hour'",
    "'max_updates'",
];
/// The resource of error 1226 that is not hourly.
const AT_ONCE: &str = "'max_user_connections'";

impl Refusal {
    /// Returns the kind of an error that answers a login.
    pub(super) fn of(error: &ServerError) -> Self {
        match error.code {
            code::ACCESS_DENIED_ERROR | code::ACCESS_DENIED_NO_PASSWORD_ERROR => Self::Credentials,
            code::CON_COUNT_ERROR
            | code::OUT_OF_RESOURCES
            | code::CANT_CREATE_THREAD
            | code::PROXY_BORROW_TIMED_OUT => Self::ServerFull,
            code::TOO_MANY_USER_CONNECTIONS => Self::AccountFull,
            code::USER_LIMIT_REACHED if is_limit_at_once(&error.message) => Self::AccountFull,
            code::HOST_IS_BLOCKED => Self::HostBlocked,
            _ => Self::Other,
        }
    }

    /// Returns the kind of an error that answers the first statement of a session, where it rejects the session and not
    /// the statement (`None`): an expired password, on a MySQL server without `disconnect_on_expired_password`; a proxy
    /// without a connection.
    pub(super) fn of_first_statement(error: &ServerError) -> Option<Self> {
        match (error.code, Self::of(error)) {
            (code::MUST_CHANGE_PASSWORD, _) => Some(Self::Other),
            (
                code::PROXY_BORROW_TIMED_OUT | code::CON_COUNT_ERROR | code::USER_LIMIT_REACHED,
                refusal,
            ) => Some(refusal),
            _ => None,
        }
    }

    /// Returns whether no connection was left: a login some seconds later may succeed.
    #[must_use]
    pub fn is_full(self) -> bool {
        matches!(self, Self::ServerFull | Self::AccountFull)
    }
}

/// Returns whether a text of error 1226 is about open connections. The text is in the server's language and contains
/// the account's name, which may equal a resource: hourly limits go first.
fn is_limit_at_once(text: &str) -> bool {
    text.contains(AT_ONCE) && !HOURLY.iter().any(|hourly| text.contains(hourly))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: u16, message: &str) -> ServerError {
        ServerError { code, message: message.to_owned(), state: "HY000".to_owned() }
    }

    fn exceeded(user: &str, resource: &str) -> Refusal {
        let text =
            format!("User '{user}' has exceeded the '{resource}' resource (current value: 1)");
        Refusal::of(&said(1226, &text))
    }

    #[test]
    fn every_word_for_no_connection_left_and_for_wrong_credentials_is_known() {
        let cases = [
            (Refusal::Credentials, &[1045, 1698][..]),
            (Refusal::ServerFull, &[1040, 1041, 1135, 9501]),
            (Refusal::AccountFull, &[1203]),
            (Refusal::HostBlocked, &[1129]),
            (Refusal::Other, &[1044, 1049, 1130, 1251, 1275, 1524, 1862, 3118, 3955, 4150, 4151]),
        ];
        for (refusal, codes) in cases {
            for code in codes {
                assert_eq!(Refusal::of(&said(*code, "")), refusal, "{code}");
                let full = [1040, 1041, 1135, 1203, 9501].contains(code);
                assert_eq!(refusal.is_full(), full, "{code}");
            }
        }
    }

    #[test]
    fn an_accounts_limit_at_once_is_told_from_its_limits_by_the_hour() {
        assert_eq!(exceeded("admin", "max_user_connections"), Refusal::AccountFull);
        for hourly in ["max_connections_per_hour", "max_queries_per_hour", "max_questions"] {
            assert_eq!(exceeded("admin", hourly), Refusal::Other, "{hourly}");
            assert_eq!(exceeded("max_user_connections", hourly), Refusal::Other, "{hourly}");
        }
        let german = "Benutzer 'admin' hat die Ressourcenbeschränkung 'max_user_connections' \
             überschritten (aktueller Wert: 1)";
        assert_eq!(Refusal::of(&said(1226, german)), Refusal::AccountFull);
        // Where a server says nothing, it is no promise of a connection in a second.
        assert_eq!(Refusal::of(&said(1226, "")), Refusal::Other);
    }

    #[test]
    fn a_first_statement_that_fails_by_itself_is_no_refusal() {
        assert_eq!(Refusal::of_first_statement(&said(1820, "")), Some(Refusal::Other));
        assert_eq!(Refusal::of_first_statement(&said(9501, "")), Some(Refusal::ServerFull));
        let hourly = "User 'a' has exceeded the 'max_queries_per_hour' resource (current value: 1)";
        let refusal = Refusal::of_first_statement(&said(1226, hourly));
        assert_eq!(refusal, Some(Refusal::Other));
        for code in [1045, 1064, 1129, 3024] {
            assert_eq!(Refusal::of_first_statement(&said(code, "")), None, "{code}");
        }
    }
}
