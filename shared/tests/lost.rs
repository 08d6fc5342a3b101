//! Lost answers and throttled repetitions: a caller that may hold a slot is never rejected.

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::backend::{Backend, BackendError, LambdaBackend};
use rds_admission::client::{Admission, AdmissionError};
use rds_admission::controller::Controller;
use rds_admission::pool::{Class, Shard};
use rds_admission::store::{DynamoStore, SlotStore, StoreError};
use rds_admission::time::{Deadline, FakeClock, Seconds};
use rds_admission::wire::{AcquireAnswer, AcquireRequest, Reason, Refused, Request};
use support::counter::InMemory;
use support::dynamo::{Dynamo, TABLE};
use support::hold::HoldSlot;
use support::{lease, pool};
use tokio::net::TcpListener;

const TTL: Seconds = Seconds(35);

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Executed; the answer is lost.
    Lost,
    /// Executed; no answer comes.
    Silent,
    /// Not executed.
    Throttled,
    /// Executed and answered.
    Answered,
}
use Fate::{Answered, Lost, Silent, Throttled};

/// The outcomes of the next requests; any further ones are answered.
#[derive(Debug, Clone, Default)]
struct Fates(Arc<Mutex<VecDeque<Fate>>>);

impl Fates {
    fn are(&self, fates: &[Fate]) {
        *self.0.lock().expect("not poisoned") = fates.iter().copied().collect();
    }

    fn next(&self) -> Fate {
        self.0.lock().expect("not poisoned").pop_front().unwrap_or(Answered)
    }
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(20))
}

// Requests to the table.

/// Decides about the writes of a table's client.
#[derive(Debug, Clone, Default)]
struct Table {
    fates: Fates,
    this: Arc<Mutex<Option<Fate>>>,
}

impl Intercept for Table {
    fn name(&self) -> &'static str {
        "Table"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        let target = headers.get("x-amz-target").unwrap_or_default();
        let fate = if target.ends_with(".UpdateItem") { self.fates.next() } else { Answered };
        if fate == Throttled {
            headers.insert("x-amz-target", "DynamoDB_20120810.DescribeEndpoints");
        }
        *self.this.lock().expect("not poisoned") = Some(fate);
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (status, error) = match self.this.lock().expect("not poisoned").take() {
            Some(Throttled) => (400, "ProvisionedThroughputExceededException"),
            Some(Lost | Silent) => (500, "InternalServerError"),
            Some(Answered) | None => return Ok(()),
        };
        let body = format!(r#"{{"__type": "com.amazonaws.dynamodb.v20120810#{error}"}}"#);
        let response = context.response_mut();
        *response.status_mut() = status.try_into()?;
        *response.body_mut() = body.into();
        Ok(())
    }
}

type TableController = Controller<DynamoStore<Arc<FakeClock>>, Arc<FakeClock>>;

/// A pool in an embedded DynamoDB, and a controller whose writes meet these fates.
async fn table() -> (Dynamo, Fates, TableController) {
    let dynamo = Dynamo::start().await;
    let (_, clock) = dynamo.store().await;
    let table = Table::default();
    let config = dynamo.client.config().to_builder().interceptor(table.clone()).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let store = DynamoStore::new(client, TABLE, Arc::clone(&clock));
    let controller = Controller::new(store, clock, StdRng::seed_from_u64(1));
    (dynamo, table.fates, controller)
}

async fn in_use(controller: &TableController) -> u32 {
    controller.store().read(&pool()).await.expect("the pool").in_use()
}

/// Fates of which the table does not tell what they came to.
const IN_DOUBT: [&[Fate]; 3] =
    [&[Lost, Throttled], &[Lost, Lost, Throttled], &[Silent, Lost, Throttled]];

#[tokio::test]
async fn the_table_does_not_refuse_by_throttling_what_may_be_written() {
    let (_dynamo, fates, controller) = table().await;
    for (fate, out) in IN_DOUBT.into_iter().zip(1..) {
        fates.are(fate);
        let shard = Shard::first(&pool());
        let asked = controller.store().acquire(&shard, lease(), TTL, Class::Standard).await;
        assert!(matches!(asked, Err(StoreError::InDoubt { phase: "acquire", .. })), "{asked:?}");
        assert_eq!(in_use(&controller).await, out);
    }
    fates.are(&[Throttled]);
    let asked =
        controller.store().acquire(&Shard::first(&pool()), lease(), TTL, Class::Standard).await;
    assert!(matches!(asked, Err(StoreError::Throttled { .. })), "{asked:?}");
}

#[tokio::test]
async fn a_call_in_doubt_is_not_refused_and_one_that_is_certain_is() {
    for class in [Class::Standard, Class::Priority] {
        for fate in IN_DOUBT {
            let (_dynamo, fates, controller) = table().await;
            fates.are(fate);
            let asked = controller.acquire(&pool(), lease(), TTL, class, true).await;
            assert!(matches!(asked, Err(StoreError::InDoubt { .. })), "{asked:?}");
            assert_eq!(in_use(&controller).await, 1);
        }
        let (_dynamo, fates, controller) = table().await;
        fates.are(&[Throttled]);
        let asked = controller.acquire(&pool(), lease(), TTL, class, true).await;
        let answer = asked.expect("a decision").answer;
        let throttled =
            matches!(answer, AcquireAnswer::Refused(Refused { reason: Reason::Throttled, .. }));
        assert!(throttled, "{answer:?}");
        assert_eq!(in_use(&controller).await, 0);
    }
}

#[tokio::test]
async fn a_repeated_call_that_is_throttled_is_not_refused() {
    let (_dynamo, fates, controller) = table().await;
    let held = lease();
    for fate in [&[][..], &[Throttled], &[Lost, Throttled]] {
        fates.are(fate);
        let asked = controller.acquire(&pool(), held, TTL, Class::Standard, fate.is_empty()).await;
        match asked {
            Ok(decision) => assert!(
                fate.is_empty() && matches!(decision.answer, AcquireAnswer::Granted(_)),
                "{decision:?}"
            ),
            Err(error) => assert!(!fate.is_empty(), "{error:?}"),
        }
    }
    // When the table serves again, the same lease is granted.
    let again = controller.acquire(&pool(), held, TTL, Class::Standard, false).await;
    assert!(matches!(again.expect("a decision").answer, AcquireAnswer::Granted(_)));
    assert_eq!(in_use(&controller).await, 1);
}

#[tokio::test]
async fn a_table_backend_releases_a_lease_in_doubt() {
    let (_dynamo, fates, controller) = table().await;
    let admission = Admission::new(Arc::new(controller.clone()), pool());
    fates.are(&[Lost, Throttled]);
    let lost = admission.hold(soon(), async |_| panic!("without a slot")).await;
    assert!(matches!(lost, Err(AdmissionError::Unavailable { .. })), "{lost:?}");
    settles_at_none(async || in_use(&controller).await).await;
}

#[tokio::test]
async fn an_anonymous_slot_in_doubt_is_released_by_the_controller() {
    for fate in [&[Lost, Throttled][..], &[Lost, Lost, Lost]] {
        let mut left = 1;
        // A busy machine may exceed the release's time limit, but not every time.
        for _ in 0..5 {
            let (_dynamo, fates, controller) = table().await;
            fates.are(fate);
            controller
                .answer(&Request::LegacyAcquire { pool: pool() })
                .await
                .expect_err("not known");
            left = in_use(&controller).await;
            if left == 0 {
                break;
            }
        }
        assert_eq!(left, 0, "{fate:?}");
    }
}

async fn settles_at_none(in_use: impl AsyncFn() -> u32) {
    let settled = async {
        while in_use().await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), settled).await.expect("the slot comes back");
}

// Requests to the counter.

/// Lambda with a counter in memory; `fates` are the outcomes of the acquires.
struct Lambda {
    counter: InMemory,
    fates: Fates,
    releases: Arc<Mutex<u32>>,
    client: aws_sdk_lambda::Client,
}

impl Lambda {
    /// Starts with a client whose attempts time out after `patience`.
    async fn start(patience: Duration) -> Self {
        let counter = InMemory::new().await;
        let (fates, releases) = (Fates::default(), Arc::new(Mutex::new(0)));
        let state = (counter.clone(), fates.clone(), Arc::clone(&releases));
        let invoke = move |payload: Bytes| {
            let (counter, fates, releases) = state.clone();
            async move { invoked(&counter, &fates, &releases, &payload).await }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        // The service's configuration, except for the timeout.
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&endpoint)
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .timeout_config(timeouts)
            .build();
        let client = aws_sdk_lambda::Client::from_conf(config);
        Self { counter, fates, releases, client }
    }

    fn counter(&self) -> LambdaBackend {
        LambdaBackend::new(self.client.clone(), "counter")
    }

    fn releases(&self) -> u32 {
        *self.releases.lock().expect("not poisoned")
    }
}

async fn invoked(
    counter: &InMemory,
    fates: &Fates,
    releases: &Mutex<u32>,
    payload: &[u8],
) -> Response {
    let request = Request::from_json(payload).expect("a request");
    let fate = match request {
        Request::Acquire { .. } => fates.next(),
        _ => Answered,
    };
    if let Request::Release { .. } = request {
        *releases.lock().expect("not poisoned") += 1;
    }
    if fate == Throttled {
        let kind = [("x-amzn-errortype", "TooManyRequestsException")];
        return (StatusCode::TOO_MANY_REQUESTS, kind, r#"{"message": "Rate Exceeded."}"#)
            .into_response();
    }
    let answer = counter.answer(&request).await.to_string();
    match fate {
        Silent => std::future::pending().await,
        Lost => {
            let broken = async { Err::<Bytes, _>(std::io::Error::other("it breaks")) };
            Body::from_stream(futures::stream::once(broken)).into_response()
        }
        Answered | Throttled => answer.into_response(),
    }
}

/// 1 s if some answer never comes, else longer than a slow machine needs.
fn patience(fates: &[Fate]) -> Duration {
    Duration::from_secs(if fates.contains(&Silent) { 1 } else { 10 })
}

#[tokio::test]
async fn an_invoke_that_is_throttled_at_last_may_have_been_decided_before() {
    for fates in [
        &[Lost, Throttled, Throttled, Throttled][..],
        &[Silent, Throttled, Throttled, Throttled],
        &[Lost, Lost, Throttled, Throttled],
        &[Throttled, Lost, Throttled, Throttled],
        &[Throttled, Silent, Throttled, Throttled],
        &[Throttled, Throttled, Lost, Throttled],
        &[Lost, Lost, Lost, Lost],
    ] {
        let lambda = Lambda::start(patience(fates)).await;
        lambda.fates.are(fates);
        let admission = Admission::new(Arc::new(lambda.counter()), pool());
        let lost = admission.hold(soon(), async |_| panic!("without a slot")).await;
        let Err(AdmissionError::Unavailable { source }) = lost else {
            panic!("{fates:?}: {lost:?}")
        };
        assert!(source.may_have_decided(), "{fates:?}: {source:?}");
        settles_at_none(async || lambda.counter.in_use().await).await;
        assert!(lambda.releases() > 0, "{fates:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_in_the_end_is_the_answer() {
    for fates in [&[Lost][..], &[Silent], &[Throttled], &[Lost, Throttled], &[Throttled, Lost]] {
        let lambda = Lambda::start(patience(fates)).await;
        lambda.fates.are(fates);
        let admission = Admission::new(Arc::new(lambda.counter()), pool());
        let admitted = admission.hold(soon(), async |_| lambda.counter.in_use().await).await;
        assert_eq!(admitted.expect("a slot").value, 1, "{fates:?}");
        assert_eq!(lambda.counter.in_use().await, 0, "{fates:?}");
    }
}

#[tokio::test]
async fn an_invoke_that_was_throttled_each_time_decided_nothing_and_costs_no_release() {
    let lambda = Lambda::start(patience(&[Throttled; 4])).await;
    lambda.fates.are(&[Throttled; 4]);
    let admission = Admission::new(Arc::new(lambda.counter()), pool());
    let refused = admission.hold(soon(), async |_| panic!("without a slot")).await;
    let Err(AdmissionError::Unavailable { source }) = refused else { panic!("{refused:?}") };
    assert!(matches!(source, BackendError::Throttled { .. }), "{source:?}");
    // If the caller repeats by itself, an earlier attempt may have been decided.
    for (attempt, certain) in [(Some(1), true), (Some(2), false), (None, false)] {
        lambda.fates.are(&[Throttled; 4]);
        let attempt = attempt.and_then(std::num::NonZeroU32::new);
        let (lease, ttl, class) = (lease(), TTL, Class::Standard);
        let acquire = AcquireRequest { pool: pool(), lease, ttl, class, attempt };
        let error = lambda.counter().acquire(&acquire).await.expect_err("it is throttled");
        assert_eq!(error.may_have_decided(), !certain, "{attempt:?}: {error:?}");
    }
    assert_eq!((lambda.counter.in_use().await, lambda.releases()), (0, 0));
}
