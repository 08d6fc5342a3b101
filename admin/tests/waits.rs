//! `init` waits for a server that has no free connection, or that stalls.

#[path = "../../shared/tests/support/stalling.rs"]
mod stalling;
#[path = "../../shared/tests/support/vault.rs"]
mod vault;

use std::time::Duration;

use admin::init::{Database, DatabaseError};
use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::session::{SessionError, SessionOptions, Tls};
use rds_admission::time::Deadline;
use serde_json::json;
use stalling::Stalling;

#[tokio::test]
async fn an_account_at_its_connection_limit_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = MariaDbOptions::new(folder.path().join("mariadb"));
    let mariadb = MariaDb::start(options).await.expect("a server");
    let mut observer = Conn::new(mariadb.observer_opts()).await.expect("an observer");
    let alter = format!("ALTER USER '{}'@'%' WITH MAX_USER_CONNECTIONS 1", mariadb.admin().user());
    observer.query_drop(alter).await.expect("done");
    let secret = json!({
        "username": mariadb.admin().user(), "password": mariadb.admin().password(),
        "host": "127.0.0.1", "port": mariadb.port(), "dbname": mariadb.database(),
    });
    let options = SessionOptions { tls: Tls::Off, ..SessionOptions::default() };
    let database = Database::new(vault::secret(&secret).await, options);

    let mut held = Conn::new(mariadb.admin_opts()).await.expect("the one connection");
    held.query_drop("SET SESSION wait_timeout = 60").await.expect("done");
    // Without enough time to wait, it fails with the reason.
    let soon = Deadline::within(Duration::from_secs(15));
    let full = database.prepare(soon, true).await.expect_err("it has no connection");
    let DatabaseError::LogIn { source: full, .. } = full else { panic!("{full:?}") };
    assert!(full.is_too_many_connections(), "{full:?}");

    let patience = Deadline::within(Duration::from_mins(1));
    let waiting = database.prepare(patience, true);
    let before = aborted_connects(&mut observer).await;
    let ending = async {
        // Until a login was rejected.
        while aborted_connects(&mut observer).await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        held.disconnect().await.expect("disconnected");
    };
    let both = async { tokio::join!(waiting, ending) };
    let (prepared, ()) = tokio::time::timeout(Duration::from_mins(2), both).await.expect("an end");
    prepared.expect("prepared once the connection is free");
}

#[tokio::test]
async fn a_stalling_server_gets_one_login_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = MariaDbOptions::new(folder.path().join("mariadb"));
    let mariadb = MariaDb::start(options).await.expect("a server");
    let stalling = Stalling::before(mariadb.port()).await;
    let secret = json!({
        "username": mariadb.admin().user(), "password": mariadb.admin().password(),
        "host": "127.0.0.1", "port": stalling.port, "dbname": mariadb.database(),
    });
    let connect_timeout = Duration::from_millis(100);
    let options = SessionOptions { tls: Tls::Off, connect_timeout, ..SessionOptions::default() };
    let database = Database::new(vault::secret(&secret).await, options);

    // Two attempts; the second finds the login of the first still in progress.
    let soon = Deadline::within(Duration::from_secs(25));
    let failed = database.prepare(soon, true).await.expect_err("it stalls");
    let DatabaseError::LogIn { source, .. } = failed else { panic!("{failed:?}") };
    assert!(matches!(source, SessionError::ConnectTimeout { .. }), "{source:?}");
    assert_eq!(stalling.callers(), 1);

    stalling.goes_on();
    let later = Deadline::within(Duration::from_mins(1));
    database.prepare(later, true).await.expect("prepared");
}

/// Returns the number of failed logins.
async fn aborted_connects(observer: &mut Conn) -> u64 {
    let status = "SHOW GLOBAL STATUS LIKE 'Aborted_connects'";
    let row: Option<(String, u64)> = observer.query_first(status).await.expect("an answer");
    row.expect("a row").1
}
