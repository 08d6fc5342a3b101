//! Checks of the server's settings, and of why the server could not be read.

use rds_admission::pool::GRACE;
use rds_admission::session::{MIN_CONNECT_ERRORS, Refusal};
use rds_admission::telemetry::chain;

use super::report::Finding;
use super::server::Settings;
use crate::error::Error;
use crate::output::in_one_line;

/// Checks the settings that the guarantees depend on.
pub(super) fn settings(settings: &Settings) -> impl Iterator<Item = Finding> {
    [timeouts(settings), connect_errors(settings), privilege(settings)].into_iter().flatten()
}

/// Explains why the server could not be read.
pub(super) fn server_error(error: &Error) -> Finding {
    let refusal = match error {
        Error::Database { source, .. } => source.refusal(),
        _ => None,
    };
    match refusal {
        Some(Refusal::ServerFull) => Finding::problem(
            "server",
            "The server has no connection left (error 1040; 1041 or 1135 when it lacks memory or threads; \
             9501 from RDS Proxy): either clients connect without a slot, or it accepts fewer connections than \
             the pool was sized for.",
            "make the pool smaller (slots resize), find the clients without a slot (SHOW PROCESSLIST), and run \
             doctor again.",
        ),
        Some(Refusal::AccountFull) => Finding::problem(
            "server",
            "The account has reached its connection limit (error 1203 or 1226): either clients use it without \
             a slot, or its limit is below the number of slots.",
            "raise the limit above the number of slots (ALTER USER … WITH MAX_USER_CONNECTIONS), find the \
             clients without a slot (SHOW PROCESSLIST), and run doctor again.",
        ),
        Some(Refusal::HostBlocked) => Finding::problem(
            "server",
            "The server has blocked this host (error 1129) after max_connect_errors interrupted logins in a \
             row. If it has blocked the functions' hosts too, every request fails.",
            "from a host that is not blocked, FLUSH HOSTS, or on MySQL 8.4 and later TRUNCATE TABLE \
             performance_schema.host_cache (a reboot does it too); then set max_connect_errors very high.",
        ),
        Some(Refusal::Credentials | Refusal::Other) | None => unreadable(error),
    }
}

fn unreadable(error: &Error) -> Finding {
    let (check, advice) = if let Error::Secret { .. } = error {
        (
            "secret",
            "check that --secret is the stack's SecretArn, and that these credentials may read it \
             (secretsmanager:GetSecretValue); or give --database.",
        )
    } else {
        (
            "server",
            "check that the database is up, and that this machine may connect (security group, TLS, account); \
             or run doctor on a machine that may.",
        )
    };
    let message = format!(
        "The server could not be read: {}. Its settings and connections are not checked.",
        in_one_line(&chain(error))
    );
    Finding::problem(check, message, advice)
}

/// The server's own timeouts end the connection of a client that froze before it set the session's limits.
fn timeouts(settings: &Settings) -> Option<Finding> {
    let Settings { wait_timeout, connect_timeout, .. } = *settings;
    (wait_timeout > GRACE || connect_timeout > GRACE).then(|| {
        Finding::problem(
            "timeouts",
            format!(
                "wait_timeout is {wait_timeout} and connect_timeout {connect_timeout}: a client that freezes \
                 during its login stays connected for that time, possibly after its lease has expired."
            ),
            format!("set both to at most {GRACE} in the server's parameter group."),
        )
    })
}

fn connect_errors(settings: &Settings) -> Option<Finding> {
    let Settings { max_connect_errors, .. } = *settings;
    (max_connect_errors < MIN_CONNECT_ERRORS).then(|| {
        Finding::problem(
            "connect-errors",
            format!(
                "max_connect_errors is {max_connect_errors}: a server that stalls for some seconds interrupts as \
                 many logins, and then rejects every function with error 1129 until its host is unblocked."
            ),
            format!("set it to at least {MIN_CONNECT_ERRORS} in the server's parameter group."),
        )
    })
}

fn privilege(settings: &Settings) -> Option<Finding> {
    let message = "The account may lack PROCESS, and then sees only its own threads.";
    (!settings.sees_all_threads).then(|| Finding::note("privilege", message))
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;
    use rds_admission::session::SessionError;
    use rds_admission::time::Seconds;

    use super::*;

    /// What a server answers to a login.
    fn refused_with(code: u16) -> Error {
        let answer = ServerError { code, message: String::new(), state: "08004".to_owned() };
        let source = SessionError::Connect { source: answer.into() };
        Error::Database { host: "db".to_owned(), port: 3306, source }
    }

    fn found(wait: u32, connect: u32, max_connect_errors: u64) -> Vec<&'static str> {
        let server = Settings {
            version: "8.0".to_owned(),
            max_connections: 66,
            wait_timeout: Seconds(wait),
            connect_timeout: Seconds(connect),
            max_connect_errors,
            sees_all_threads: true,
        };
        settings(&server).map(|finding| finding.check).collect()
    }

    #[test]
    fn a_server_that_waits_longer_than_a_lease_is_found() {
        assert_eq!(found(5, 5, MIN_CONNECT_ERRORS), Vec::<&str>::new());
        assert_eq!(found(6, 5, MIN_CONNECT_ERRORS), ["timeouts"]);
        assert_eq!(found(5, 6, MIN_CONNECT_ERRORS), ["timeouts"]);
    }

    #[test]
    fn a_server_that_soon_blocks_its_clients_is_found() {
        assert_eq!(found(5, 5, 100), ["connect-errors"]);
    }

    #[test]
    fn every_refusal_has_its_own_advice() {
        for (code, part) in [(1040, "1040"), (1203, "MAX_USER_CONNECTIONS"), (1129, "FLUSH HOSTS")]
        {
            let found = server_error(&refused_with(code));
            assert!(format!("{found:?}").contains(part), "{found:?}");
        }
    }
}
