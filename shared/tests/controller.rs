//! The requests that a controller sends to an embedded DynamoDB.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use futures::future::join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::{Controller, Decision, RequestCounts};
use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::store::{DynamoStore, PoolAdmin, SlotStore};
use rds_admission::time::{FakeClock, Seconds};
use rds_admission::wire::{AcquireAnswer, AcquireRequest, Granted, Reason, Request};
use support::dynamo::{Dynamo, TABLE};
use support::{lease, pool};

type TestController = Controller<DynamoStore<Arc<FakeClock>>, Arc<FakeClock>>;

const TTL: Seconds = Seconds(35);

/// The counts of a decision without a request.
const NOTHING: RequestCounts = RequestCounts { writes: 0, peeks: 0 };

async fn world() -> (Dynamo, Arc<FakeClock>, TestController) {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let controller = Controller::new(store, Arc::clone(&clock), StdRng::seed_from_u64(1));
    (dynamo, clock, controller)
}

async fn acquire(
    controller: &TestController,
    lease: LeaseId,
    new: bool,
) -> Decision<AcquireAnswer> {
    controller.acquire(&pool(), lease, TTL, Class::Standard, new).await.expect("an answer")
}

fn refused(decision: &Decision<AcquireAnswer>) -> Option<Reason> {
    match &decision.answer {
        AcquireAnswer::Refused(refused) => Some(refused.reason),
        AcquireAnswer::Granted(_) => None,
    }
}

/// Acquires all standard slots through another instance, and lets this one see it.
async fn fill(controller: &TestController) -> Vec<LeaseId> {
    let leases: Vec<_> = std::iter::repeat_with(lease).take(60).collect();
    for lease in &leases {
        controller
            .store()
            .acquire(&Shard::first(&pool()), *lease, TTL, Class::Standard)
            .await
            .expect("a slot");
    }
    assert_eq!(refused(&acquire(controller, lease(), true).await), Some(Reason::Full));
    leases
}

/// Retries until a slot is granted; the cache allows it within 10 s.
async fn eventually(controller: &TestController) -> Decision<AcquireAnswer> {
    let granted = async {
        loop {
            let asked = acquire(controller, lease(), true).await;
            if refused(&asked).is_none() {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), granted).await.expect("granted in time")
}

/// Creates contention: few of many callers get a slot.
async fn rush(controller: &TestController) {
    for _ in 0..200 {
        acquire(controller, lease(), true).await;
    }
}

#[tokio::test]
async fn an_uncontended_pool_is_attempted_without_a_peek() {
    let (_dynamo, _, controller) = world().await;
    for _ in 0..60 {
        let asked = acquire(&controller, lease(), true).await;
        assert_eq!(
            (refused(&asked), asked.requests),
            (None, RequestCounts { writes: 1, peeks: 0 })
        );
    }
}

#[tokio::test]
async fn under_contention_most_are_rejected_without_a_request_and_the_others_after_a_peek() {
    let (dynamo, _, controller) = world().await;
    fill(&controller).await;
    dynamo.capacity.take();
    let mut looks = 0;
    for _ in 0..300 {
        let asked = acquire(&controller, lease(), true).await;
        assert_eq!(refused(&asked), Some(Reason::Full));
        assert_eq!((asked.in_use, asked.max_connections), (Some(60), Some(62)));
        assert_eq!(asked.requests.writes, 0);
        looks += asked.requests.peeks;
    }
    let (units, requests) = dynamo.capacity.take();
    assert_eq!((requests, units), (looks, vec![0.5; looks as usize]));
    assert!((1..150).contains(&looks), "{looks}");
}

#[tokio::test]
async fn concurrent_callers_share_a_peek() {
    let (dynamo, _, controller) = world().await;
    fill(&controller).await;
    dynamo.capacity.take();
    let all = join_all((0..50).map(|_| acquire(&controller, lease(), true))).await;
    let looks: u32 = all.iter().map(|asked| asked.requests.peeks).sum();
    assert!(all.iter().all(|asked| refused(asked) == Some(Reason::Full)));
    // All of them arrived before the first answer.
    assert_eq!((looks, dynamo.capacity.take().1), (1, 1));
}

#[tokio::test]
async fn a_dropped_caller_takes_no_peek_and_no_slot_from_the_others() {
    let (_dynamo, _, controller) = world().await;
    let leases = fill(&controller).await;
    controller.release(&pool(), leases[0], None).await.expect("an answer");
    let mut first = Box::pin(acquire(&controller, lease(), true));
    // The caller that sent the peek is dropped.
    assert!(futures::poll!(&mut first).is_pending());
    let others = join_all((0..20).map(|_| acquire(&controller, lease(), true)));
    drop(first);
    let granted = others.await.iter().filter(|asked| refused(asked).is_none()).count();
    assert!(granted <= 1);
    if granted == 0 {
        eventually(&controller).await;
    }
    assert_eq!(controller.store().read(&pool()).await.expect("the pool").in_use(), 60);
}

#[tokio::test]
async fn a_repeated_acquire_is_not_rejected_from_the_cache() {
    let (_dynamo, _, controller) = world().await;
    let granted = fill(&controller).await;
    rush(&controller).await;
    for held in granted {
        let again = acquire(&controller, held, false).await;
        assert_eq!(
            (refused(&again), again.requests),
            (None, RequestCounts { writes: 1, peeks: 0 })
        );
    }
}

#[tokio::test]
async fn the_attempt_number_marks_a_repeated_acquire() {
    let (_dynamo, _, controller) = world().await;
    let held = fill(&controller).await[0];
    rush(&controller).await;
    for attempt in [None, Some(2), Some(7)] {
        let request = Request::Acquire(AcquireRequest {
            pool: pool(),
            lease: held,
            ttl: TTL,
            class: Class::Standard,
            attempt: attempt.and_then(NonZeroU32::new),
        });
        let answered = controller.answer(&request).await.expect("an answer");
        let answer = serde_json::to_value(answered.answer).expect("JSON");
        let answer: AcquireAnswer = serde_json::from_value(answer).expect("an answer");
        assert!(matches!(answer, AcquireAnswer::Granted(_)), "{attempt:?}");
        assert_eq!(answered.requests, RequestCounts { writes: 1, peeks: 0 });
    }
}

#[tokio::test]
async fn priority_is_not_rejected_from_the_cache() {
    let (_dynamo, _, controller) = world().await;
    fill(&controller).await;
    rush(&controller).await;
    for _ in 0..2 {
        let asked = controller.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
        assert_eq!(refused(&asked.expect("an answer")), None);
    }
}

#[tokio::test]
async fn a_draining_pool_rejects_with_that_reason() {
    let (_dynamo, _, controller) = world().await;
    controller.store().drain(&pool()).await.expect("the pool");
    for _ in 0..100 {
        assert_eq!(refused(&acquire(&controller, lease(), true).await), Some(Reason::Draining));
    }
    controller.store().resume(&pool()).await.expect("the pool");
    eventually(&controller).await;
}

#[tokio::test]
async fn an_expired_lease_is_a_free_slot() {
    let (_dynamo, clock, controller) = world().await;
    fill(&controller).await;
    rush(&controller).await;
    clock.advance(Seconds(60));
    let granted = eventually(&controller).await;
    assert!(
        matches!(granted.answer, AcquireAnswer::Granted(Granted { taken_over: 60, .. })),
        "{granted:?}"
    );
}

const THROTTLED: &str =
    r#"{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#;

/// Throttles every request to the table while it is on.
#[derive(Debug, Clone, Default)]
struct Throttle(Arc<AtomicBool>);

impl Intercept for Throttle {
    fn name(&self) -> &'static str {
        "Throttle"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.load(Ordering::SeqCst) {
            let response = context.response_mut();
            *response.status_mut() = 400.try_into()?;
            *response.body_mut() = THROTTLED.into();
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_throttled_acquire_is_rejected_at_once_and_later_ones_send_fewer_requests() {
    let (dynamo, clock, _) = world().await;
    let throttle = Throttle::default();
    let config = dynamo.client.config().to_builder().interceptor(throttle.clone()).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let store = DynamoStore::new(client, TABLE, Arc::clone(&clock));
    let controller = Controller::new(store, clock, StdRng::seed_from_u64(1));
    acquire(&controller, lease(), true).await;
    throttle.0.store(true, Ordering::SeqCst);
    dynamo.capacity.take();
    let asked = acquire(&controller, lease(), true).await;
    assert_eq!(refused(&asked), Some(Reason::Throttled));
    assert_eq!(dynamo.capacity.take().1, 1, "it is not retried");
    let mut for_nothing = 0;
    for _ in 0..400 {
        let asked = acquire(&controller, lease(), true).await;
        assert_eq!(refused(&asked), Some(Reason::Throttled));
        for_nothing += u32::from(asked.requests == NOTHING);
    }
    let requests = dynamo.capacity.take().1;
    assert!(requests < 100, "{requests} requests for 400 callers, {for_nothing} for nothing");
    throttle.0.store(false, Ordering::SeqCst);
    eventually(&controller).await;
}

#[tokio::test]
async fn a_rejection_in_this_process_is_what_the_wire_carries() {
    let (_dynamo, _, controller) = world().await;
    fill(&controller).await;
    for _ in 0..20 {
        let rejected = acquire(&controller, lease(), true).await.answer;
        let AcquireAnswer::Refused(rejected) = rejected else { panic!("{rejected:?}") };
        let json = serde_json::to_value(AcquireAnswer::Refused(rejected.clone())).expect("JSON");
        let read: AcquireAnswer = serde_json::from_value(json).expect("an answer");
        assert!(matches!(read, AcquireAnswer::Refused(read) if read == rejected), "{rejected:?}");
    }
}
