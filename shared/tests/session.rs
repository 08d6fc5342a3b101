//! Sessions on a real MariaDB: none outlives its lease, and the slot is released after the session is closed.

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/server.rs"]
mod server;
mod support;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use certificates::Certificates;
use local::mariadb::ServerTls;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::secret::Credentials;
use rds_admission::session::{Session, SessionError, SessionOptions, Tls};
use rds_admission::telemetry::chain;
use rds_admission::time::{Deadline, Seconds};
use server::{Server, plain};
use support::counter::InMemory;
use support::hold::HoldSlot;

fn slot(seconds: u64) -> Slot {
    Slot::outside_the_pool(Deadline::within(Duration::from_secs(seconds)))
}

#[tokio::test]
async fn the_server_knows_the_limits() {
    let server = Server::plain().await;
    let mut session =
        Session::open(&slot(30), &plain(), &server.credentials()).await.expect("a session");
    let (idle, read, write, rows, tables, statement) = session
        .query_first::<(u32, u32, u32, u32, u32, f64)>(
            "SELECT @@wait_timeout, @@net_read_timeout, @@net_write_timeout, \
             @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@max_statement_time",
        )
        .await
        .expect("an answer")
        .expect("a row");
    assert_eq!((idle, read, write, rows, tables), (2, 2, 2, 25, 25));
    // Twice the idle limit before the end of the lease.
    assert!((25.0..=26.0).contains(&statement), "{statement}");
    session.close().await;
}

#[tokio::test]
async fn the_limits_shrink_as_the_lease_runs_out() {
    let server = Server::plain().await;
    let options = SessionOptions { idle: Seconds(1), ..plain() };
    let mut session =
        Session::open(&slot(8), &options, &server.credentials()).await.expect("a session");
    let limit = "SELECT @@max_statement_time";
    let first: f64 = session.query_first(limit).await.expect("an answer").expect("a row");
    session.query_first::<u8>("SELECT SLEEP(1)").await.expect("an answer");
    let later: f64 = session.query_first(limit).await.expect("an answer").expect("a row");
    assert!(later <= first - 1.0, "{first} then {later}");
}

#[tokio::test]
async fn the_server_ends_an_idle_session() {
    let server = Server::plain().await;
    let options = SessionOptions { idle: Seconds(1), ..plain() };
    let mut session =
        Session::open(&slot(30), &options, &server.credentials()).await.expect("a session");
    // The holder still has its end of the connection, as a frozen one would.
    server.is_left_alone().await;
    let dead = session.query_first::<u8>("SELECT 1").await;
    let refused = |error: &SessionError| {
        matches!(error, SessionError::Statement { .. } | SessionError::Limits { .. })
    };
    assert!(dead.as_ref().is_err_and(refused), "{dead:?}");
    session.close().await;
}

#[tokio::test]
async fn the_sessions_limits_replace_the_servers_for_transactions() {
    let server = Server::plain().await;
    let mut observer = server.observer().await;
    for limit in ["idle_transaction", "idle_readonly_transaction", "idle_write_transaction"] {
        let set = format!("SET GLOBAL {limit}_timeout = 60");
        observer.query_drop(set).await.expect("done");
    }
    let options = SessionOptions { idle: Seconds(1), ..plain() };
    let mut session =
        Session::open(&slot(30), &options, &server.credentials()).await.expect("a session");
    let begins = session.run(async |conn: &mut Conn| conn.query_drop("START TRANSACTION").await);
    begins.await.expect("done");
    // Its holder is frozen.
    server.is_left_alone().await;
    drop(session);
}

#[tokio::test]
async fn one_limit_covers_a_whole_packet() {
    let server = Server::plain().await;
    let mut observer = server.observer().await;
    let loops = "CREATE PROCEDURE demodb2.loops() BEGIN DECLARE i INT DEFAULT 0; \
         WHILE i < 100 DO SELECT SLEEP(0.1); SET i = i + 1; END WHILE; END";
    observer.query_drop(loops).await.expect("a procedure");
    // The limit is two seconds.
    let slot = slot(6);
    let mut session =
        Session::open(&slot, &plain(), &server.credentials()).await.expect("a session");
    let six = "SELECT SLEEP(1.5); SELECT SLEEP(1.5); SELECT SLEEP(1.5); SELECT SLEEP(1.5)";
    let refused = session.run(async |conn: &mut Conn| conn.query_drop(six).await).await;
    let refused = refused.expect_err("it is refused");
    assert!(chain(&refused).contains("1064"), "{refused:?}");
    let ended = session.query_first::<u8>("CALL loops()").await.expect_err("it is ended");
    assert!(matches!(ended, SessionError::StatementLimit { .. }), "{ended:?}");
    assert!(!slot.lease_left().is_zero());
    session.close().await;
}

#[tokio::test]
async fn a_slot_is_one_connection() {
    let server = Server::plain().await;
    let (slot, credentials) = (slot(30), server.credentials());
    let (options, mut observer) = (plain(), server.observer().await);
    let open = || Session::open(&slot, &options, &credentials);
    let (one, two) = tokio::join!(open(), open());
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(server.connections(&mut observer).await, 1);
    open().await.expect_err("a third");
    for open in [one, two].into_iter().flatten() {
        open.close().await;
    }
    // The first is gone.
    open().await.expect("another one").close().await;
}

#[tokio::test]
async fn a_clone_of_a_released_slot_opens_no_connection() {
    let server = Server::plain().await;
    let counter = InMemory::new().await;
    let admission = Admission::new(Arc::new(counter.clone()), support::pool());
    let deadline = Deadline::within(Duration::from_secs(10));
    let slot = admission.hold(deadline, async |slot| slot).await.expect("a slot").value;
    assert_eq!(counter.in_use().await, 0);
    Session::open(&slot, &plain(), &server.credentials()).await.expect_err("no slot, no session");
    let mut observer = server.observer().await;
    assert_eq!(server.connections(&mut observer).await, 0);
}

#[tokio::test]
async fn a_session_whose_statement_was_abandoned_takes_no_other() {
    let server = Server::plain().await;
    let mut session =
        Session::open(&slot(30), &plain(), &server.credentials()).await.expect("a session");
    let sleeps = session.query_first::<u8>("SELECT SLEEP(1)");
    tokio::time::timeout(Duration::from_millis(200), sleeps).await.expect_err("it sleeps");
    // The server's next answer is 0, to the first statement.
    let next = session.query_first::<u8>("SELECT 7").await;
    assert!(matches!(next, Err(SessionError::Statement { .. })), "{next:?}");
}

#[tokio::test]
async fn the_server_ends_a_statement_in_time_and_the_connection_can_be_closed() {
    let server = Server::plain().await;
    let counter = InMemory::new().await;
    let admission = Admission::new(Arc::new(counter.clone()), support::pool());
    let deadline = Deadline::within(Duration::from_secs(3));
    let admitted = admission
        .hold(deadline, async |slot| {
            let mut session =
                Session::open(&slot, &plain(), &server.credentials()).await.expect("a session");
            session.query_first::<u8>("SELECT SLEEP(60)").await
        })
        .await
        .expect("a slot");
    let error = admitted.value.expect_err("it is ended");
    assert!(error.is_out_of_time(), "{error:?}");
    assert!(matches!(admitted.held.outcome, ReleaseOutcome::Released));
    server.is_left_alone().await;
}

#[tokio::test]
async fn a_session_that_is_dropped_between_statements_is_closed_before_the_slot_is_back() {
    let server = Server::plain().await;
    let counter = InMemory::new().await;
    let admission = Admission::new(Arc::new(counter.clone()), support::pool());
    let admitted = admission
        .hold(Deadline::within(Duration::from_secs(10)), async |slot| {
            let session = Session::open(&slot, &plain(), &server.credentials()).await;
            session.map(drop)
        })
        .await
        .expect("a slot");
    admitted.value.expect("a session");
    assert!(matches!(admitted.held.outcome, ReleaseOutcome::Released));
    server.is_left_alone().await;
}

#[tokio::test]
async fn a_statement_that_is_abandoned_is_ended_by_the_server_and_then_the_slot_is_back() {
    let server = Server::plain().await;
    let counter = InMemory::new().await;
    let admission = Admission::new(Arc::new(counter.clone()), support::pool());
    let admitted = admission
        .hold(Deadline::within(Duration::from_secs(5)), async |slot| {
            let mut session =
                Session::open(&slot, &plain(), &server.credentials()).await.expect("a session");
            let sleep = session.query_first::<u8>("SELECT SLEEP(60)");
            tokio::time::timeout(Duration::from_millis(200), sleep).await.is_err()
        })
        .await
        .expect("a slot");
    assert!(admitted.value, "the statement was under way");
    // Its holder does not wait for the statement's limit.
    assert!(matches!(admitted.held.outcome, ReleaseOutcome::LeftToLapse));
    assert_eq!(counter.in_use().await, 1);
    server.is_left_alone().await;
    counter.settles_at(0).await;
}

#[tokio::test]
async fn no_connection_is_opened_when_the_lease_is_nearly_over() {
    let server = Server::plain().await;
    let late = Session::open(&slot(3), &plain(), &server.credentials()).await;
    assert!(matches!(late, Err(SessionError::LeaseOver)), "{late:?}");
    let mut observer = server.observer().await;
    assert_eq!(server.connections(&mut observer).await, 0);
}

#[tokio::test]
async fn a_full_server_and_a_wrong_password_are_distinct_errors() {
    // MariaDB's shortest.
    let ten = NonZeroU32::new(10).expect("not 0");
    let server = Server::start(|options, _| options.max_connections(ten)).await;
    let right = server.credentials();

    let wrong = Credentials { password: "wrong".to_owned().into(), ..right.clone() };
    let denied = Session::open(&slot(30), &plain(), &wrong).await.expect_err("it is refused");
    assert!(denied.is_access_denied() && denied.is_refused(), "{denied:?}");

    let mut sessions = Vec::new();
    for _ in 0..ten.get() {
        sessions.push(Session::open(&slot(30), &plain(), &right).await.expect("a session"));
    }
    let full = Session::open(&slot(30), &plain(), &right).await.expect_err("it is refused");
    assert!(full.is_too_many_connections() && full.is_refused(), "{full:?}");
}

#[tokio::test]
async fn nothing_that_is_shown_of_a_session_is_secret() {
    let server = Server::plain().await;
    let credentials = server.credentials();
    let session = Session::open(&slot(30), &plain(), &credentials).await.expect("a session");
    let wrong = Credentials { username: "unknown".to_owned(), ..credentials.clone() };
    let error = Session::open(&slot(30), &plain(), &wrong).await.expect_err("it is refused");
    let shown = format!("{session:?} {error:?} {} {credentials:?}", chain(&error));
    assert!(!shown.contains(server.mariadb.admin().password()), "{shown}");
}

#[tokio::test]
async fn an_unreachable_server_is_a_failure_and_not_a_refusal() {
    let server = Server::plain().await;
    let gone = server.credentials();
    server.mariadb.stop().await.expect("stopped");
    let failed = Session::open(&slot(30), &plain(), &gone).await.expect_err("no server");
    assert!(matches!(failed, SessionError::Connect { .. }) && !failed.is_refused(), "{failed:?}");
    drop(server.folder);
}

/// Starts a server with `name` in its certificate, and returns the options that trust it.
async fn encrypting(name: &str) -> (Server, SessionOptions) {
    let mut ca = PathBuf::new();
    let server = Server::start(|options, folder| {
        let Certificates { root, server, key } = Certificates::write(folder.path(), name);
        ca = root;
        options.tls(ServerTls { certificate: server, key }).require_secure_transport()
    })
    .await;
    (server, SessionOptions { tls: Tls::Roots(ca), ..SessionOptions::default() })
}

#[tokio::test]
async fn tls_is_verified_when_it_is_asked_for() {
    let (server, trusted) = encrypting("127.0.0.1").await;
    let credentials = server.credentials();

    let mut session = Session::open(&slot(30), &trusted, &credentials).await.expect("a session");
    let two = session.run(async |conn: &mut Conn| conn.query_drop("SELECT 1; SELECT 2").await);
    let two = two.await.expect_err("a packet is one statement, with TLS too");
    assert!(chain(&two).contains("1064"), "{two:?}");
    let (_, cipher): (String, String) = session
        .query_first("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .await
        .expect("an answer")
        .expect("a row");
    assert!(!cipher.is_empty());
    session.close().await;

    // The roots of RDS have not signed this server's certificate.
    let rds = SessionOptions::default();
    let untrusted = Session::open(&slot(30), &rds, &credentials).await;
    assert!(matches!(untrusted, Err(SessionError::Connect { .. })), "{untrusted:?}");

    let unencrypted = Session::open(&slot(30), &plain(), &credentials).await;
    assert!(matches!(unencrypted, Err(SessionError::Connect { .. })), "{unencrypted:?}");
}

#[tokio::test]
async fn a_certificate_is_for_the_name_that_was_connected_to() {
    let (server, trusted) = encrypting("localhost").await;
    let by = |host: &str| Credentials { host: host.to_owned(), ..server.credentials() };

    let named = Session::open(&slot(30), &trusted, &by("localhost")).await.expect("a session");
    named.close().await;

    // The same trusted server by its address, which is not the name in the certificate.
    let other = Session::open(&slot(30), &trusted, &by("127.0.0.1")).await;
    let other = other.expect_err("it is refused");
    assert!(matches!(other, SessionError::Connect { .. }), "{other:?}");
    assert!(chain(&other).contains("not valid for name"), "{}", chain(&other));
}
