//! What is wrong with how the server is set, or why it was not seen.

use rds_admission::pool::GRACE;
use rds_admission::session::MIN_CONNECT_ERRORS;
use rds_admission::telemetry::chain;

use super::report::Finding;
use super::{Server, Unseen};
use crate::Error;
use crate::voice::in_one_line;

/// What is wrong with the settings that the promise rests on.
pub(super) fn settings(server: &Server) -> impl Iterator<Item = Finding> {
    [timeouts(server), connect_errors(server), privilege(server)].into_iter().flatten()
}

/// What is known of a server that did not let in.
pub(super) fn unseen_because(unseen: &Unseen) -> Finding {
    match unseen {
        Unseen::Full => Finding::problem(
            "server",
            "The server has no connection left (error 1040; 1041 or 1135 where it lacks memory or \
             threads; 9501 of RDS Proxy): more connect than the pool admits, or it takes fewer than the pool was \
             sized for."
                .to_owned(),
            "make the pool smaller (slots resize), find who connects past the counter (SHOW PROCESSLIST), \
             and ask again.",
        ),
        Unseen::AccountFull => Finding::problem(
            "server",
            "The account has as many connections as it may have (error 1203 or 1226): more connect with it \
             than the pool admits, or it may have fewer than there are slots."
                .to_owned(),
            "let it have as many as there are slots and some more (ALTER USER … WITH MAX_USER_CONNECTIONS), \
             find who connects past the counter (SHOW PROCESSLIST), and ask again.",
        ),
        Unseen::Blocked => Finding::problem(
            "server",
            "The server has blocked this host (error 1129): max_connect_errors logins in a row were broken \
             off. It may have blocked the functions' hosts as well; then every request fails."
                .to_owned(),
            "from a host that is let in, FLUSH HOSTS, or on MySQL 8.4 and later TRUNCATE TABLE \
             performance_schema.host_cache (a reboot does it too); then set max_connect_errors very high.",
        ),
        Unseen::Unasked(error) => unasked(error),
    }
}

/// What is not known because the server could not be asked.
fn unasked(error: &Error) -> Finding {
    let says = format!(
        "The server could not be asked: {}. How it is set and who is connected is not checked.",
        in_one_line(&chain(error))
    );
    if let Error::Secret { .. } = error {
        let advice = "see that --secret is the stack's SecretArn, and that these credentials may read it \
                      (secretsmanager:GetSecretValue); or give --database.";
        return Finding::problem("secret", says, advice);
    }
    let advice = "see whether the database is up, and whether this machine is let in (security group, TLS, \
                  account); or ask again from where it is.";
    Finding::problem("server", says, advice)
}

/// The server's own limits, which end what a client leaves open that froze before it told its own.
fn timeouts(server: &Server) -> Option<Finding> {
    let Server { wait_timeout, connect_timeout, .. } = *server;
    (wait_timeout > GRACE || connect_timeout > GRACE).then(|| {
        Finding::problem(
            "timeouts",
            format!(
                "wait_timeout is {wait_timeout} and connect_timeout {connect_timeout}: a client that is \
                 frozen while it logs in keeps its connection so long, and its lease may be over sooner."
            ),
            format!("set both to {GRACE} at the most, in the server's parameter group."),
        )
    })
}

/// After how many logins that were broken off the server lets nobody in.
fn connect_errors(server: &Server) -> Option<Finding> {
    let Server { max_connect_errors, .. } = *server;
    (max_connect_errors < MIN_CONNECT_ERRORS).then(|| {
        Finding::problem(
            "connect-errors",
            format!(
                "max_connect_errors is {max_connect_errors}: when the server stalls for some seconds, so many \
                 logins are broken off, and it refuses every function with error 1129 until somebody unblocks \
                 its host."
            ),
            format!("set it to {MIN_CONNECT_ERRORS} at the least, in the server's parameter group."),
        )
    })
}

fn privilege(server: &Server) -> Option<Finding> {
    (!server.sees_all_threads).then(|| {
        let says =
            "The account may not have PROCESS, and then sees its own threads only.".to_owned();
        Finding::note("privilege", says)
    })
}

#[cfg(test)]
mod tests {
    use rds_admission::time::Seconds;

    use super::*;

    fn found(wait: u32, connect: u32, max_connect_errors: u64) -> Vec<&'static str> {
        let server = Server {
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
    fn every_word_for_no_has_an_advice() {
        for (unseen, says) in [
            (Unseen::Full, "1040"),
            (Unseen::AccountFull, "MAX_USER_CONNECTIONS"),
            (Unseen::Blocked, "FLUSH HOSTS"),
        ] {
            let found = unseen_because(&unseen);
            assert!(format!("{found:?}").contains(says), "{found:?}");
        }
    }
}
