//! Every answer of a server to a login: each way to accept it, and each rejection.

mod mock;
#[path = "../support/server.rs"]
mod server;

use std::sync::Mutex;
use std::time::Duration;

use mock::{Word, account, switch_to};
use mysql_async::prelude::Queryable as _;
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{Refusal, Session, SessionError};
use rds_admission::telemetry::{chain, report_panics};
use rds_admission::time::Deadline;
use server::{Server, plain};

fn slot() -> Slot {
    Slot::outside_the_pool(Deadline::within(Duration::from_secs(60)))
}

impl Server {
    /// Does what only an administrator may.
    async fn administer(&self, statements: &[&str]) {
        let mut observer = self.observer().await;
        for sql in statements {
            observer.query_drop(*sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        observer.disconnect().await.expect("disconnected");
    }

    fn account(&self, user: &str, password: &str) -> Credentials {
        let (username, password) = (user.to_owned(), password.to_owned().into());
        Credentials { username, password, database: None, ..self.credentials() }
    }

    async fn log_in(&self, user: &str, password: &str) -> Result<Session, SessionError> {
        Session::open(&slot(), &plain(), &self.account(user, password)).await
    }

    async fn refusal(&self, user: &str, password: &str) -> SessionError {
        self.log_in(user, password).await.expect_err(user)
    }
}

async fn who(mut session: Session) -> String {
    let user = session.query_first("SELECT CURRENT_USER()").await;
    session.close().await;
    user.expect("an answer").expect("a row")
}

#[tokio::test]
async fn accounts_of_every_method_that_takes_a_password_log_in() {
    let server = Server::start(|options, _| options.plugins()).await;
    server
        .administer(&[
            "INSTALL SONAME 'auth_ed25519'",
            "CREATE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('right')",
            "CREATE USER native IDENTIFIED VIA mysql_native_password USING PASSWORD('right')",
            "CREATE USER either IDENTIFIED VIA ed25519 USING PASSWORD('right') \
             OR mysql_native_password USING PASSWORD('also right')",
            "CREATE USER socket_last IDENTIFIED VIA mysql_native_password USING PASSWORD('right') \
             OR unix_socket",
            "CREATE USER socket_first IDENTIFIED VIA unix_socket \
             OR mysql_native_password USING PASSWORD('right')",
        ])
        .await;
    for user in ["ed", "native", "either", "socket_last", "socket_first"] {
        let session = server.log_in(user, "right").await;
        let session = session.unwrap_or_else(|error| panic!("{user}: {}", chain(&error)));
        assert_eq!(who(session).await, format!("{user}@%"));
        for wrong in ["wrong", ""] {
            let denied = server.refusal(user, wrong).await;
            assert!(denied.is_access_denied(), "{user}, {wrong:?}: {}", chain(&denied));
        }
    }
    server.is_left_alone().await;
}

#[tokio::test]
async fn accounts_of_other_methods_are_an_error_that_says_why() {
    let server = Server::start(|options, _| options.plugins()).await;
    server
        .administer(&[
            "INSTALL SONAME 'auth_pam'",
            "CREATE USER pam IDENTIFIED VIA pam USING 'mariadb'",
            "CREATE USER socket IDENTIFIED VIA unix_socket",
            "CREATE USER old IDENTIFIED VIA mysql_old_password USING '0123456789abcdef'",
            "SET GLOBAL secure_auth = 0",
        ])
        .await;
    for (user, why) in [("pam", "dialog"), ("socket", "1698"), ("old", "mysql_old_password")] {
        let refused = chain(&server.refusal(user, "right").await);
        assert!(refused.contains(why), "{user}: {refused}");
    }
}

/// The reported, uncaught panics.
static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn words_that_the_driver_does_not_understand_are_an_error() {
    report_panics(|panicked| {
        eprintln!("{panicked}");
        REPORTED.lock().expect("a list").push(panicked.to_string());
    });
    let mut driver_panicked = false;
    let words = [
        ("no challenge", vec![switch_to("client_ed25519", b"")]),
        ("a short challenge", vec![switch_to("client_ed25519", b"123\0")]),
        ("none for the old method", vec![switch_to("mysql_native_password", b"")]),
        (
            "another client's method",
            vec![switch_to("parsec", &[7; 32]), b"P\x00saltsaltsaltsalts!".to_vec()],
        ),
        ("an unknown method", vec![switch_to("auth_gssapi_client", b"principal\0")]),
        ("nothing", vec![Vec::new()]),
        ("a key that is none", vec![vec![1, 4], b"\x01no key".to_vec()]),
        ("no key", vec![vec![1, 4], Vec::new()]),
        (
            "two methods in turn",
            vec![
                switch_to("client_ed25519", &[7; 32]),
                switch_to("mysql_native_password", &[7; 21]),
            ],
        ),
    ];
    for (what, packets) in words {
        for method in ["mysql_native_password", "caching_sha2_password"] {
            let account = account(Word::Login(method, packets.clone())).await;
            let slot = slot();
            let failed = Session::open(&slot, &plain(), &account).await.expect_err(what);
            assert!(matches!(failed, SessionError::Connect { .. }), "{what}: {failed:?}");
            let denied = what == "two methods in turn";
            assert_eq!(failed.is_access_denied(), denied, "{what}: {failed:?}");
            let shown = format!("{} {failed:?}", chain(&failed));
            assert!(!shown.contains("hunter2"), "{what}: {shown}");
            driver_panicked |= shown.contains(": panicked at ");
        }
    }
    // That is an error, with the place, and nothing beside it.
    assert!(driver_panicked, "the driver panics at some");
    let reported = REPORTED.lock().expect("a list");
    assert!(!reported.iter().any(|panic| panic.contains("mysql_")), "{reported:?}");
}

#[tokio::test]
async fn every_word_for_no_connection_left_is_one_kind() {
    let server = Server::plain().await;
    server
        .administer(&[
            "CREATE USER alone IDENTIFIED BY 'right' WITH MAX_USER_CONNECTIONS 1",
            "CREATE USER hourly IDENTIFIED BY 'right' WITH MAX_CONNECTIONS_PER_HOUR 1",
            "CREATE USER questions IDENTIFIED BY 'right' WITH MAX_QUERIES_PER_HOUR 1",
        ])
        .await;
    let held = server.log_in("alone", "right").await.expect("a session");
    let full = server.refusal("alone", "right").await;
    assert_eq!(full.refusal(), Some(Refusal::AccountFull), "{}", chain(&full));
    assert!(full.is_too_many_connections() && full.is_refused() && !full.is_access_denied());
    held.close().await;
    server.log_in("alone", "right").await.expect("a session").close().await;

    // The one is not let in, the other is let in and then not served.
    for user in ["hourly", "questions"] {
        server.log_in(user, "right").await.expect("a session").close().await;
        let hour = server.refusal(user, "right").await;
        assert_eq!(hour.refusal(), Some(Refusal::Other), "{user}: {}", chain(&hour));
        assert!(!hour.is_too_many_connections(), "it will not be served for an hour");
    }
}

#[tokio::test]
async fn an_account_that_no_password_lets_in_is_not_taken_for_a_wrong_password() {
    let server = Server::plain().await;
    server
        .administer(&[
            "CREATE USER locked IDENTIFIED BY 'right' ACCOUNT LOCK",
            "CREATE USER expired IDENTIFIED BY 'right' PASSWORD EXPIRE",
        ])
        .await;
    let locked = server.refusal("locked", "right").await;
    assert_eq!(locked.refusal(), Some(Refusal::Other), "{}", chain(&locked));
    // MariaDB lets it in, to change its password and nothing else; MySQL does not (1862).
    let mut session = server.log_in("expired", "right").await.expect("a session");
    let refused = session.query_first::<u8>("SELECT 1").await.expect_err("it has expired");
    assert!(!refused.is_access_denied() && chain(&refused).contains("1820"), "{}", chain(&refused));
    session.close().await;
    let elsewhere = Credentials { database: Some("none".to_owned()), ..server.credentials() };
    let refused = Session::open(&slot(), &plain(), &elsewhere).await.expect_err("no database");
    assert_eq!(refused.refusal(), Some(Refusal::Other), "{}", chain(&refused));
}

#[tokio::test]
async fn a_blocked_host_is_told_from_a_full_server() {
    let blocked = "Host '10.0.0.7' is blocked because of many connection errors; unblock with \
                   'mariadb-admin flush-hosts'";
    let cases = [
        (Word::Error(1129, blocked), Refusal::HostBlocked),
        (Word::Error(1040, "Too many connections"), Refusal::ServerFull),
        (Word::Error(1135, "Can't create a new thread (errno 11)"), Refusal::ServerFull),
        (
            Word::Error(
                1203,
                "User admin already has more than 'max_user_connections' active connections",
            ),
            Refusal::AccountFull,
        ),
        (Word::Error(1130, "Host '10.0.0.7' is not allowed"), Refusal::Other),
    ];
    for (word, refusal) in cases {
        let refused = Session::open(&slot(), &plain(), &account(word).await).await;
        assert_eq!(refused.expect_err("refused").refusal(), Some(refusal));
    }
}
