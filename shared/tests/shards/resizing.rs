//! Changing the size and the number of shards of a pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use rds_admission::controller::Decision;
use rds_admission::pool::split::InvalidSplit;
use rds_admission::pool::{Class, Shard};
use rds_admission::store::{PoolAdmin, Renewed, SlotStore, StoreError};
use rds_admission::time::{FakeClock, Seconds};
use rds_admission::wire::AcquireAnswer;

use crate::support::dynamo::{Dynamo, START, TABLE};
use crate::support::{lease, pool};
use crate::{TTL, TestController, count, instance, shard_of, size, split_pool, take};

#[tokio::test]
async fn a_pool_grows_over_more_shards_while_it_is_in_use() {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let (old, operator) = (instance(&dynamo, &clock), instance(&dynamo, &clock));
    operator.store().define(&pool(), size(62, 2), None).await.expect("the pool");
    for _ in 0..60 {
        let asked = old.acquire(&pool(), lease(), TTL, Class::Standard, true).await;
        assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    }
    let grown = operator.store().resize(&pool(), size(130, 2), None).await.expect("the pool");
    assert_eq!((grown.shards, grown.size), (count(3), size(130, 2)));
    assert_eq!(grown.in_use(), 60);
    // The old instance knows one shard, and learns of the others from its rejection.
    let mut shards = BTreeMap::<_, u32>::new();
    while let Some(shard) = shard_of(&take(&old, lease()).await) {
        *shards.entry(shard).or_default() += 1;
    }
    assert_eq!(shards, BTreeMap::from([(1, 34), (2, 34)]));
    assert_eq!(old.store().known_shards(&pool()), Some(count(3)));
}

#[tokio::test]
async fn only_a_drained_and_empty_pool_gets_fewer_shards() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let store = controller.store();
    let in_use = |error| {
        let split = InvalidSplit::InUse { from: count(3), to: count(1) };
        matches!(error, StoreError::Split { source, .. } if source == split)
    };
    let held = lease();
    take(&controller, held).await;
    assert!(store.resize(&pool(), size(6, 0), Some(count(1))).await.is_err_and(in_use));
    store.drain(&pool()).await.expect("the pool");
    assert!(store.resize(&pool(), size(6, 0), Some(count(1))).await.is_err_and(in_use));
    controller.release(&pool(), held, None).await.expect("an answer");
    let whole = store.resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
    assert_eq!((whole.shards, whole.draining, whole.size), (count(1), true, size(6, 0)));
    let gone = store.peek(&Shard::new(pool(), 1)).await;
    assert!(matches!(gone, Err(StoreError::UnknownPool(_))));
    store.resume(&pool()).await.expect("the pool");
    let newcomer = instance(&dynamo, &clock);
    for _ in 0..6 {
        assert!(matches!(take(&newcomer, lease()).await.answer, AcquireAnswer::Granted(_)));
    }
    assert!(matches!(take(&newcomer, lease()).await.answer, AcquireAnswer::Refused(_)));
}

/// The state after a resize from three shards to one that stopped after its first write.
async fn write_only_the_first_item(dynamo: &Dynamo) {
    let update = dynamo.client.update_item().table_name(TABLE);
    update
        .key("RDBMSName", AttributeValue::S("Prod_MySQL".to_owned()))
        .update_expression("SET MaxConnections = :six, StandardLimit = :six REMOVE Shards")
        .expression_attribute_values(":six", AttributeValue::N("6".to_owned()))
        .send()
        .await
        .expect("an answer");
}

#[tokio::test]
async fn items_left_by_an_earlier_resize_are_removed_by_the_next() {
    for drained in [true, false] {
        let (dynamo, _clock, controller) = split_pool(6, 3).await;
        let store = controller.store();
        if drained {
            store.drain(&pool()).await.expect("the pool");
        }
        write_only_the_first_item(&dynamo).await;
        store.resume(&pool()).await.expect("the pool");
        store.resize(&pool(), size(5, 0), None).await.expect("the pool");
        assert!(store.peek(&Shard::new(pool(), 1)).await.is_ok());
        let whole = store.resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
        assert_eq!((whole.shards, whole.size), (count(1), size(6, 0)));
        assert_eq!(store.known_shards(&pool()), Some(count(1)));
        // A shard that grants slots is being added by another resize, and stays.
        for number in [1, 2] {
            let there = store.peek(&Shard::new(pool(), number)).await.is_ok();
            assert_eq!(there, !drained);
        }
    }
}

#[tokio::test]
async fn an_instance_that_knows_removed_shards_finds_the_others() {
    let (dynamo, clock, operator) = split_pool(6, 3).await;
    let (acquiring, releasing, renewing, storing) = (
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
        instance(&dynamo, &clock),
    );
    let all = [&acquiring, &releasing, &renewing, &storing];
    for stale in all {
        stale.store().read(&pool()).await.expect("the pool");
    }
    operator.store().drain(&pool()).await.expect("the pool");
    operator.store().resize(&pool(), size(6, 0), Some(count(1))).await.expect("the pool");
    operator.store().resume(&pool()).await.expect("the pool");
    // A lease whose first choice is a removed shard.
    let elsewhere = || {
        std::iter::repeat_with(lease).find(|lease| lease.home_shard(3) > 0).expect("one of them")
    };
    let asked = acquiring.acquire(&pool(), elsewhere(), TTL, Class::Standard, true).await;
    assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    let stored = take(&storing, elsewhere()).await.answer;
    assert!(matches!(stored, AcquireAnswer::Granted(_)), "{stored:?}");
    let held = elsewhere();
    take(&operator, held).await;
    let renewed = renewing.renew(&pool(), held, Seconds(60), None).await;
    assert!(matches!(renewed, Ok(Renewed::Until { .. })), "{renewed:?}");
    let released = releasing.release(&pool(), held, None).await;
    assert!(released.expect("an answer").released);
    for stale in all {
        stale.store().read(&pool()).await.expect("the pool");
        assert_eq!(stale.store().known_shards(&pool()), Some(count(1)));
    }
}

#[tokio::test]
async fn a_split_pool_drains_is_swept_and_is_removed_as_one() {
    let (_dynamo, clock, controller) = split_pool(6, 3).await;
    let store = controller.store();
    for _ in 0..6 {
        take(&controller, lease()).await;
    }
    assert!(!store.remove_unused(&pool()).await.expect("an answer"));
    assert!(!store.read(&pool()).await.expect("the pool").draining);
    assert!(store.drain(&pool()).await.expect("the pool").draining);
    clock.advance(Seconds(60));
    let swept = store.sweep(&pool()).await.expect("an answer");
    assert_eq!((swept.swept, swept.pool.in_use()), (6, 0));
    store.resume(&pool()).await.expect("the pool");
    let evicted = lease();
    take(&controller, evicted).await;
    assert!(store.evict(&pool(), evicted).await.expect("an answer").was_until.is_some());
    assert!(store.remove_unused(&pool()).await.expect("an answer"));
    for number in 0..3 {
        let gone = store.peek(&Shard::new(pool(), number)).await;
        assert!(matches!(gone, Err(StoreError::UnknownPool(_))), "{number}");
    }
}

/// The slots of each shard.
async fn slots_of(dynamo: &Dynamo, clock: &Arc<FakeClock>) -> Vec<u32> {
    let store = instance(dynamo, clock);
    let mut slots = Vec::new();
    let whole = store.store().read(&pool()).await.expect("the pool");
    for shard in Shard::all(&pool(), whole.shards) {
        slots.push(store.store().peek(&shard).await.expect("the shard").size.max_connections());
    }
    slots
}

/// A drained pool of 20 slots over two uneven shards: 13 and 7.
async fn uneven_pool() -> (Dynamo, Arc<FakeClock>, TestController) {
    let (dynamo, clock, controller) = split_pool(13, 1).await;
    let store = controller.store();
    store.resize(&pool(), size(20, 0), Some(count(2))).await.expect("the pool");
    store.drain(&pool()).await.expect("the pool");
    assert_eq!(slots_of(&dynamo, &clock).await, [13, 7]);
    (dynamo, clock, controller)
}

#[tokio::test]
async fn a_resize_that_stops_at_any_write_grants_no_slot_too_many() {
    // Slots that move, more shards, fewer shards, one shard; more slots, and fewer.
    for (slots, items) in [(20, 2), (20, 4), (12, 3), (20, 1), (28, 2), (8, 2), (28, 1)] {
        for writes in 0.. {
            let (dynamo, clock, _) = uneven_pool().await;
            let operator = instance(&dynamo, &clock);
            let known = operator.store().read(&pool()).await.expect("the pool");
            assert!(known.draining);
            dynamo.faults.fail_writes_after(writes);
            let stopped =
                operator.store().resize(&pool(), size(slots, 0), Some(count(items))).await;
            dynamo.faults.none();
            let most = slots.max(20);
            let there = slots_of(&dynamo, &clock).await;
            assert!(
                there.iter().sum::<u32>() <= most,
                "{there:?} after {writes} writes of {slots}"
            );
            // Resumed, and then used by instances that know the shards before and after.
            instance(&dynamo, &clock).store().resume(&pool()).await.expect("the pool");
            let mut granted = 0;
            for asking in [&operator, &instance(&dynamo, &clock)] {
                while is_granted(&take(asking, lease()).await) {
                    granted += 1;
                }
            }
            assert!(
                granted <= most,
                "{granted} slots after {writes} writes of {slots} over {items}"
            );
            match stopped {
                Ok(whole) => {
                    assert_eq!((whole.size, granted), (size(slots, 0), slots));
                    break;
                }
                Err(StoreError::Table { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

fn is_granted(decision: &Decision<AcquireAnswer>) -> bool {
    matches!(decision.answer, AcquireAnswer::Granted(_))
}

#[tokio::test]
async fn a_resize_that_stopped_is_completed_by_the_next() {
    for stop in 0..3 {
        let (dynamo, clock, controller) = uneven_pool().await;
        dynamo.faults.fail_writes_after(stop);
        let (store, pool) = (controller.store(), pool());
        let resize = || store.resize(&pool, size(20, 0), Some(count(4)));
        assert!(resize().await.is_err());
        dynamo.faults.none();
        resize().await.expect("the pool");
        assert_eq!(slots_of(&dynamo, &clock).await, [5; 4]);
    }
}
