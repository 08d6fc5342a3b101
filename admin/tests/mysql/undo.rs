//! An open transaction is rolled back before its slot is released. MySQL removes a thread from its lists before the
//! rollback, but still counts its connection.

use std::sync::Arc;
use std::time::Duration;

use crate::hold::HoldSlot;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rds_admission::client::{Admission, ReleaseOutcome, Slot};
use rds_admission::session::{Session, SessionError};
use rds_admission::store::SlotStore;
use rds_admission::time::Deadline;

use crate::server::MySql;
use crate::watching::Watching;
use crate::{counter, pool, slot};

/// Enough changed rows for a rollback of more than 0.1 s.
const ROWS: u32 = 100_000;

/// Creates the table, and returns a connection of root.
async fn prepared(mysql: &MySql) -> Conn {
    let mut observer = mysql.observer().await;
    for sql in [
        "USE demodb2".to_owned(),
        format!("SET cte_max_recursion_depth = {ROWS}"),
        "CREATE TABLE t (id INT PRIMARY KEY, n INT)".to_owned(),
        format!(
            "INSERT INTO t WITH RECURSIVE ids AS (SELECT 1 id UNION ALL SELECT id + 1 FROM ids \
             WHERE id < {ROWS}) SELECT id, 0 FROM ids"
        ),
        "CREATE PROCEDURE leaves_open() BEGIN START TRANSACTION; UPDATE t SET n = n + 1; END"
            .to_owned(),
    ] {
        observer.query_drop(sql).await.expect("done");
    }
    observer
}

async fn leaves_open(mysql: &MySql, slot: &Slot, statements: &[&str]) {
    let opened = Session::open(slot, &mysql.options(), &mysql.credentials()).await;
    let mut session = opened.expect("a session");
    for sql in statements {
        let ran = session.run(async |conn: &mut Conn| conn.query_drop(*sql).await).await;
        ran.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn an_open_transaction_is_rolled_back_before_the_release() {
    let mysql = MySql::start().await;
    let observer = prepared(&mysql).await;
    let watching = Watching::new(counter().await, observer);
    let change = "UPDATE t SET n = n + 1";
    let ways: &[&[&str]] = &[
        &["BEGIN", change],
        &["SET autocommit = 0", change],
        &["SET completion_type = CHAIN", "BEGIN", change],
        &["CALL leaves_open()"],
    ];
    for (done, statements) in ways.iter().enumerate() {
        let admission = Admission::new(Arc::new(watching.clone()), pool());
        let deadline = Deadline::within(Duration::from_secs(30));
        let work = async |slot: Slot| leaves_open(&mysql, &slot, statements).await;
        let held = admission.hold(deadline, work).await.expect("a slot").held;
        assert!(!matches!(held.outcome, ReleaseOutcome::Failed(_)), "{statements:?}");
        let settled = async {
            while watching.counter.store().read(&pool()).await.expect("a pool").in_use() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("the slot is back");
        assert_eq!(watching.releases(), vec![0; done + 1], "{statements:?}");
    }
}

#[tokio::test]
#[ignore = "needs MySQL: make mysql"]
async fn a_writer_waits_for_a_table_no_longer_than_its_limit() {
    let mysql = MySql::start().await;
    let mut observer = prepared(&mysql).await;
    observer.query_drop("LOCK TABLES t WRITE").await.expect("a lock");
    // The limit is 2 s. MySQL's own statement limit is for SELECT only.
    let slot = slot(6);
    let opened = Session::open(&slot, &mysql.options(), &mysql.credentials()).await;
    let mut session = opened.expect("a session");
    let writes = session.run(async |conn: &mut Conn| conn.query_drop("UPDATE t SET n = 1").await);
    let refused = writes.await.expect_err("it times out");
    assert!(matches!(refused, SessionError::Statement { .. }), "{refused:?}");
    assert!(!slot.lease_left().is_zero());
}
