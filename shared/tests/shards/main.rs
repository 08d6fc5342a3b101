//! Pools that are split over several items, on an embedded DynamoDB.

mod granting;
mod property;
mod resizing;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::controller::{Controller, Decision};
use rds_admission::pool::{Class, LeaseId, PoolSize};
use rds_admission::store::{DynamoStore, PoolAdmin};
use rds_admission::time::{FakeClock, Seconds};
use rds_admission::wire::AcquireAnswer;
use support::dynamo::{Dynamo, START, TABLE};
use support::pool;

type TestStore = DynamoStore<Arc<FakeClock>>;
type TestController = Controller<TestStore, Arc<FakeClock>>;

const TTL: Seconds = Seconds(35);

fn size(slots: u32, priority: u32) -> PoolSize {
    PoolSize::divide(slots, 0, priority).expect("a size")
}

fn count(shards: u32) -> NonZeroU32 {
    NonZeroU32::new(shards).expect("not 0")
}

/// A new instance, with an empty cache.
fn instance(dynamo: &Dynamo, clock: &Arc<FakeClock>) -> TestController {
    let store = DynamoStore::new(dynamo.client.clone(), TABLE, Arc::clone(clock));
    Controller::new(store, Arc::clone(clock), StdRng::seed_from_u64(1))
}

async fn split_pool(slots: u32, shards: u32) -> (Dynamo, Arc<FakeClock>, TestController) {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let controller = instance(&dynamo, &clock);
    let defined = controller.store().define(&pool(), size(slots, 0), Some(count(shards))).await;
    defined.expect("the pool");
    (dynamo, clock, controller)
}

/// Acquires with table requests, whatever is cached.
async fn take(controller: &TestController, lease: LeaseId) -> Decision<AcquireAnswer> {
    controller.acquire(&pool(), lease, TTL, Class::Standard, false).await.expect("an answer")
}

fn shard_of(decision: &Decision<AcquireAnswer>) -> Option<u32> {
    match &decision.answer {
        AcquireAnswer::Granted(granted) => Some(granted.shard.expect("it is split")),
        AcquireAnswer::Refused(_) => None,
    }
}
