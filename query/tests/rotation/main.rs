//! A password rotation during the life of a warm instance: what is cached, read and tried.

#[path = "../../../shared/tests/support/hold.rs"]
mod hold;
#[path = "../../../shared/tests/support/log.rs"]
mod log;
mod moved;
mod room;
mod vault;

use std::sync::Arc;
use std::time::Duration;

use crate::hold::{Admitted, HoldSession};
use local::{MariaDb, MariaDbOptions};
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::pool::warm::Warm;
use rds_admission::secret::{Credentials, SecretCache, SecretError};
use rds_admission::session::{LoginError, Session, SessionOptions, Tls};
use rds_admission::sessions::Sessions;
use rds_admission::time::{Deadline, Seconds};
use room::Room;
use serde_json::{Value, json};
use vault::{Pending, Vault, Versions};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Returns a secret with this password, for a server that need not exist.
fn secret(password: &str) -> Value {
    json!({"username": "admin", "password": password, "host": "192.0.2.1"})
}

fn current(password: &str) -> Versions {
    Versions { current: Some(secret(password)), pending: Pending::No }
}

fn rotating(current: &str, pending: &str) -> Versions {
    Versions { current: Some(secret(current)), pending: Pending::Value(secret(pending)) }
}

fn has(credentials: &Arc<Credentials>, password: &str) -> bool {
    credentials.same_login(
        &Credentials::from_json(secret(password).to_string().as_bytes()).expect("credentials"),
    )
}

async fn kept(cache: &SecretCache) -> Arc<Credentials> {
    cache.get().await.expect("credentials")
}

/// Returns the secret to try after `refused`.
async fn next(cache: &SecretCache, refused: &[Arc<Credentials>]) -> Option<Arc<Credentials>> {
    cache.alternative_to(refused).await.expect("an answer")
}

#[tokio::test]
async fn what_was_read_is_kept_until_it_is_refused() {
    let vault = Vault::open(current("one")).await;
    let cache = vault.cache();
    let one = kept(&cache).await;
    vault.hold(current("two"));
    assert!(has(&one, "one") && has(&kept(&cache).await, "one"));
    assert_eq!(vault.reads(), [CURRENT]);

    let two = next(&cache, &[one]).await.expect("another");
    assert!(has(&two, "two") && has(&kept(&cache).await, "two"));
    assert_eq!(vault.reads(), [CURRENT]);
}

#[tokio::test]
async fn the_pending_password_is_tried_when_the_current_one_was_refused() {
    let vault = Vault::open(rotating("one", "two")).await;
    let cache = vault.cache();
    let one = kept(&cache).await;
    let two = next(&cache, &[Arc::clone(&one)]).await.expect("another");
    assert!(has(&two, "two") && has(&kept(&cache).await, "two"));
    assert_eq!(vault.reads(), [CURRENT, CURRENT, PENDING]);

    // It becomes the current one: no read is needed.
    vault.hold(current("two"));
    assert!(has(&kept(&cache).await, "two"));
    // The rotation is cancelled instead: the current one is tried again.
    vault.hold(current("one"));
    assert!(has(&next(&cache, &[two]).await.expect("another"), "one"));
    assert_eq!(vault.reads(), [CURRENT]);
}

#[tokio::test]
async fn what_somebody_else_has_read_since_is_not_read_again() {
    let vault = Vault::open(current("one")).await;
    let cache = vault.cache();
    let one = kept(&cache).await;
    vault.hold(current("two"));
    let refused = [one];
    let (a, b) = tokio::join!(next(&cache, &refused), next(&cache, &refused));
    assert!([a, b].into_iter().flatten().filter(|read| has(read, "two")).count() == 2);
    assert_eq!(vault.reads(), [CURRENT; 2]);
}

#[tokio::test]
async fn nothing_that_was_refused_is_handed_out_again() {
    for pending in [Pending::No, Pending::WithoutValue, Pending::Value(secret("two"))] {
        let vault = Vault::open(rotating("one", "two")).await;
        let cache = vault.cache();
        let one = kept(&cache).await;
        let two = next(&cache, &[Arc::clone(&one)]).await.expect("another");
        vault.hold(Versions { pending, ..current("one") });
        assert!(next(&cache, &[one, two]).await.is_none());
        assert!(has(&kept(&cache).await, "two"), "what was kept is kept on");
    }
}

#[tokio::test]
async fn what_was_kept_is_kept_on_when_it_cant_be_read() {
    let vault = Vault::open(current("one")).await;
    let cache = vault.cache();
    let one = kept(&cache).await;
    vault.hold(Versions::default());
    let failed = cache.alternative_to(&[one]).await;
    assert!(matches!(failed, Err(SecretError::Read { .. })), "{failed:?}");
    vault.hold(current("two"));
    assert!(has(&kept(&cache).await, "one"));
}

fn options() -> SessionOptions {
    SessionOptions { tls: Tls::Off, ..SessionOptions::default() }
}

/// A server and its secret.
struct Database {
    mariadb: MariaDb,
    vault: Vault,
    _folder: tempfile::TempDir,
}

impl Database {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = MariaDbOptions::new(folder.path().join("mariadb"));
        let mariadb = MariaDb::start(options).await.expect("a server");
        let vault = Vault::open(Versions::default()).await;
        Self { mariadb, vault, _folder: folder }
    }

    fn right(&self) -> Value {
        self.secret(self.mariadb.admin().password())
    }

    fn secret(&self, password: &str) -> Value {
        let (user, port) = (self.mariadb.admin().user(), self.mariadb.port());
        json!({"username": user, "password": password, "host": "127.0.0.1", "port": port})
    }

    async fn log_in(&self, cache: &SecretCache) -> Result<(), LoginError> {
        let slot = Slot::outside_the_pool(Deadline::within(Duration::from_secs(30)));
        Session::log_in(&slot, &options(), cache).await?.close().await;
        Ok(())
    }

    /// Runs a statement as the administrator.
    async fn administer(&self, sql: &str) {
        let mut observer = Conn::new(self.mariadb.observer_opts()).await.expect("an observer");
        observer.query_drop(sql).await.expect("done");
        observer.disconnect().await.expect("disconnected");
    }

    /// Returns the number of logins that the server has refused.
    async fn refused(&self) -> u64 {
        let mut observer = Conn::new(self.mariadb.observer_opts()).await.expect("an observer");
        let status = "SHOW GLOBAL STATUS LIKE 'Access_denied_errors'";
        let (_, refused): (String, u64) =
            observer.query_first(status).await.expect("an answer").expect("a row");
        refused
    }
}

#[tokio::test]
async fn a_login_follows_a_rotation_and_keeps_what_lets_in() {
    let database = Database::start().await;
    let vault = &database.vault;
    let outdated = database.secret("of yesterday");
    vault.hold(Versions { current: Some(outdated.clone()), pending: Pending::No });
    let cache = vault.cache();
    kept(&cache).await;
    vault.hold(Versions {
        current: Some(outdated.clone()),
        pending: Pending::Value(database.right()),
    });
    database.log_in(&cache).await.expect("a session");
    assert_eq!(vault.reads(), [CURRENT, CURRENT, PENDING]);
    database.log_in(&cache).await.expect("a session");
    // The old password was tried twice (see `Session::open`).
    assert_eq!((vault.reads().len(), database.refused().await), (0, 2));
}

#[tokio::test]
async fn a_login_waits_for_a_secret_that_is_a_moment_late() {
    let database = Database::start().await;
    let vault = &database.vault;
    vault.hold(Versions { current: Some(database.secret("late")), pending: Pending::No });
    let cache = vault.cache();
    let now = Versions { current: Some(database.right()), pending: Pending::No };
    vault.hold_after(3, now);
    database.log_in(&cache).await.expect("a session");
    assert_eq!(vault.reads(), [CURRENT, CURRENT, PENDING, CURRENT]);
}

#[tokio::test]
async fn a_password_that_is_wrong_for_good_is_tried_twice_and_given_up() {
    let database = Database::start().await;
    let wrong = Pending::Value(database.secret("wrong as well"));
    let current = Some(database.secret("wrong"));
    database.vault.hold(Versions { current, pending: wrong });
    let cache = database.vault.cache();
    // Two passwords, each of them twice (see `Session::open`).
    for refused in [4, 8] {
        let error = database.log_in(&cache).await.expect_err("nothing lets in");
        assert!(matches!(&error, LoginError::Session(e) if e.is_access_denied()), "{error:?}");
        assert_eq!(database.refused().await, refused);
    }
    let right = Versions { current: Some(database.right()), pending: Pending::No };
    database.vault.hold(right);
    database.log_in(&cache).await.expect("a session");
}

/// Sessions that keep their slots, with the connections of their requests.
struct Instance(Sessions);

impl Instance {
    fn of(database: &Database) -> Self {
        let admission = Admission::new(Arc::new(Room), "Prod_MySQL".parse().expect("a name"));
        let warm = Warm::new(Seconds(20), Warm::BELOW).expect("a time");
        Self(Sessions::new(admission, database.vault.cache(), options()).keeping(warm))
    }

    async fn connection(&self) -> Admitted<u64> {
        let deadline = Deadline::within(Duration::from_secs(10));
        let id = async |session: &mut Session| session.query_first("SELECT CONNECTION_ID()").await;
        let Admitted { value, held } = self.0.hold(deadline, id).await.expect("a slot");
        let value = value.expect("a session").expect("an answer").expect("a row");
        Admitted { value, held }
    }
}

#[tokio::test]
async fn a_session_that_was_kept_goes_on_and_the_login_after_it_has_the_new_password() {
    let database = Database::start().await;
    let vault = &database.vault;
    let old = database.right();
    vault.hold(Versions { current: Some(old.clone()), pending: Pending::No });
    let instance = Instance::of(&database);
    instance.connection().await;
    let kept = instance.connection().await;
    assert!(matches!(kept.held.outcome, ReleaseOutcome::Kept), "{:?}", kept.held);
    assert_eq!(vault.reads(), [CURRENT]);

    let user = database.mariadb.admin().user();
    database.administer(&format!("ALTER USER '{user}'@'%' IDENTIFIED BY 'new'")).await;
    let pending = Pending::Value(database.secret("new"));
    vault.hold(Versions { current: Some(old), pending });
    let goes_on = instance.connection().await;
    assert_eq!(goes_on.value, kept.value);
    assert!(vault.reads().is_empty());

    database.administer(&format!("KILL CONNECTION {}", kept.value)).await;
    let replaced = instance.connection().await;
    assert_ne!(replaced.value, kept.value);
    assert!(replaced.held.resumed.is_some_and(|resumed| resumed.replaced), "{:?}", replaced.held);
    assert_eq!(vault.reads(), [CURRENT, PENDING]);

    // By now it is the current one: no read is needed.
    vault.hold(Versions { current: Some(database.secret("new")), pending: Pending::No });
    assert_eq!(instance.connection().await.value, replaced.value);
    assert!(vault.reads().is_empty());
}
