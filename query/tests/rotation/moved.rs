//! A secret that changes to another server, database or account, or is corrected.

use std::future::poll_fn;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::hold::{Admitted, HoldSession};
use mysql_async::prelude::Queryable as _;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::pool::warm::Warm;
use rds_admission::secret::SecretError;
use rds_admission::session::{LoginError, Session, SessionError, SessionOptions};
use rds_admission::sessions::Sessions;
use rds_admission::time::{Deadline, Seconds};
use serde_json::{Value, json};

use crate::log::logged;
use crate::room::Room;
use crate::vault::{Pending, Vault, Versions};
use crate::{CURRENT, Database, has, kept, options, secret};

/// A database that every account can access.
const ELSEWHERE: &str = "information_schema";

fn only(current: Value) -> Versions {
    Versions { current: Some(current), pending: Pending::No }
}

/// Returns the secret with another value of `field`.
fn with(mut secret: Value, field: &str, value: Value) -> Value {
    secret[field] = value;
    secret
}

/// Returns a local port without a listener.
fn unused_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn whatever_was_wrong_in_the_secret_a_login_follows_when_it_is_mended() {
    let database = Database::start().await;
    database.administer("CREATE USER locked IDENTIFIED BY 'right' ACCOUNT LOCK").await;
    let right = database.right();
    let locked = with(with(right.clone(), "username", json!("locked")), "password", json!("right"));
    let wrongs = [
        with(right.clone(), "port", json!(unused_port())),
        with(right.clone(), "host", json!("nowhere.invalid")),
        with(right.clone(), "dbname", json!("none")),
        locked,
    ];
    for wrong in wrongs {
        let vault = &database.vault;
        vault.hold(only(wrong.clone()));
        let cache = vault.cache();
        database.log_in(&cache).await.expect_err("the secret is wrong");
        vault.hold(only(right.clone()));
        database.log_in(&cache).await.unwrap_or_else(|error| panic!("{wrong}: {error:?}"));
        vault.reads();
        database.log_in(&cache).await.expect("a session");
        assert!(vault.reads().is_empty(), "it is kept");
    }
}

/// The old server does not answer, as when its network drops packets.
#[tokio::test]
async fn after_a_login_that_was_not_answered_the_next_one_goes_by_the_mended_secret() {
    let database = Database::start().await;
    let vault = &database.vault;
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    vault.hold(only(with(database.right(), "port", json!(port))));
    let cache = vault.cache();
    let slot = Slot::outside_the_pool(Deadline::within(Duration::from_secs(30)));
    let options = SessionOptions { connect_timeout: Duration::from_millis(100), ..options() };
    let late = Session::log_in(&slot, &options, &cache).await.expect_err("no answer");
    let timeout = matches!(late, LoginError::Session(SessionError::ConnectTimeout { .. }));
    assert!(timeout, "{late:?}");
    // The slot is not held for a read that comes too late to be used.
    assert_eq!(vault.reads(), [CURRENT]);

    vault.hold(only(database.right()));
    database.log_in(&cache).await.expect("a session");
    database.log_in(&cache).await.expect("a session");
    assert_eq!(vault.reads(), [CURRENT]);
}

#[tokio::test]
async fn a_secret_of_the_wrong_shape_is_followed_when_it_is_mended() {
    let database = Database::start().await;
    database.vault.hold(only(json!({"username": "admin"})));
    let cache = database.vault.cache();
    let wrong = database.log_in(&cache).await.expect_err("it is no secret");
    assert!(matches!(wrong, LoginError::Secret(SecretError::Shape { .. })), "{wrong:?}");
    database.vault.hold(only(database.right()));
    database.log_in(&cache).await.expect("a session");
}

#[tokio::test]
async fn a_database_that_is_down_costs_few_reads() {
    let database = Database::start().await;
    let vault = &database.vault;
    vault.hold(only(with(database.right(), "port", json!(unused_port()))));
    let cache = vault.cache();
    for _ in 0..20 {
        let failed = database.log_in(&cache).await.expect_err("no listener");
        assert!(matches!(failed, LoginError::Session(_)), "{failed:?}");
    }
    // The first, three at once, and more on a slow machine.
    let reads = vault.reads();
    assert!((2..10).contains(&reads.len()), "{reads:?}");
    assert!(reads.iter().all(|label| label == CURRENT), "{reads:?}");
}

#[tokio::test]
async fn a_password_that_stays_wrong_costs_few_reads_and_is_followed_when_it_is_mended() {
    const LOGINS: usize = 20;
    let database = Database::start().await;
    let vault = &database.vault;
    vault.hold(only(with(database.right(), "password", json!("wrong"))));
    let cache = vault.cache();
    for _ in 0..LOGINS {
        let denied = database.log_in(&cache).await.expect_err("the password is wrong");
        let LoginError::Session(denied) = denied else { panic!("{denied:?}") };
        assert!(denied.is_access_denied(), "{denied:?}");
    }
    // Eight for each of the first three logins, and more on a slow machine.
    let reads = vault.reads().len();
    assert!((20..LOGINS * 4).contains(&reads), "{reads}");

    vault.hold(only(database.right()));
    let followed = async {
        while database.log_in(&cache).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), followed).await.expect("it is followed");
}

#[tokio::test]
async fn what_is_too_old_is_read_again_and_used_on_when_it_cant_be() {
    let vault = Vault::open(only(secret("one"))).await;
    let cache = vault.cache().with_max_age(Duration::ZERO);
    assert!(has(&kept(&cache).await, "one"));
    vault.hold(only(secret("two")));
    assert!(has(&kept(&cache).await, "two"));
    assert_eq!(vault.reads(), [CURRENT; 2]);

    // Secrets Manager is unreachable: nothing fails, and it is not called for each request.
    vault.hold(Versions::default());
    for _ in 0..5 {
        assert!(has(&kept(&cache).await, "two"));
    }
    assert_eq!(vault.reads(), [CURRENT]);
}

#[tokio::test]
async fn a_reader_does_not_wait_for_a_refresh_by_another() {
    let vault = Vault::open(only(secret("one"))).await;
    let cache = vault.cache().with_max_age(Duration::ZERO);
    kept(&cache).await;
    vault.hold(only(secret("two")));
    let mut reader = pin!(kept(&cache));
    let reads = poll_fn(|context| Poll::Ready(reader.as_mut().poll(context).is_pending())).await;
    assert!(reads, "an answer takes a while");
    tokio::select! {
        biased;
        used = kept(&cache) => assert!(has(&used, "one")),
        _ = &mut reader => unreachable!("the other has waited"),
    }
    assert!(has(&reader.await, "two"));
}

#[tokio::test]
async fn why_a_secret_could_not_be_read_again_is_logged() {
    let vault = Vault::open(only(secret("one"))).await;
    let cache = vault.cache().with_max_age(Duration::ZERO);
    kept(&cache).await;
    vault.hold(only(json!({"username": "admin", "password": "hunter2"})));
    let (used, lines) = logged(kept(&cache)).await;
    assert!(has(&used, "one"));
    let logged = lines.iter().find(|line| line.contains("could not be read again"));
    assert!(logged.is_some_and(|line| line.contains("not an object with host")), "{lines:?}");
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
}

#[tokio::test]
async fn a_session_that_was_kept_ends_when_the_secret_leads_to_another_database() {
    let database = Database::start().await;
    let vault = &database.vault;
    let admin = database.mariadb.admin().user();
    let here = with(database.right(), "dbname", json!(database.mariadb.database()));
    vault.hold(only(here.clone()));
    let admission = Admission::new(Arc::new(Room), "Prod_MySQL".parse().expect("a name"));
    let warm = Warm::new(Seconds(20), Warm::BELOW).expect("a time");
    // Expires at once.
    let cache = vault.cache().with_max_age(Duration::ZERO);
    let sessions = Sessions::new(admission, cache, options());
    let sessions = sessions.keeping(warm);
    let request = async || {
        let deadline = Deadline::within(Duration::from_secs(10));
        let statement = "SELECT CONNECTION_ID(), DATABASE()";
        let work =
            async |session: &mut Session| session.query_first::<(u64, String)>(statement).await;
        let Admitted { value, held } = sessions.hold(deadline, work).await.expect("a slot");
        let value = value.expect("a session").expect("an answer").expect("a row");
        (value, held)
    };
    request().await;
    let ((first, _), held) = request().await;
    assert!(matches!(held.outcome, ReleaseOutcome::Kept), "{held:?}");

    // A new password does not matter to a session that is open.
    vault.hold(only(with(here.clone(), "password", json!("of tomorrow"))));
    assert_eq!(request().await.0.0, first);

    vault.hold(only(with(here, "dbname", json!(ELSEWHERE))));
    let ((moved, name), held) = request().await;
    assert_eq!((moved == first, name.as_str()), (false, ELSEWHERE));
    assert!(held.resumed.is_some_and(|resumed| resumed.replaced), "{held:?}");
    // The old one was closed before the new one was opened.
    let mut observer =
        mysql_async::Conn::new(database.mariadb.observer_opts()).await.expect("an observer");
    let count =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{admin}'");
    assert_eq!(observer.query_first::<u64, _>(count).await.expect("an answer"), Some(1));
}
