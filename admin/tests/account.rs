//! The account whose password is rotated, on a real MariaDB.

mod passwords;

use std::time::Duration;

use admin::rotate::{Account, AccountError};
use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use passwords::change_repeatedly;
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{SessionOptions, Tls};
use rds_admission::time::Deadline;

#[tokio::test]
async fn any_password_can_be_set_by_its_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = MariaDbOptions::new(folder.path().join("mariadb"));
    let mariadb = MariaDb::start(options).await.expect("a server");
    let first = Credentials {
        username: mariadb.admin().user().to_owned(),
        password: mariadb.admin().password().to_owned().into(),
        host: "127.0.0.1".to_owned(),
        port: mariadb.port(),
        database: Some(mariadb.database().to_owned()),
    };
    let options = SessionOptions { tls: Tls::Off, ..SessionOptions::default() };
    let slot = Slot::outside_the_pool(Deadline::within(Duration::from_secs(60)));
    let account = Account::new(&slot, &options);

    let now = change_repeatedly(&account, &first).await;
    assert!(
        !account.change_password(&first, &"another".to_owned().into()).await.expect("an answer")
    );
    let denied = account.test(&first).await.expect_err("it is refused");
    assert!(matches!(denied, AccountError::Login(_)), "{denied:?}");
    assert!(account.accepts(&now).await.expect("an answer"), "nothing has changed");
}

/// MariaDB rejects a password with error 1698 if the account also has `unix_socket`, with a switch to the next method if
/// it has two methods with passwords, and with 1045 otherwise.
#[tokio::test]
async fn a_change_keeps_the_authentication_method() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = MariaDbOptions::new(folder.path().join("mariadb")).plugins();
    let mariadb = MariaDb::start(options).await.expect("a server");
    let mut observer = Conn::new(mariadb.observer_opts()).await.expect("an observer");
    for sql in [
        "INSTALL SONAME 'auth_ed25519'",
        "CREATE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('first')",
        "CREATE USER second IDENTIFIED VIA mysql_native_password USING PASSWORD('first') \
         OR unix_socket",
        "CREATE USER first IDENTIFIED VIA ed25519 USING PASSWORD('first') OR unix_socket",
        "CREATE USER either IDENTIFIED VIA ed25519 USING PASSWORD('first') \
         OR mysql_native_password USING PASSWORD('another')",
    ] {
        observer.query_drop(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let options = SessionOptions { tls: Tls::Off, ..SessionOptions::default() };
    for (user, method) in [
        ("ed", "ed25519"),
        ("second", "unix_socket"),
        ("first", "unix_socket"),
        ("either", "mysql_native_password"),
    ] {
        let first = Credentials {
            username: user.to_owned(),
            password: "first".to_owned().into(),
            host: "127.0.0.1".to_owned(),
            port: mariadb.port(),
            database: None,
        };
        let slot = Slot::outside_the_pool(Deadline::within(Duration::from_secs(60)));
        let account = Account::new(&slot, &options);
        change_repeatedly(&account, &first).await;
        let grants = format!("SHOW CREATE USER {user}");
        let grants: String = observer.query_first(grants).await.expect("an answer").expect("a row");
        assert!(grants.contains(method), "{grants}");
    }
}
