//! What a server says to a client that it does not let in.

use mysql_async::ServerError;

/// Why a server does not let in, as far as it matters to what is done next. Every program of the
/// project sorts a server's answer by this one list.
///
/// | kind | error numbers | what is done next |
/// |---|---|---|
/// | `Credentials` | 1045, 1698; a second method of authentication is asked for | the secret's other versions are tried |
/// | `ServerFull` | 1040, 1041, 1135, 9501 | nothing: another try later may be let in |
/// | `AccountFull` | 1203; 1226 for `max_user_connections` | the same; the secret is read once more, it may name another account |
/// | `HostBlocked` | 1129 | the same, and somebody must unblock the host |
/// | `Other` | all others | the secret is read once more |
///
/// Not among the first, because no other password of the same account would be let in: a locked
/// account (MariaDB 4151, MySQL 3118), one that is blocked after wrong passwords (MariaDB 4150, MySQL
/// 3955), a password that is right and has expired (1820, 1862), a host without access (1130), a
/// database that is missing or not granted (1049, 1044), a method of authentication that the server
/// does not accept (1251, 1275, 1524). An hourly limit (1226 for `max_connections_per_hour`; for
/// `max_queries_per_hour` in answer to the first statement) is not "no more connections": a try in a second or two
/// is refused as well.
///
/// The numbers mean the same to MySQL and MariaDB, unless it says otherwise
/// (<https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>,
/// <https://mariadb.com/kb/en/mariadb-error-codes/>). 9501 is RDS Proxy's
/// (<https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user or the password is wrong.
    Credentials,
    /// The server has no connection left, for anybody.
    ServerFull,
    /// The account has as many connections as it may have.
    AccountFull,
    /// The client's host is blocked after too many connections that were broken off before they were
    /// logged in (`max_connect_errors`). It stays blocked until somebody unblocks it.
    HostBlocked,
    /// Anything else.
    Other,
}

/// The least that the server's `max_connect_errors` should be: after so many logins in a row from one host
/// that were broken off, it lets nobody in from there ([`Refusal::HostBlocked`]).
///
/// A server that stalls makes them, and nobody means harm: with 60 slots and 3 seconds for each login, 20 a
/// second. The servers' default, 100, is reached in 5 seconds; a million, in 14 hours. One login that
/// succeeds starts the count anew
/// (<https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_connect_errors>).
pub const MIN_CONNECT_ERRORS: u64 = 1_000_000;

/// The server's error numbers, by their names.
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

/// The resources of error 1226 that are counted by the hour, as MariaDB and MySQL name them in its text.
const HOURLY: [&str; 5] = [
    "'max_connections_per_hour'",
    "'max_queries_per_hour'",
    "'max_questions'",
    "'max_updates_per_hour'",
    "'max_updates'",
];
/// The one that is counted at the moment.
const AT_ONCE: &str = "'max_user_connections'";

impl Refusal {
    /// What the server means by `error`, said in place of letting in.
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

    /// The same of an error that answers the first statement of a session, where it means that the
    /// server did let in and then does not serve: a password that has expired, to a MySQL server without
    /// `disconnect_on_expired_password`; a proxy without a connection. `None`: the statement itself
    /// failed.
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

    /// Whether it is for want of a connection: a try in a second or two may be let in.
    #[must_use]
    pub fn is_full(self) -> bool {
        matches!(self, Self::ServerFull | Self::AccountFull)
    }
}

/// Whether a text of error 1226 is about the connections that an account has at the moment. The text
/// is in the server's language, and names the account too, which may be called anything: the hourly
/// limits go first.
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
