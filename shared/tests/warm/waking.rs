//! What an instance does with a kept slot that is called again: late, or after something has happened to it.
//!
//! An instance that is frozen runs nothing: here its one thread sleeps.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use rds_admission::client::Resumed;
use rds_admission::store::SlotStore;
use rds_admission::time::Seconds;

use crate::scene::{Scene, connection_id, is_kept};
use crate::support::pool;

/// Work of this length has a lease of 3 + 5 + 2 seconds.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_lease_that_is_too_short_for_the_work_is_renewed_by_one_call() {
    let scene = Scene::keeping(Seconds(2)).await;
    let first = scene.works_within(SHORT, connection_id).await;
    let renewed = scene.works_within(LONG, connection_id).await;
    assert_eq!(renewed.held.resumed, Some(Resumed { renewed: true, replaced: false }));
    assert_eq!(
        (renewed.value, renewed.held.granted.lease),
        (first.value, first.held.granted.lease)
    );
    assert_eq!(scene.counter.calls.load(Ordering::SeqCst), 2);
    // The lease is long enough for this one.
    assert!(!scene.works_within(SHORT, connection_id).await.held.resumed.expect("kept").renewed);
    assert_eq!(scene.counter.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_statement_may_take_as_long_as_the_renewed_lease_lets_it() {
    let scene = Scene::keeping(Seconds(2)).await;
    scene.works_within(SHORT, connection_id).await;
    let limit = "SELECT @@max_statement_time";
    let renewed =
        scene.works_within(LONG, async |session| session.query_first::<f64>(limit).await).await;
    let limit = renewed.value.expect("an answer").expect("a row");
    assert!((15.0..20.0).contains(&limit), "{limit}");
}

#[tokio::test]
async fn a_lease_that_was_lost_is_followed_by_another_one_and_another_connection() {
    let scene = Scene::keeping(Seconds(2)).await;
    let first = scene.works_within(SHORT, connection_id).await;
    scene
        .counter
        .store()
        .release(&pool(), first.held.granted.lease, None)
        .await
        .expect("an answer");
    let replaced = scene.works_within(LONG, connection_id).await;
    assert!(replaced.held.resumed.is_none() && replaced.held.lost);
    assert_ne!(replaced.held.granted.lease, first.held.granted.lease);
    assert_ne!(replaced.value, first.value);
    assert_eq!(scene.counter.in_use().await, 1);
    scene.server.settles_at(1).await;
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_not_relied_on_and_its_slot_comes_back() {
    let scene = Scene::keeping(Seconds(2)).await;
    let first = scene.works_within(SHORT, connection_id).await;
    scene.counter.lost_renewals.store(1, Ordering::SeqCst);
    let replaced = scene.works_within(LONG, connection_id).await;
    assert!(replaced.held.resumed.is_none() && is_kept(&replaced));
    // For all that is known, it was renewed.
    assert!(!replaced.held.lost);
    assert_ne!(replaced.held.granted.lease, first.held.granted.lease);
    scene.counter.settles_at(1).await;
}

#[tokio::test]
async fn a_dead_connection_without_autocommit_is_replaced_under_the_same_slot() {
    let scene = Scene::new().await;
    scene.administer("SET GLOBAL autocommit = 0").await;
    let first = scene.works_within(LONG, connection_id).await;
    scene.administer(&format!("KILL {}", first.value)).await;
    let replaced = scene.works(connection_id).await;
    assert_eq!(replaced.held.resumed, Some(Resumed { renewed: false, replaced: true }));
    assert_eq!(replaced.held.granted.lease, first.held.granted.lease);
    assert_ne!(replaced.value, first.value);
}

#[tokio::test]
async fn a_dead_connection_is_replaced_under_the_same_slot_and_work_runs_once() {
    let scene = Scene::new().await;
    scene.administer("CREATE TABLE demodb2.t (n INT)").await;
    let first = scene.works_within(LONG, connection_id).await;
    scene.administer(&format!("KILL {}", first.value)).await;
    let replaced = scene
        .works(async |session| {
            let inserted =
                session.run(async |conn| conn.query_drop("INSERT INTO t VALUES (1)").await);
            inserted.await.expect("it works");
            connection_id(session).await
        })
        .await;
    assert_eq!(replaced.held.resumed, Some(Resumed { renewed: false, replaced: true }));
    assert_eq!(replaced.held.granted.lease, first.held.granted.lease);
    assert_ne!(replaced.value, first.value);
    assert!(is_kept(&replaced));
    let mut observer = scene.server.observer().await;
    let rows: Option<u32> =
        observer.query_first("SELECT COUNT(*) FROM demodb2.t").await.expect("an answer");
    assert_eq!(rows, Some(1));
    assert_eq!(scene.counter.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_on_a_connection_that_dies_under_it_fails_and_is_not_done_again() {
    let scene = Scene::new().await;
    let first = scene.connection().await;
    let failed = scene
        .works(async |session| {
            scene.administer(&format!("KILL {}", first.value)).await;
            session.query_first::<u8>("SELECT 1").await
        })
        .await;
    assert!(failed.value.is_err() && !is_kept(&failed), "{failed:?}");
    scene.settles().await;
    assert!(scene.connection().await.held.resumed.is_none());
}

/// Ends when the server has ended the service's connections, by itself.
fn until_the_server_has_ended_it(scene: &Scene) {
    let opts = scene.server.mariadb.observer_opts();
    let user = scene.server.mariadb.admin().user().to_owned();
    let watch = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut observer = mysql_async::Conn::new(opts).await.expect("an observer");
            let count = format!(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}'"
            );
            while observer.query_first(&count).await.expect("an answer") != Some(0) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    });
    watch.join().expect("it ends");
}

#[tokio::test]
async fn the_server_ends_the_connection_of_a_frozen_instance_which_opens_another_one() {
    let scene = Scene::keeping(Seconds(2)).await;
    let first = scene.works_within(LONG, connection_id).await;
    until_the_server_has_ended_it(&scene);
    let replaced = scene.works_within(LONG, connection_id).await;
    let resumed = replaced.held.resumed.expect("the slot was still its own");
    assert!(resumed.replaced);
    assert_eq!(replaced.held.granted.lease, first.held.granted.lease);
    assert_ne!(replaced.value, first.value);
}

#[tokio::test]
async fn an_instance_that_was_frozen_past_its_lease_starts_replaced() {
    let scene = Scene::keeping(Seconds(1)).await;
    // A lease of 2 + 5 + 1 seconds, whose last five are the grace.
    let first = scene.works_within(Duration::from_secs(2), connection_id).await;
    until_the_server_has_ended_it(&scene);
    thread::sleep(Duration::from_secs(3));
    let replaced = scene.works_within(LONG, connection_id).await;
    assert!(replaced.held.resumed.is_none());
    assert_ne!(replaced.held.granted.lease, first.held.granted.lease);
    // It is not called often enough to keep that one.
    scene.counter.settles_at(0).await;
}
