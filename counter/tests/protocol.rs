//! The counter's two protocols, on a store in memory and a fake clock.

use std::num::NonZeroU32;
use std::sync::Arc;

use counter::{Counter, CounterError, Limiter};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::{Controller, Decision};
use rds_admission::pool::{ANONYMOUS_LEASE, PoolSize};
use rds_admission::store::{MemoryStore, PoolAdmin};
use rds_admission::time::{FakeClock, SKEW_ALLOWANCE, Seconds, UnixSeconds};
use rds_admission::wire::{Answer, Request};
use serde_json::{Value, json};

struct World {
    counter: Counter<MemoryStore<Arc<FakeClock>>, Arc<FakeClock>>,
    clock: Arc<FakeClock>,
}

impl World {
    /// A pool of the template's size, and a counter with this rate limit.
    async fn deciding(decisions: u32) -> Self {
        let clock = Arc::new(FakeClock::at(UnixSeconds(1_764_000_000)));
        let store = MemoryStore::new(Arc::clone(&clock));
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        store.define(&"Prod_MySQL".parse().expect("a name"), size, None).await.expect("a pool");
        let limiter = Limiter::per_second(NonZeroU32::new(decisions).expect("not 0"));
        let dice = StdRng::seed_from_u64(7);
        let controller = Controller::new(store, Arc::clone(&clock), dice);
        Self { counter: Counter::new(controller, limiter), clock }
    }

    async fn unhurried() -> Self {
        Self::deciding(100_000).await
    }

    async fn answer(&self, payload: Value) -> Result<Decision<Answer>, CounterError> {
        self.counter.answer(&Request::parse(&payload)?).await
    }

    async fn says(&self, payload: Value) -> Value {
        let answer = self.answer(payload).await.expect("an answer").answer;
        serde_json::to_value(answer).expect("JSON")
    }

    async fn in_use(&self) -> Value {
        self.says(json!({"op": "status", "RDBMSName": "Prod_MySQL"})).await["inUse"].take()
    }
}

fn increment(flag: bool) -> Value {
    json!({"incrementCounter": flag, "RDBMSName": "Prod_MySQL"})
}

fn acquire(n: u32, ttl: u32) -> Value {
    json!({
        "op": "acquire", "RDBMSName": "Prod_MySQL", "lease": format!("lease{n:03}"), "ttlSeconds": ttl,
    })
}

fn release(n: u32) -> Value {
    json!({"op": "release", "RDBMSName": "Prod_MySQL", "lease": format!("lease{n:03}")})
}

#[tokio::test]
async fn the_articles_callers_take_60_are_refused_the_61st_and_give_them_back() {
    let world = World::unhurried().await;
    for _ in 0..60 {
        assert_eq!(world.says(increment(true)).await, json!(true));
    }
    assert_eq!(world.says(increment(true)).await, json!(false));
    for _ in 0..60 {
        assert_eq!(world.says(increment(false)).await, json!(true));
    }
    assert_eq!(world.says(increment(false)).await, json!(false));
    assert_eq!(world.in_use().await, 0);
}

#[tokio::test]
async fn the_articles_callers_that_crash_are_recovered() {
    let world = World::unhurried().await;
    for _ in 0..60 {
        world.says(increment(true)).await;
    }
    world.clock.advance(ANONYMOUS_LEASE);
    assert_eq!(world.says(increment(true)).await, json!(false));
    world.clock.advance(SKEW_ALLOWANCE);
    let taken = world.answer(increment(true)).await.expect("an answer");
    assert_eq!(taken.answer.taken_over(), 60);
    assert_eq!(serde_json::to_value(taken.answer).expect("JSON"), json!(true));
    assert_eq!(world.in_use().await, 1);
}

#[tokio::test]
async fn a_lease_is_granted_renewed_released_and_then_gone() {
    let world = World::unhurried().await;
    let granted = json!({
        "granted": true, "lease": "lease001", "expiresAt": 1_764_000_035_u64, "inUse": 1,
        "maxConnections": 62, "filling": {"inUse": 1, "standardLimit": 60},
    });
    assert_eq!(world.says(acquire(1, 35)).await, granted);
    assert_eq!(world.says(acquire(1, 35)).await, granted);
    world.clock.advance(Seconds(10));
    let renew =
        json!({"op": "renew", "RDBMSName": "Prod_MySQL", "lease": "lease001", "ttlSeconds": 35});
    let renewed = json!({
        "renewed": true, "expiresAt": 1_764_000_045_u64,
        "filling": {"inUse": 1, "standardLimit": 60},
    });
    assert_eq!(world.says(renew.clone()).await, renewed);
    assert_eq!(world.says(release(1)).await, json!({"released": true, "inUse": 0}));
    assert_eq!(world.says(release(1)).await, json!({"released": false, "inUse": 0}));
    assert_eq!(world.says(renew).await, json!({"renewed": false}));
}

#[tokio::test]
async fn status_counts_what_has_expired() {
    let world = World::unhurried().await;
    world.says(acquire(1, 5)).await;
    world.says(acquire(2, 500)).await;
    world.clock.advance(Seconds(7));
    let status = world.says(json!({"op": "status", "RDBMSName": "Prod_MySQL"})).await;
    let expected = json!({
        "inUse": 2, "maxConnections": 62, "standardLimit": 60, "expired": 1, "draining": false,
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn a_sweep_takes_what_has_expired_and_grants_nothing() {
    let world = World::unhurried().await;
    world.says(acquire(1, 5)).await;
    world.says(acquire(2, 500)).await;
    world.clock.advance(Seconds(7));
    let sweep = json!({"op": "sweep", "RDBMSName": "Prod_MySQL"});
    let swept = |expired| {
        json!({
            "expired": expired, "inUse": 1, "maxConnections": 62, "standardLimit": 60,
            "draining": false,
        })
    };
    let first = world.answer(sweep.clone()).await.expect("an answer");
    assert_eq!((first.answer.outcome(), first.in_use), ("swept", Some(1)));
    assert_eq!(serde_json::to_value(first.answer).expect("JSON"), swept(1));
    assert_eq!(world.says(sweep).await, swept(0));
    assert_eq!(world.says(release(2)).await["released"], true);
}

#[tokio::test]
async fn a_pool_that_drains_says_so_and_lets_go_on_what_holds_a_slot() {
    let world = World::unhurried().await;
    world.says(acquire(1, 35)).await;
    let pool = "Prod_MySQL".parse().expect("a name");
    world.counter.store().drain(&pool).await.expect("the pool");
    let mut priority = acquire(2, 35);
    priority["class"] = json!("priority");
    for refused in [acquire(3, 35), priority] {
        let said = world.says(refused).await;
        assert_eq!((&said["granted"], &said["reason"]), (&json!(false), &json!("draining")));
        assert_eq!((&said["inUse"], &said["maxConnections"]), (&json!(1), &json!(62)));
    }
    assert_eq!(world.says(increment(true)).await, json!(false));
    let status = world.says(json!({"op": "status", "RDBMSName": "Prod_MySQL"})).await;
    assert_eq!(status["draining"], true);
    let renew =
        json!({"op": "renew", "RDBMSName": "Prod_MySQL", "lease": "lease001", "ttlSeconds": 50});
    assert_eq!(world.says(renew).await["renewed"], true);
    assert_eq!(world.says(release(1)).await, json!({"released": true, "inUse": 0}));
    world.counter.store().resume(&pool).await.expect("the pool");
    assert_eq!(world.says(acquire(3, 35)).await["granted"], true);
}

#[tokio::test]
async fn a_caller_may_not_do_what_an_operator_may() {
    let world = World::unhurried().await;
    for op in ["drain", "resume", "resize", "evict", "define"] {
        let error = world.answer(json!({"op": op, "RDBMSName": "Prod_MySQL"})).await;
        assert_eq!(error.expect_err("it is refused").error_type(), "InvalidRequest", "{op}");
    }
}

#[tokio::test]
async fn a_full_pool_says_so_and_when_to_come_back() {
    let world = World::unhurried().await;
    for n in 0..60 {
        world.says(acquire(n, 35)).await;
    }
    let mut pauses = std::collections::BTreeSet::new();
    for n in 60..80 {
        let refused = world.says(acquire(n, 35)).await;
        assert_eq!((&refused["granted"], &refused["reason"]), (&json!(false), &json!("full")));
        assert_eq!((&refused["inUse"], &refused["maxConnections"]), (&json!(60), &json!(62)));
        let pause = refused["retryAfterMs"].as_u64().expect("a number");
        assert!((250..1_750).contains(&pause), "{pause}");
        pauses.insert(pause);
    }
    assert!(pauses.len() > 10, "refused callers are spread: {pauses:?}");
    let mut priority = acquire(99, 35);
    priority["class"] = json!("priority");
    assert_eq!(world.says(priority).await["inUse"], 61);
}

#[tokio::test]
async fn a_flood_is_throttled_but_what_holds_a_slot_never_waits() {
    let world = World::deciding(1).await;
    let first = |n| {
        let mut first = acquire(n, 35);
        first["attempt"] = json!(1);
        first
    };
    assert_eq!(world.says(first(1)).await["granted"], true);
    for n in 2..20 {
        let refused = world.says(first(n)).await;
        assert_eq!((&refused["granted"], &refused["reason"]), (&json!(false), &json!("throttled")));
        assert_eq!(world.says(increment(true)).await, json!(false));
    }
    assert_eq!(world.in_use().await, 1);
    let renew =
        json!({"op": "renew", "RDBMSName": "Prod_MySQL", "lease": "lease001", "ttlSeconds": 5});
    assert_eq!(world.says(renew).await["renewed"], true);
    assert_eq!(world.says(release(1)).await["released"], true);
    assert_eq!(world.says(increment(false)).await, json!(false));
}

#[tokio::test]
async fn a_call_that_may_be_repeated_is_asked_of_the_table_however_many_there_are() {
    let world = World::deciding(1).await;
    let attempts = [None, Some(2), Some(3), Some(u32::MAX)];
    for n in 0..40 {
        // The first attempt was granted, and its answer lost.
        let mut call = acquire(n, 35);
        if let Some(attempt) = attempts[n as usize % attempts.len()] {
            call["attempt"] = json!(attempt);
        }
        assert_eq!(world.says(call.clone()).await["granted"], true, "{call}");
        assert_eq!(world.says(call.clone()).await["granted"], true, "{call}");
    }
    assert_eq!(world.in_use().await, 40);
}

#[tokio::test]
async fn what_is_wrong_has_its_type_and_changes_nothing() {
    let world = World::unhurried().await;
    let errors = [
        (json!({"incrementCounter": "maybe", "RDBMSName": "Prod_MySQL"}), "InvalidRequest"),
        (acquire(1, 0), "InvalidRequest"),
        (acquire(1, 100_000), "InvalidRequest"),
        (json!({"incrementCounter": true, "RDBMSName": "nobody"}), "UnknownPool"),
        (json!({"op": "status", "RDBMSName": "nobody"}), "UnknownPool"),
    ];
    for (payload, error_type) in errors {
        let error = world.answer(payload.clone()).await.expect_err("it is an error");
        assert_eq!(error.error_type(), error_type, "{payload}");
    }
    assert_eq!(world.in_use().await, 0);
}
