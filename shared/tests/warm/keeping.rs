//! Which slots are kept, and until when.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::hold::{Ended, HoldSession};
use futures::FutureExt;
use mysql_async::prelude::Queryable;
use rds_admission::client::{AdmissionError, ReleaseOutcome, Resumed};
use rds_admission::pool::Class;
use rds_admission::session::Session;
use rds_admission::session::SessionError;
use rds_admission::store::{PoolAdmin, SlotStore};
use rds_admission::time::{Deadline, Seconds};

use crate::scene::{KEEP, Scene, connection_id, is_kept, strict, warm};
use crate::server::Server;
use crate::support::counter::InMemory;
use crate::support::pool;

const UNTOUCHED: Option<Resumed> = Some(Resumed { renewed: false, replaced: false });

#[tokio::test]
async fn the_next_work_goes_on_with_the_slot_and_the_connection_and_asks_nobody() {
    let scene = Scene::new().await;
    // A lease of this length needs no renewal for what follows.
    let first = scene.works_within(Duration::from_secs(60), connection_id).await;
    assert!(is_kept(&first) && first.held.resumed.is_none());
    assert_eq!(scene.counter.in_use().await, 1);
    for _ in 0..5 {
        let next = scene.connection().await;
        assert!(is_kept(&next));
        assert_eq!((next.value, next.held.granted.lease), (first.value, first.held.granted.lease));
        assert_eq!(next.held.resumed, UNTOUCHED);
    }
    assert_eq!(scene.counter.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_instance_that_is_not_called_again_soon_keeps_nothing() {
    let scene = Scene::cold(Seconds(1)).await;
    assert!(!is_kept(&scene.connection().await), "it was never called before");
    assert!(is_kept(&scene.connection().await), "it was called just now");
    scene.settles().await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(!is_kept(&scene.connection().await), "it was called a while ago");
}

#[tokio::test]
async fn a_slot_is_given_back_while_the_pool_is_fuller_than_that() {
    let scene = Scene::new().await;
    // Of 60 standard slots, 42 are the share of 0.7: the one that is taken would be the 42nd.
    let others = scene.fill(41).await;
    let full = scene.connection().await;
    assert!(matches!(full.held.outcome, ReleaseOutcome::Released), "{:?}", full.held);
    assert_eq!(scene.counter.in_use().await, 41);
    scene.server.is_left_alone().await;

    scene.counter.store().release(&pool(), others[0], None).await.expect("an answer");
    assert!(is_kept(&scene.connection().await));
}

#[tokio::test]
async fn a_slot_that_is_kept_comes_back_when_a_renewal_tells_that_the_pool_has_filled() {
    let scene = Scene::keeping(Seconds(2)).await;
    assert!(is_kept(&scene.works_within(Duration::from_secs(3), connection_id).await));
    scene.fill(42).await;
    // The lease covers work of three seconds, and not of twenty.
    let renewed = scene.works_within(Duration::from_secs(20), connection_id).await;
    assert_eq!(renewed.held.resumed, Some(Resumed { renewed: true, replaced: false }));
    assert!(matches!(renewed.held.outcome, ReleaseOutcome::Released), "{:?}", renewed.held);
    assert_eq!(scene.counter.in_use().await, 41);
}

#[tokio::test]
async fn a_pool_that_drains_gets_its_slots_back() {
    let scene = Scene::keeping(Seconds(2)).await;
    assert!(is_kept(&scene.works_within(Duration::from_secs(3), connection_id).await));
    scene.counter.store().drain(&pool()).await.expect("the pool");
    let last = scene.works_within(Duration::from_secs(20), connection_id).await;
    assert!(matches!(last.held.outcome, ReleaseOutcome::Released), "{:?}", last.held);
    scene.settles().await;
}

#[tokio::test]
async fn a_slot_that_nobody_uses_is_given_back_before_the_server_ends_its_connection() {
    let scene = Scene::keeping(Seconds(2)).await;
    let mut observer = scene.server.observer().await;
    let mut aborted = async || -> Option<u32> {
        let status = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                      WHERE VARIABLE_NAME = 'ABORTED_CLIENTS'";
        observer.query_first(status).await.expect("an answer")
    };
    let before = aborted().await;
    assert!(is_kept(&scene.connection().await));
    scene.counter.settles_at(0).await;
    assert_eq!(aborted().await, before, "it said good-bye");
    assert!(scene.connection().await.held.resumed.is_none());
}

#[tokio::test]
async fn work_that_fails_keeps_the_slot_and_work_that_does_not_end_gives_it_back() {
    let scene = Scene::new().await;
    let failed = scene.works(async |session| session.query_first::<u8>("SELEKT 1").await).await;
    assert!(matches!(failed.value, Err(SessionError::Statement { .. })));
    assert!(is_kept(&failed));

    let deadline = Deadline::within(Duration::from_secs(2));
    let never = async |_: &mut Session| pending::<Result<(), Ended>>().await;
    let late = scene.sessions.with_session_reported(deadline, never).await;
    let out_of_time =
        matches!(late.result, Err(Ended::Admission(AdmissionError::OutOfTime { .. })));
    assert!(out_of_time, "{late:?}");
    let held = late.slot.expect("a report");
    assert_eq!(held.resumed, UNTOUCHED);
    assert!(matches!(held.outcome, ReleaseOutcome::Released));
    scene.settles().await;
}

#[tokio::test]
async fn a_panic_goes_on_after_the_slot_is_back() {
    let scene = Scene::new().await;
    assert!(is_kept(&scene.connection().await));
    let panics = scene.works(async |_| -> () { panic!("on purpose") });
    let panicked = AssertUnwindSafe(panics).catch_unwind().await;
    let panic = panicked.map(|came| came.value).expect_err("a panic");
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    assert_eq!(scene.counter.in_use().await, 0);
    scene.settles().await;
}

#[tokio::test]
async fn work_that_is_dropped_gives_its_slot_back_behind_itself() {
    let scene = Scene::new().await;
    assert!(is_kept(&scene.connection().await));
    let sleeps = scene.works(async |session| session.query_first::<u8>("SELECT SLEEP(60)").await);
    let dropped = tokio::time::timeout(Duration::from_millis(200), sleeps).await;
    assert!(dropped.is_err());
    scene.settles().await;
}

#[tokio::test]
async fn a_statement_that_was_abandoned_ends_the_connection() {
    let scene = Scene::new().await;
    let abandoned = scene.works(async |session| {
        let sleeps = session.query_first::<u8>("SELECT SLEEP(60)");
        tokio::time::timeout(Duration::from_millis(100), sleeps).await.is_err()
    });
    let abandoned = abandoned.await;
    assert!(abandoned.value && !is_kept(&abandoned), "{:?}", abandoned.held);
    scene.settles().await;
}

#[tokio::test]
async fn one_slot_is_kept_and_no_more() {
    let scene = Scene::new().await;
    let (barrier, other) = (tokio::sync::Barrier::new(2), tokio::sync::Barrier::new(2));
    let together = async |session: &mut _| {
        barrier.wait().await;
        let id = connection_id(session).await;
        other.wait().await;
        id
    };
    let (one, two) = tokio::join!(scene.works(together), scene.works(together));
    assert_ne!(one.value, two.value);
    assert!(is_kept(&one) != is_kept(&two), "{:?} {:?}", one.held, two.held);
    scene.counter.settles_at(1).await;
    scene.server.settles_at(1).await;
}

#[tokio::test]
async fn an_instance_that_ends_gives_back_what_it_keeps() {
    let Scene { server, counter, sessions } = Scene::new().await;
    let kept = sessions.hold(Deadline::within(Duration::from_secs(9)), connection_id).await;
    assert!(matches!(kept.expect("a slot").held.outcome, ReleaseOutcome::Kept));
    drop(sessions);
    counter.settles_at(0).await;
    server.is_left_alone().await;
}

#[tokio::test]
async fn strict_sessions_and_those_of_class_priority_are_not_kept() {
    let (server, counter) = (Server::plain().await, InMemory::new().await);
    let few = strict(&server, &counter, Class::Priority).await.keeping(warm(KEEP));
    for sessions in [strict(&server, &counter, Class::Standard).await, few] {
        for _ in 0..2 {
            let deadline = Deadline::within(Duration::from_secs(10));
            let came = sessions.hold(deadline, connection_id).await.expect("a slot");
            assert!(matches!(came.held.outcome, ReleaseOutcome::Released));
            assert_eq!(counter.in_use().await, 0);
            server.is_left_alone().await;
        }
    }
}
