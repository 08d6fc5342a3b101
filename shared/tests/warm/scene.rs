//! An instance that keeps its slot, the counter that it asks, and the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::hold::{Admitted, HoldSession};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::client::{Admission, ReleaseOutcome};
use rds_admission::pool::warm::Warm;
use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::session::Session;
use rds_admission::sessions::Sessions;
use rds_admission::store::SlotStore;
use rds_admission::time::{Deadline, Seconds};
use serde_json::json;

use crate::server::{Server, plain};
use crate::support::counter::InMemory;
use crate::support::{lease, pool};
use crate::vault;

/// How long slots are kept, unless a test says otherwise.
pub(crate) const KEEP: Seconds = Seconds(20);

pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) counter: InMemory,
    pub(crate) sessions: Sessions,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::keeping(KEEP).await
    }

    /// An instance that has just had some work, so that it keeps its slot after the next.
    pub(crate) async fn keeping(keep: Seconds) -> Self {
        let scene = Self::cold(keep).await;
        let first = scene.connection().await;
        assert!(matches!(first.held.outcome, ReleaseOutcome::Released), "{:?}", first.held);
        scene.server.is_left_alone().await;
        scene.counter.calls.store(0, Ordering::SeqCst);
        scene
    }

    /// An instance that has had no work yet.
    pub(crate) async fn cold(keep: Seconds) -> Self {
        let (server, counter) = (Server::plain().await, InMemory::new().await);
        let sessions = strict(&server, &counter, Class::Standard).await.keeping(warm(keep));
        Self { server, counter, sessions }
    }

    /// Does `work` within ten seconds, which ends well.
    pub(crate) async fn works<T>(&self, work: impl AsyncFnOnce(&mut Session) -> T) -> Admitted<T> {
        self.works_within(Duration::from_secs(10), work).await
    }

    pub(crate) async fn works_within<T>(
        &self,
        time: Duration,
        work: impl AsyncFnOnce(&mut Session) -> T,
    ) -> Admitted<T> {
        let came = self.sessions.hold(Deadline::within(time), work).await;
        let Admitted { value, held } = came.expect("a slot");
        Admitted { value: value.expect("a session"), held }
    }

    /// The connection that some work runs in.
    pub(crate) async fn connection(&self) -> Admitted<u64> {
        self.works(connection_id).await
    }

    /// Takes slots until this number is in use.
    pub(crate) async fn fill(&self, in_use: u32) -> Vec<LeaseId> {
        let mut taken = Vec::new();
        while self.counter.in_use().await < in_use {
            let lease = lease();
            let (store, pool) = (self.counter.store(), pool());
            let took =
                store.acquire(&Shard::first(&pool), lease, Seconds(60), Class::Standard).await;
            took.expect("a slot");
            taken.push(lease);
        }
        taken
    }

    /// Does something on the server that only an administrator may.
    pub(crate) async fn administer(&self, sql: &str) {
        let mut observer = self.server.observer().await;
        observer.query_drop(sql).await.expect("done");
        observer.disconnect().await.expect("disconnected");
    }

    /// Waits until the slot and the connection are back.
    pub(crate) async fn settles(&self) {
        self.server.is_left_alone().await;
        self.counter.settles_at(0).await;
    }
}

pub(crate) fn warm(keep: Seconds) -> Warm {
    Warm::new(keep, Warm::BELOW).expect("a time")
}

/// Sessions none of which is kept, in the server's database.
pub(crate) async fn strict(server: &Server, counter: &InMemory, class: Class) -> Sessions {
    strict_in(Some(server.mariadb.database()), server, counter, class).await
}

/// The same in another database, or in none.
pub(crate) async fn strict_in(
    database: Option<&str>,
    server: &Server,
    counter: &InMemory,
    class: Class,
) -> Sessions {
    let admission = Admission::new(Arc::new(counter.clone()), pool()).with_class(class);
    let admin = server.mariadb.admin();
    let secret = json!({
        "username": admin.user(), "password": admin.password(), "host": "127.0.0.1",
        "port": server.mariadb.port(), "dbname": database,
    });
    Sessions::new(admission, vault::secret(&secret).await, plain())
}

pub(crate) async fn connection_id(session: &mut Session) -> u64 {
    let id = session.query_first("SELECT CONNECTION_ID()").await;
    id.expect("an answer").expect("a row")
}

/// Runs statements, each of which works.
pub(crate) async fn run(session: &mut Session, statements: &[&str]) {
    for sql in statements {
        let ran = session.run(async |conn: &mut Conn| conn.query_drop(*sql).await).await;
        ran.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

/// Whether a slot and its connection were kept.
pub(crate) fn is_kept<T>(came: &Admitted<T>) -> bool {
    matches!(came.held.outcome, ReleaseOutcome::Kept)
}
