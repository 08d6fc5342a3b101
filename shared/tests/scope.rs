//! The scope gives the slot back on every way out.

mod support;

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use rds_admission::backend::{Backend, BackendFuture, BackendKind};
use rds_admission::client::{Admission, AdmissionError, Phase, ReleaseOutcome, SlotError};
use rds_admission::pool::{Class, Shard};
use rds_admission::store::SlotStore;
use rds_admission::time::{Deadline, SKEW_ALLOWANCE, Seconds};
use rds_admission::wire::{
    AcquireAnswer, AcquireRequest, Reason, ReleaseAnswer, ReleaseRequest, RenewAnswer, RenewRequest,
};
use support::counter::InMemory;
use support::hold::HoldSlot;

fn admission(counter: &InMemory) -> Admission {
    Admission::new(Arc::new(counter.clone()), support::pool())
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(10))
}

#[tokio::test]
async fn a_value_comes_with_how_the_slot_was_held() {
    let counter = InMemory::new().await;
    let admitted = admission(&counter)
        .hold(soon(), async |slot| (slot.lease(), counter.in_use().await))
        .await
        .expect("a slot");
    assert_eq!(admitted.value, (admitted.held.granted.lease, 1));
    assert!(matches!(admitted.held.outcome, ReleaseOutcome::Released));
    assert_eq!((admitted.held.granted.in_use, admitted.held.granted.max_connections), (1, 62));
    assert_eq!(counter.in_use().await, 0);
}

#[tokio::test]
async fn who_takes_over_expired_leases_hears_of_it() {
    let counter = InMemory::new().await;
    let (pool, ttl) = (support::pool(), Seconds(0));
    for _ in 0..60 {
        let crashed = support::lease();
        counter
            .store()
            .acquire(&Shard::first(&pool), crashed, ttl, Class::Standard)
            .await
            .expect("a slot");
    }
    // Clocks may differ by so much, and tell whole seconds.
    tokio::time::sleep(Duration::from(SKEW_ALLOWANCE) + Duration::from_secs(1)).await;
    let taken_over = async || {
        admission(&counter)
            .hold(soon(), async |_| ())
            .await
            .expect("a slot")
            .held
            .granted
            .taken_over
    };
    assert_eq!((taken_over().await, taken_over().await), (60, 0));
}

#[tokio::test]
async fn an_error_is_a_value() {
    let counter = InMemory::new().await;
    let failed = admission(&counter).hold(soon(), async |_| Err::<(), _>("no")).await;
    assert_eq!(failed.expect("a slot").value, Err("no"));
    assert_eq!(counter.in_use().await, 0);
}

#[tokio::test]
async fn a_panic_goes_on_after_the_slot_is_back() {
    let counter = InMemory::new().await;
    let admission = admission(&counter);
    let work = admission.hold(soon(), async |_| -> () { panic!("on purpose") });
    let panicked = std::panic::AssertUnwindSafe(work).catch_unwind().await;
    assert_eq!(panicked.expect_err("a panic").downcast_ref(), Some(&"on purpose"));
    assert_eq!(counter.in_use().await, 0);
}

#[tokio::test]
async fn work_that_takes_too_long_is_dropped_and_its_slot_is_back_before_the_deadline() {
    let counter = InMemory::new().await;
    let deadline = Deadline::within(Duration::from_millis(1_200));
    let never = async |_| pending::<Result<(), AdmissionError>>().await;
    let late = admission(&counter).with_slot_reported(deadline, never).await;
    let out_of_time = matches!(late.result, Err(AdmissionError::OutOfTime { phase: Phase::Work }));
    assert!(out_of_time, "{late:?}");
    let held = late.slot.expect("a report");
    assert!(matches!(held.outcome, ReleaseOutcome::Released));
    assert!(!deadline.left().is_zero());
    assert_eq!(counter.in_use().await, 0);
}

/// A counter that never answers a release.
struct Silent(InMemory);

impl Backend for Silent {
    fn kind(&self) -> BackendKind {
        BackendKind::Counter
    }

    fn acquire<'a>(&'a self, request: &'a AcquireRequest) -> BackendFuture<'a, AcquireAnswer> {
        self.0.acquire(request)
    }

    fn renew<'a>(&'a self, request: &'a RenewRequest) -> BackendFuture<'a, RenewAnswer> {
        self.0.renew(request)
    }

    fn release<'a>(&'a self, _: &'a ReleaseRequest) -> BackendFuture<'a, ReleaseAnswer> {
        Box::pin(pending())
    }
}

#[tokio::test]
async fn a_release_that_is_not_answered_leaves_its_holder_time_to_say_so() {
    let admission = Admission::new(Arc::new(Silent(InMemory::new().await)), support::pool());
    let mut left = Duration::ZERO;
    // A machine that does something else for a moment takes the time away: not every time.
    for _ in 0..5 {
        let deadline = Deadline::within(Duration::from_millis(1_500));
        let admitted = admission.hold(deadline, async |_| 3).await.expect("a slot");
        left = deadline.left();
        assert_eq!(admitted.value, 3);
        assert!(matches!(admitted.held.outcome, ReleaseOutcome::Failed(None)));
        if !left.is_zero() {
            break;
        }
    }
    assert!(!left.is_zero());
}

#[tokio::test]
async fn a_scope_that_is_dropped_gives_its_slot_back_behind_itself() {
    let counter = InMemory::new().await;
    {
        let admission = admission(&counter);
        let mut scope = std::pin::pin!(admission.hold(soon(), async |_| pending::<()>().await));
        while counter.in_use().await == 0 {
            assert!(scope.as_mut().now_or_never().is_none());
        }
    }
    counter.settles_at(0).await;
}

#[tokio::test]
async fn a_connection_that_is_not_known_to_be_gone_leaves_the_lease_to_lapse() {
    let counter = InMemory::new().await;
    let held = admission(&counter)
        .hold(soon(), async |slot| drop(slot.connecting()))
        .await
        .expect("a slot")
        .held;
    assert!(matches!(held.outcome, ReleaseOutcome::LeftToLapse));
    assert_eq!(counter.in_use().await, 1);
}

#[tokio::test]
async fn the_slot_waits_for_a_connection_that_is_closed_in_the_background() {
    let counter = InMemory::new().await;
    let held = admission(&counter)
        .hold(soon(), async |slot| {
            let token = slot.connecting().expect("the only one");
            let counter = counter.clone();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                assert_eq!(counter.in_use().await, 1);
                token.gone();
            });
        })
        .await
        .expect("a slot")
        .held;
    assert!(matches!(held.outcome, ReleaseOutcome::Released));
    assert_eq!(counter.in_use().await, 0);
}

#[tokio::test]
async fn a_clone_of_a_slot_is_worth_nothing_once_its_scope_has_ended() {
    let counter = InMemory::new().await;
    let kept = admission(&counter).hold(soon(), async |slot| slot).await.expect("a slot");
    assert_eq!(kept.value.connecting().err(), Some(SlotError::GivenBack));

    // Of work that was dropped, too, while the release is yet to be made.
    let (admission, mut kept) = (admission(&counter), None);
    let stays = admission.hold(soon(), async |slot| {
        kept = Some(slot);
        pending::<()>().await;
    });
    tokio::time::timeout(Duration::from_millis(50), stays).await.expect_err("it stays");
    assert_eq!(kept.expect("a slot").connecting().err(), Some(SlotError::GivenBack));
}

#[tokio::test]
async fn a_release_that_fails_is_tried_again() {
    let counter = InMemory::new().await;
    counter.failing_releases.store(3, Ordering::SeqCst);
    let held = admission(&counter).hold(soon(), async |_| ()).await.expect("a slot").held;
    assert!(matches!(held.outcome, ReleaseOutcome::Released));
    assert_eq!(counter.in_use().await, 0);
}

#[tokio::test]
async fn a_release_that_never_works_is_left_to_the_lease_and_the_value_is_kept() {
    let counter = InMemory::new().await;
    counter.failing_releases.store(u32::MAX, Ordering::SeqCst);
    let deadline = Deadline::within(Duration::from_millis(1_500));
    let admitted = admission(&counter).hold(deadline, async |_| 7).await.expect("a slot");
    assert_eq!(admitted.value, 7);
    assert!(matches!(admitted.held.outcome, ReleaseOutcome::Failed(Some(_))));
}

#[tokio::test]
async fn a_grant_whose_answer_was_lost_is_given_back_and_nothing_runs() {
    let counter = InMemory::new().await;
    counter.lost_grants.store(1, Ordering::SeqCst);
    let lost = admission(&counter).hold(soon(), async |_| panic!("without a slot")).await;
    assert!(matches!(lost, Err(AdmissionError::Unavailable { .. })));
    counter.settles_at(0).await;
}

#[tokio::test]
async fn without_a_slot_nothing_runs_and_the_caller_learns_when_to_come_back() {
    let counter = InMemory::new().await;
    let admission = admission(&counter);
    let mut scopes = Vec::new();
    for held in 0..60 {
        let mut scope = Box::pin(admission.hold(soon(), async |_| pending::<()>().await));
        assert!(scope.as_mut().now_or_never().is_none());
        scopes.push(scope);
        assert_eq!(counter.in_use().await, held + 1);
    }
    let refused = admission.hold(soon(), async |_| panic!("without a slot")).await;
    let Err(AdmissionError::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!((refused.reason, refused.in_use), (Reason::Full, Some(60)));

    let priority =
        Admission::new(Arc::new(counter.clone()), support::pool()).with_class(Class::Priority);
    assert!(priority.hold(soon(), async |_| ()).await.is_ok());
    drop(scopes);
    counter.settles_at(0).await;
}
