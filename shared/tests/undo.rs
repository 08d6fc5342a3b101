//! What a session leaves open is rolled back before its slot is given back: the server hangs up first and rolls back
//! then, and its thread counts as a connection until that is done.

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/watching.rs"]
mod watching;

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::session::{Session, SessionOptions};
use rds_admission::time::{Deadline, Seconds};
use server::{Server, plain};
use support::counter::InMemory;
use support::hold::{Admitted, HoldSlot};
use tokio::sync::Notify;
use watching::Watching;

/// This number of changed rows takes the server a tenth of a second to roll back, and more. A release takes less than a
/// hundredth.
const ROWS: u32 = 100_000;

/// Long enough for what is done in the background to have been done.
const SOON: Duration = Duration::from_millis(500);

struct Scene {
    server: Server,
    watching: Watching<InMemory>,
}

impl Scene {
    async fn new() -> Self {
        let server = Server::plain().await;
        let mut observer = server.observer().await;
        for sql in [
            "USE demodb2".to_owned(),
            "CREATE TABLE demodb2.t (id INT PRIMARY KEY, n INT) ENGINE = InnoDB".to_owned(),
            format!("INSERT INTO demodb2.t SELECT seq, 0 FROM seq_1_to_{ROWS}"),
            "CREATE PROCEDURE demodb2.leaves_open() BEGIN START TRANSACTION; UPDATE t SET n = n + 1; END"
                .to_owned(),
        ] {
            observer.query_drop(sql).await.expect("done");
        }
        let watching = Watching::new(InMemory::new().await, observer);
        Self { server, watching }
    }

    fn admission(&self) -> Admission {
        Admission::new(Arc::new(self.watching.clone()), support::pool())
    }

    /// A session in which these statements were run.
    async fn session(&self, slot: &Slot, statements: &[&str]) -> Session {
        self.session_with(plain(), slot, statements).await
    }

    async fn session_with(
        &self,
        options: SessionOptions,
        slot: &Slot,
        statements: &[&str],
    ) -> Session {
        let opened = Session::open(slot, &options, &self.server.credentials()).await;
        let mut session = opened.expect("a session");
        for sql in statements {
            let ran = session.run(async |conn: &mut Conn| conn.query_drop(*sql).await).await;
            ran.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        session
    }

    /// Does `work` under a slot, within half a minute.
    async fn works<T>(&self, work: impl AsyncFnOnce(Slot) -> T) -> Admitted<T> {
        self.admission().hold(soon(), work).await.expect("a slot")
    }

    /// Once the slot is back: nothing was open when it was given back, and nothing was changed.
    async fn nothing_was_left(&self, how: &str) {
        self.watching.counter.settles_at(0).await;
        let releases = self.watching.releases();
        assert!(releases.iter().all(|open| *open == 0), "{how}: {releases:?}");
        let mut observer = self.server.observer().await;
        let changed: Option<u64> =
            observer.query_first("SELECT COUNT(*) FROM demodb2.t WHERE n <> 0").await.expect(how);
        assert_eq!(changed, Some(0), "{how}");
        observer.disconnect().await.expect("disconnected");
    }

    /// The slot was left to its lease, by a release that never came.
    async fn is_left_to_lapse(&self) {
        self.server.is_left_alone().await;
        tokio::time::sleep(SOON).await;
        assert_eq!(self.watching.releases(), Vec::<u64>::new());
        assert_eq!(self.watching.counter.in_use().await, 1);
    }
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(30))
}

const CHANGE: &str = "UPDATE t SET n = n + 1";

#[tokio::test]
async fn a_transaction_that_is_left_open_is_rolled_back_before_the_slot_is_back() {
    let scene = Scene::new().await;
    let ways: &[(&str, &[&str])] = &[
        ("a transaction", &["BEGIN", CHANGE]),
        ("no autocommit", &["SET autocommit = 0", CHANGE]),
        ("one that follows another", &["SET completion_type = CHAIN", "BEGIN", CHANGE]),
        ("one that ends the session", &["SET completion_type = 2", "BEGIN", CHANGE]),
        ("a procedure", &["CALL leaves_open()"]),
        ("prepared", &["BEGIN", "PREPARE p FROM 'UPDATE t SET n = n + 1'", "EXECUTE p"]),
    ];
    for (how, statements) in ways {
        let dropped = scene.works(async |slot| drop(scene.session(&slot, statements).await)).await;
        assert!(!matches!(dropped.held.outcome, ReleaseOutcome::Failed(_)), "{how}");
        scene.nothing_was_left(how).await;
    }
}

#[tokio::test]
async fn however_its_holder_ends() {
    let scene = Scene::new().await;
    let open = ["BEGIN", CHANGE];

    let failed = scene
        .works(async |slot| {
            let mut session = scene.session(&slot, &open).await;
            session.run(async |conn: &mut Conn| conn.query_drop("SELEKT").await).await
        })
        .await;
    failed.value.expect_err("a mistake");
    scene.nothing_was_left("an error").await;

    scene.works(async |slot| scene.session(&slot, &open).await.close().await).await;
    scene.nothing_was_left("closed").await;

    let panics = scene.works(async |slot| -> () {
        let _session = scene.session(&slot, &open).await;
        panic!("on purpose")
    });
    AssertUnwindSafe(panics).catch_unwind().await.map(drop).expect_err("a panic");
    scene.nothing_was_left("a panic").await;

    // In the midst of a closure that has the connection, between two statements.
    let panics = scene.works(async |slot| {
        let mut session = scene.session(&slot, &[]).await;
        let broke = session.run(async |conn: &mut Conn| -> Result<(), _> {
            conn.query_drop("BEGIN").await?;
            conn.query_drop(CHANGE).await?;
            panic!("on purpose")
        });
        broke.await
    });
    AssertUnwindSafe(panics).catch_unwind().await.map(drop).expect_err("a panic");
    scene.nothing_was_left("a panic between statements").await;

    let (admission, changed) = (scene.admission(), Notify::new());
    let stays = admission.hold(soon(), async |slot| {
        let _session = scene.session(&slot, &open).await;
        changed.notify_one();
        pending::<()>().await;
    });
    tokio::select! {
        _ = stays => unreachable!("it stays"),
        () = changed.notified() => {}
    }
    scene.nothing_was_left("dropped").await;
}

#[tokio::test]
async fn one_that_can_not_be_rolled_back_leaves_the_slot_to_its_lease() {
    let scene = Scene::new().await;
    let distributed = ["XA START 'x'", CHANGE];
    let held = scene.works(async |slot| drop(scene.session(&slot, &distributed).await)).await.held;
    assert!(matches!(held.outcome, ReleaseOutcome::LeftToLapse), "{held:?}");
    scene.is_left_to_lapse().await;
}

#[tokio::test]
async fn a_statement_that_is_abandoned_in_a_transaction_leaves_the_slot_to_its_lease() {
    let scene = Scene::new().await;
    let held = scene
        .works(async |slot| {
            let mut session = scene.session(&slot, &["BEGIN", CHANGE]).await;
            let sleeps = session.query_first::<u8>("SELECT SLEEP(1)");
            tokio::time::timeout(Duration::from_millis(200), sleeps).await.map(drop)
        })
        .await;
    held.value.expect_err("it was abandoned");
    assert!(matches!(held.held.outcome, ReleaseOutcome::LeftToLapse), "{:?}", held.held);
    scene.is_left_to_lapse().await;
}

#[tokio::test]
async fn and_so_does_one_that_may_have_begun_a_transaction() {
    let scene = Scene::new().await;
    let held = scene
        .works(async |slot| {
            let mut session = scene.session(&slot, &[]).await;
            let calls = session.query_first::<u8>("CALL leaves_open()");
            tokio::time::timeout(Duration::from_millis(5), calls).await.map(drop)
        })
        .await;
    held.value.expect_err("it was abandoned");
    scene.is_left_to_lapse().await;
}

#[tokio::test]
async fn a_server_that_ends_a_session_in_a_transaction_leaves_the_slot_to_its_lease() {
    let scene = Scene::new().await;
    let held = scene
        .works(async |slot| {
            let options = SessionOptions { idle: Seconds(1), ..plain() };
            let session = scene.session_with(options, &slot, &["BEGIN", CHANGE]).await;
            scene.server.is_left_alone().await;
            session
        })
        .await
        .held;
    assert!(matches!(held.outcome, ReleaseOutcome::LeftToLapse), "{held:?}");
    scene.is_left_to_lapse().await;
}

#[tokio::test]
async fn an_answer_that_was_not_read_and_a_statement_that_was_only_prepared_tell_nothing() {
    let scene = Scene::new().await;
    let mut observer = scene.server.observer().await;
    let procedure = "CREATE PROCEDURE demodb2.answers_first() BEGIN \
         SELECT seq FROM seq_1_to_10; START TRANSACTION; UPDATE t SET n = n + 1; END";
    observer.query_drop(procedure).await.expect("a procedure");
    scene
        .works(async |slot| {
            let mut session = scene.session(&slot, &[]).await;
            let some = session.run(async |conn: &mut Conn| {
                let mut rows = conn.query_iter("CALL answers_first()").await?;
                rows.next().await.map(drop)
            });
            some.await.expect("an answer");
        })
        .await;
    scene.nothing_was_left("not read").await;

    scene
        .works(async |slot| {
            let mut session = scene.session(&slot, &["BEGIN", CHANGE]).await;
            let prepares = session.run(async |conn: &mut Conn| {
                // The driver takes this statement's id and columns for an OK that says "autocommit".
                while conn.prep("SELECT 1, 2").await?.id() < 252 {}
                Ok(())
            });
            prepares.await.expect("prepared");
        })
        .await;
    scene.nothing_was_left("prepared").await;
}
