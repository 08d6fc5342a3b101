//! The tests of MariaDB that may differ on MySQL: login, session limits, warm sessions, rollback before release, password
//! change, `init`.
//!
//! `make mysql` downloads a server, sets `MYSQLD` to its path, and runs these.

#[path = "../../../shared/tests/support/certificates.rs"]
mod certificates;
#[path = "../../../shared/tests/support/hold.rs"]
mod hold;
#[path = "../passwords/mod.rs"]
mod passwords;
mod relay;
mod server;
#[path = "../../../shared/tests/support/settings.rs"]
mod settings;
mod undo;
#[path = "../../../shared/tests/support/vault.rs"]
mod vault;
#[path = "../../../shared/tests/support/watching.rs"]
mod watching;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hold::{Admitted, HoldSession};
use admin::init::Database;
use admin::rotate::Account;
use mysql_async::prelude::Queryable;
use passwords::{change_repeatedly, with};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::controller::Controller;
use rds_admission::pool::warm::Warm;
use rds_admission::pool::{PoolName, PoolSize};
use rds_admission::secret::{Credentials, SecretCache};
use rds_admission::session::{Refusal, Session, SessionError, SessionOptions, Tls};
use rds_admission::sessions::Sessions;
use rds_admission::store::{MemoryStore, PoolAdmin};
use rds_admission::telemetry::chain;
use rds_admission::time::{Deadline, Seconds, SystemClock};
use relay::Relay;
use server::{MAX_CONNECTIONS, MySql};
use settings::settings;

fn slot(seconds: u64) -> Slot {
    Slot::outside_the_pool(Deadline::within(Duration::from_secs(seconds)))
}

fn pool() -> PoolName {
    "Prod_MySQL".parse().expect("a name")
}

/// Returns a controller with a pool for the server.
async fn counter() -> Controller<MemoryStore<SystemClock>, SystemClock> {
    let store = MemoryStore::new(SystemClock);
    let size = PoolSize::divide(MAX_CONNECTIONS, 4, 2).expect("a size");
    store.define(&pool(), size, None).await.expect("a pool");
    Controller::new(store, SystemClock, StdRng::seed_from_u64(0))
}

/// Returns the server's secret.
async fn secret(mysql: &MySql) -> SecretCache {
    vault::secret(&mysql.secret()).await
}

async fn asked<T>(session: &mut Session, sql: &str) -> T
where
    T: mysql_async::prelude::FromRow + Send + 'static,
{
    session.query_first(sql).await.expect("an answer").expect("a row")
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_login_uses_tls_and_caching_sha2_password() {
    let mysql = MySql::start().await;
    let (right, options) = (mysql.credentials(), mysql.options());
    let mut observer = mysql.observer().await;
    let plugin = "SELECT plugin FROM mysql.user WHERE user = 'admin'";
    let plugin: Option<String> = observer.query_first(plugin).await.expect("an answer");
    assert_eq!(plugin.as_deref(), Some("caching_sha2_password"));

    // Each password goes through full authentication first, then through the server's cache, and through full
    // authentication again after the cache is flushed.
    for _ in 0..2 {
        let denied = Session::open(&slot(30), &options, &with(&right, "wrong")).await;
        assert!(denied.as_ref().is_err_and(SessionError::is_access_denied), "{denied:?}");
        for _ in 0..2 {
            let mut session = Session::open(&slot(30), &options, &right).await.expect("a session");
            let cipher = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";
            let (_, cipher): (String, String) = asked(&mut session, cipher).await;
            assert!(!cipher.is_empty());
            session.close().await;
        }
        observer.query_drop("FLUSH PRIVILEGES").await.expect("done");
    }

    for tls in [Tls::Off, Tls::Rds] {
        let options = SessionOptions { tls, ..options.clone() };
        let refused = Session::open(&slot(30), &options, &right).await;
        assert!(matches!(refused, Err(SessionError::Connect { .. })), "{refused:?}");
    }
    mysql.wait_until_disconnected().await;
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_session_is_limited_and_the_server_ends_it() {
    let mysql = MySql::start().await;
    let options = SessionOptions { idle: Seconds(1), ..mysql.options() };
    let mut session =
        Session::open(&slot(6), &options, &mysql.credentials()).await.expect("a session");
    let limits = "SELECT @@wait_timeout, @@net_read_timeout, @@net_write_timeout, \
         @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@max_execution_time";
    let (idle, read, write, rows, tables, statement): (u32, u32, u32, u32, u32, u32) =
        asked(&mut session, limits).await;
    assert_eq!((idle, read, write), (1, 1, 1));
    assert_eq!((rows, tables), (statement / 1_000, statement / 1_000));
    // Twice the idle limit before the end of the lease, which is six seconds less the login.
    assert!((2_000..=4_000).contains(&statement), "{statement}");

    let begun = Instant::now();
    let endless = "SELECT COUNT(*) FROM information_schema.collations a, \
         information_schema.collations b, information_schema.collations c, \
         information_schema.collations d";
    let ended = session.query_first::<u64>(endless).await;
    assert!(matches!(ended, Err(SessionError::StatementLimit { .. })), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // The client end stays open, like that of a frozen holder.
    mysql.wait_until_disconnected().await;
    drop(session);
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_full_server_is_recognized() {
    let mysql = MySql::start().await;
    let right = mysql.credentials();
    // The first session must outlast the last login.
    let options = SessionOptions { idle: Seconds(50), ..mysql.options() };
    let mut sessions = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        sessions.push(Session::open(&slot(120), &options, &right).await.expect("a session"));
    }
    let full = Session::open(&slot(120), &options, &right).await;
    assert!(full.as_ref().is_err_and(SessionError::is_too_many_connections), "{full:?}");
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn every_refusal_is_classified() {
    let mysql = MySql::start().await;
    let options = mysql.options();
    let mut observer = mysql.observer().await;
    for sql in [
        "CREATE USER alone IDENTIFIED BY 'right' WITH MAX_USER_CONNECTIONS 1",
        "CREATE USER hourly IDENTIFIED BY 'right' WITH MAX_CONNECTIONS_PER_HOUR 1",
        "CREATE USER questions IDENTIFIED BY 'right' WITH MAX_QUERIES_PER_HOUR 1",
        "CREATE USER locked IDENTIFIED BY 'right' ACCOUNT LOCK",
        "CREATE USER expired IDENTIFIED BY 'right' PASSWORD EXPIRE",
        "CREATE USER careful IDENTIFIED BY 'right' FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1",
        "CREATE USER sha256 IDENTIFIED WITH sha256_password BY 'right'",
    ] {
        observer.query_drop(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let account = |user: &str, password: &str| Credentials {
        username: user.to_owned(),
        database: None,
        ..with(&mysql.credentials(), password)
    };
    let refused = async |user, password| {
        let opened = Session::open(&slot(60), &options, &account(user, password)).await;
        let error = opened.expect_err(user);
        let refusal = error.refusal().unwrap_or_else(|| panic!("{user}: {error:?}"));
        (refusal, chain(&error))
    };
    let open = async |user| {
        let opened = Session::open(&slot(60), &options, &account(user, "right")).await;
        opened.unwrap_or_else(|error| panic!("{user}: {}", chain(&error)))
    };

    let held = open("alone").await;
    let (full, text) = refused("alone", "right").await;
    assert_eq!(full, Refusal::AccountFull, "{text}");
    held.close().await;
    open("hourly").await.close().await;
    let (hourly, text) = refused("hourly", "right").await;
    assert!(hourly == Refusal::Other && text.contains("1226"), "{text}");
    for (user, code) in [("locked", "3118"), ("expired", "1862")] {
        let (refusal, text) = refused(user, "right").await;
        assert!(refusal == Refusal::Other && text.contains(code), "{user}: {text}");
    }
    let (blocked, text) = refused("careful", "wrong").await;
    assert!(blocked == Refusal::Other && text.contains("3955"), "{text}");
    // The error names a method that the driver lacks.
    let sha256 = Session::open(&slot(60), &options, &account("sha256", "right")).await;
    let text = chain(&sha256.expect_err("a method of old"));
    assert!(text.contains("sha256_password"), "{text}");
    // The login succeeds, but statements exceed the hourly limit. That is not a connection limit.
    let opened = Session::open(&slot(60), &options, &account("questions", "right")).await;
    if let Ok(mut session) = opened {
        let spent = session.query_first::<u8>("SELECT 1").await.expect_err("one question an hour");
        assert!(chain(&spent).contains("1226"), "{}", chain(&spent));
        session.close().await;
    }
    let (limited, text) = refused("questions", "right").await;
    assert!(limited == Refusal::Other && text.contains("1226"), "{text}");
}

/// MySQL does not count clients of 127.0.0.1.
#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_host_with_aborted_logins_is_blocked_until_it_is_unblocked() {
    let mysql = MySql::start().await;
    let mut observer = mysql.observer().await;
    observer.query_drop("SET GLOBAL max_connect_errors = 10").await.expect("done");
    let relay = Relay::from(Ipv4Addr::new(127, 0, 0, 2), mysql.port()).await;
    let through = Credentials { port: relay.port(), ..mysql.credentials() };
    let options = mysql.options();
    Session::open(&slot(60), &options, &through).await.expect("a session").close().await;

    relay.stall(true);
    let hurried = SessionOptions { connect_timeout: Duration::from_millis(300), ..options.clone() };
    for _ in 0..10 {
        let stalled = Session::open(&slot(60), &hurried, &through).await;
        assert!(matches!(stalled, Err(SessionError::ConnectTimeout { .. })), "{stalled:?}");
    }
    relay.stall(false);
    // A login counts after the server or the end of its lease has closed it.
    let errors = "SELECT COALESCE(MAX(sum_connect_errors), 0) >= 10 \
         FROM performance_schema.host_cache WHERE ip = '127.0.0.2'";
    let counted = async {
        while observer.query_first::<bool, _>(errors).await.expect("an answer") != Some(true) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.expect("they count");
    let blocked = Session::open(&slot(60), &options, &through).await.expect_err("it is blocked");
    assert_eq!(blocked.refusal(), Some(Refusal::HostBlocked), "{}", chain(&blocked));

    // The alarm's advice.
    assert!(observer.query_drop("FLUSH HOSTS").await.is_err(), "gone since MySQL 8.4");
    observer.query_drop("TRUNCATE TABLE performance_schema.host_cache").await.expect("done");
    Session::open(&slot(60), &options, &through).await.expect("a session").close().await;
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_reused_session_equals_a_new_one() {
    let mysql = MySql::start().await;
    let counter = counter().await;
    let warm = Warm::new(Seconds(20), Warm::BELOW).expect("a time");
    let sessions = Sessions::new(
        Admission::new(Arc::new(counter), pool()),
        secret(&mysql).await,
        mysql.options(),
    );
    let sessions = sessions.keeping(warm);
    let deadline = || Deadline::within(Duration::from_secs(10));
    let id = "SELECT CONNECTION_ID()";

    // A new session, which is not kept because it is the first.
    let new = sessions.hold(deadline(), settings).await.expect("a slot");
    mysql.wait_until_disconnected().await;
    let dirtied = sessions
        .hold(deadline(), async |session| {
            for sql in [
                "SET @mine = 'secret'",
                "CREATE TEMPORARY TABLE mine (n INT)",
                "PREPARE mine FROM 'SELECT 1'",
                "SELECT GET_LOCK('mine', 0)",
                "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+05:00', autocommit = 0, \
                 sql_select_limit = 1, foreign_key_checks = 0, wait_timeout = 28800, \
                 transaction_isolation = 'SERIALIZABLE', lc_time_names = 'de_DE'",
                "SET NAMES latin1",
                "START TRANSACTION",
            ] {
                let ran = session.run(async |conn| conn.query_drop(sql).await).await;
                ran.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            }
            asked::<u64>(session, id).await
        })
        .await
        .expect("a slot");
    let Admitted { value, held } = dirtied;
    assert!(matches!(held.outcome, ReleaseOutcome::Kept), "{held:?}");
    let dirtied = value.expect("a session");

    let clean = sessions
        .hold(deadline(), async |session| {
            assert_eq!(asked::<u64>(session, id).await, dirtied);
            assert_eq!(asked::<Option<String>>(session, "SELECT @mine").await, None);
            for gone in ["SELECT * FROM mine", "EXECUTE mine"] {
                assert!(session.query_first::<u8>(gone).await.is_err(), "{gone}");
            }
            settings(session).await
        })
        .await
        .expect("a slot");
    let (new, clean) = (new.value.expect("a session"), clean.value.expect("a session"));
    let differ: Vec<_> =
        clean.iter().filter(|(name, value)| new.get(*name) != Some(value)).collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(clean.len(), new.len());
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn any_password_can_be_set_by_its_owner() {
    let mysql = MySql::start().await;
    let (slot, options) = (slot(60), mysql.options());
    let account = Account::new(&slot, &options);
    let first = mysql.credentials();
    change_repeatedly(&account, &first).await;
    assert!(
        !account.change_password(&first, &"another".to_owned().into()).await.expect("an answer")
    );
    let mut observer = mysql.observer().await;
    let plugin = "SELECT plugin FROM mysql.user WHERE user = 'admin'";
    let plugin: Option<String> = observer.query_first(plugin).await.expect("an answer");
    assert_eq!(plugin.as_deref(), Some("caching_sha2_password"), "the method stays");
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn the_current_password_is_sent_where_it_is_required() {
    let mysql = MySql::start().await;
    let (slot, options) = (slot(60), mysql.options());
    let account = Account::new(&slot, &options);
    let mut observer = mysql.observer().await;
    let mut now = mysql.credentials();
    for policy in [
        "ALTER USER admin PASSWORD REQUIRE CURRENT",
        "ALTER USER admin PASSWORD REQUIRE CURRENT OPTIONAL",
        "SET GLOBAL password_require_current = ON",
        "ALTER USER admin PASSWORD REQUIRE CURRENT DEFAULT",
    ] {
        observer.query_drop(policy).await.expect("done");
        now = change_repeatedly(&account, &now).await;
    }
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn an_account_that_may_only_read_the_table_is_enough() {
    let mysql = MySql::start().await;
    let mut observer = mysql.observer().await;
    for statement in [
        "CREATE TABLE demodb2.Employees (EmployeeID int)",
        "CREATE USER reader IDENTIFIED BY 'a password'",
        "GRANT SELECT ON demodb2.Employees TO reader",
    ] {
        observer.query_drop(statement).await.expect("done");
    }
    let mut reader = mysql.secret();
    reader["username"] = "reader".into();
    reader["password"] = "a password".into();
    // The first account may only read; for the second the columns differ.
    for secret in [reader, mysql.secret()] {
        let database = Database::new(vault::secret(&secret).await, mysql.options());
        let deadline = Deadline::within(Duration::from_secs(30));
        database.prepare(deadline, true).await.expect("prepared");
    }
    let rows = "SELECT COUNT(*) FROM demodb2.Employees";
    assert_eq!(observer.query_first::<u64, _>(rows).await.expect("an answer"), Some(0));
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn init_creates_the_table_and_reads_the_settings() {
    let mysql = MySql::start().await;
    let database = Database::new(secret(&mysql).await, mysql.options());
    for _ in 0..2 {
        let deadline = Deadline::within(Duration::from_secs(30));
        let settings = database.prepare(deadline, true).await.expect("prepared");
        assert_eq!(settings.max_connections, MAX_CONNECTIONS);
        assert_eq!(settings.warning(), None);
    }
    let mut session =
        Session::open(&slot(30), &mysql.options(), &mysql.credentials()).await.expect("a session");
    assert_eq!(asked::<u64>(&mut session, "SELECT COUNT(*) FROM Employees").await, 3);
    session.close().await;
}
