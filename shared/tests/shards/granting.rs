//! Acquiring, renewing and releasing slots of a split pool.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt};
use rds_admission::pool::{Class, Shard};
use rds_admission::store::{PoolAdmin, Renewed, SlotStore, StoreError};
use rds_admission::time::{FakeClock, Seconds};
use rds_admission::wire::{AcquireAnswer, Granted};

use crate::support::dynamo::{Dynamo, START, TABLE};
use crate::support::{lease, pool};
use crate::{TTL, count, instance, shard_of, size, split_pool, take};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_a_thousand_slots_gives_a_thousand_and_not_one_more() {
    let (dynamo, clock) = (Dynamo::start().await, Arc::new(FakeClock::at(START)));
    let one = instance(&dynamo, &clock);
    one.store().define(&pool(), size(1_000, 0), None).await.expect("the pool");
    // Class priority skips the cache, and has no slots of its own here.
    let instances = [one, instance(&dynamo, &clock), instance(&dynamo, &clock)];
    let granted = stream::iter(0..1_100)
        .map(|n| {
            let controller = &instances[n % instances.len()];
            async move {
                let lease = lease();
                let asked = controller.acquire(&pool(), lease, TTL, Class::Priority, true).await;
                shard_of(&asked.expect("an answer")).map(|shard| (lease, shard))
            }
        })
        .buffer_unordered(128)
        .filter_map(std::future::ready)
        .collect::<Vec<_>>()
        .await;
    assert_eq!(granted.len(), 1_000);
    let store = instances[0].store();
    let whole = store.read(&pool()).await.expect("the pool");
    assert_eq!((whole.in_use(), whole.size.max_connections()), (1_000, 1_000));
    for shard in Shard::all(&pool(), whole.shards) {
        let seen = store.peek(&shard).await.expect("the shard");
        assert_eq!(seen.in_use(), seen.size.max_connections(), "{shard}");
    }
    let leases: BTreeSet<_> = granted.iter().map(|(lease, _)| *lease).collect();
    assert_eq!(leases, whole.leases.keys().copied().collect());
    for (n, (lease, shard)) in granted.into_iter().enumerate() {
        // Some without the shard.
        let shard = (!n.is_multiple_of(20)).then_some(shard);
        assert!(instances[2].release(&pool(), lease, shard).await.expect("an answer").released);
    }
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 0);
}

#[tokio::test]
async fn a_slot_of_a_large_pool_costs_two_write_units() {
    let (dynamo, _, controller) = split_pool(1_000, 17).await;
    dynamo.capacity.take();
    for _ in 0..200 {
        let lease = lease();
        let asked = controller.acquire(&pool(), lease, TTL, Class::Standard, true).await;
        let shard = shard_of(&asked.expect("an answer"));
        assert!(controller.release(&pool(), lease, shard).await.expect("an answer").released);
        assert_eq!(dynamo.capacity.take(), (vec![1.0; 2], 2));
    }
}

#[tokio::test]
async fn an_instance_learns_the_number_of_shards_from_the_first_answer() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let newcomer = instance(&dynamo, &clock);
    assert_eq!(newcomer.store().known_shards(&pool()), None);
    let mut shards = Vec::new();
    for _ in 0..6 {
        let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
        shards.push(shard_of(&asked.expect("an answer")).expect("a slot"));
    }
    assert_eq!(newcomer.store().known_shards(&pool()), Some(count(3)));
    shards.sort_unstable();
    assert_eq!(shards, [0, 0, 1, 1, 2, 2]);
    assert_eq!(shard_of(&take(&controller, lease()).await), None);
}

#[tokio::test]
async fn a_repeated_acquire_finds_its_lease_in_any_shard() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let mut granted = BTreeMap::new();
    for _ in 0..6 {
        let lease = lease();
        granted.insert(lease, shard_of(&take(&controller, lease).await).expect("a slot"));
    }
    // Also where the shard of its first choice has room again.
    for (lease, shard) in &granted {
        for repeated in [&controller, &instance(&dynamo, &clock)] {
            assert_eq!(shard_of(&take(repeated, *lease).await), Some(*shard));
        }
        assert_eq!(controller.store().read(&pool()).await.expect("the pool").in_use(), 6);
    }
    let (first, rest) = (granted.first_key_value(), granted.iter().skip(1));
    let (gone, _) = first.expect("six of them");
    controller.release(&pool(), *gone, None).await.expect("an answer");
    for (lease, shard) in rest {
        let renewed = controller.renew(&pool(), *lease, Seconds(60), None).await;
        assert!(matches!(renewed, Ok(Renewed::Until { .. })));
        assert_eq!(shard_of(&take(&controller, *lease).await), Some(*shard));
    }
    assert_eq!(controller.store().read(&pool()).await.expect("the pool").in_use(), 5);
}

#[tokio::test]
async fn a_repeated_call_finds_its_lease_after_a_split() {
    let (dynamo, clock, operator) = split_pool(4, 1).await;
    let stale = instance(&dynamo, &clock);
    stale.store().read(&pool()).await.expect("the pool");
    assert_eq!(stale.store().known_shards(&pool()), Some(count(1)));
    operator.store().drain(&pool()).await.expect("the pool");
    operator.store().resize(&pool(), size(4, 0), Some(count(2))).await.expect("the pool");
    operator.store().resume(&pool()).await.expect("the pool");
    // Its first attempt was granted in the second shard, by an instance that knows it.
    let second = || std::iter::repeat_with(lease).find(|lease| lease.home_shard(2) == 1);
    let held = second().expect("one of them");
    take(&operator, held).await;
    operator.store().drain(&pool()).await.expect("the pool");
    let repeated = stale.acquire(&pool(), held, TTL, Class::Standard, false).await;
    let answer = repeated.expect("an answer").answer;
    let in_shard_1 = matches!(answer, AcquireAnswer::Granted(Granted { shard: Some(1), .. }));
    assert!(in_shard_1, "{answer:?}");
}

#[tokio::test]
async fn a_pool_with_a_deleted_shard_grants_from_the_others() {
    let (dynamo, clock, controller) = split_pool(6, 3).await;
    let deleted = dynamo.client.delete_item().table_name(TABLE);
    let key = AttributeValue::S("Prod_MySQL#2".to_owned());
    deleted.key("RDBMSName", key).send().await.expect("an answer");
    let unknown = |error| matches!(error, StoreError::UnknownPool(_));
    assert!(controller.store().read(&pool()).await.is_err_and(unknown));
    // The other shards still grant slots.
    let newcomer = instance(&dynamo, &clock);
    for _ in 0..4 {
        let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
        assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Granted(_)));
    }
    let asked = newcomer.acquire(&pool(), lease(), TTL, Class::Priority, true).await;
    assert!(matches!(asked.expect("an answer").answer, AcquireAnswer::Refused(_)));
}

#[tokio::test]
async fn an_expired_lease_is_subject_to_the_limit_of_every_shard() {
    let (_dynamo, clock, controller) = split_pool(6, 2).await;
    let store = controller.store();
    let mut out = BTreeMap::new();
    for _ in 0..6 {
        let lease = lease();
        out.insert(lease, shard_of(&take(&controller, lease).await).expect("a slot"));
    }
    store.resize(&pool(), size(4, 0), None).await.expect("the pool");
    clock.advance(Seconds(20));
    let (late, home) = out.pop_first().expect("six of them");
    for (lease, shard) in &out {
        controller.renew(&pool(), *lease, TTL, Some(*shard)).await.expect("an answer");
    }
    clock.advance(Seconds(20));
    // Its shard holds two other leases, the other shard three, and each may hold two.
    assert_eq!(shard_of(&take(&controller, late).await), None);
    let elsewhere: Vec<_> = out.into_iter().filter(|(_, shard)| *shard != home).collect();
    for (lease, shard) in elsewhere.iter().take(2) {
        controller.release(&pool(), *lease, Some(*shard)).await.expect("an answer");
    }
    // It gets its live lease, not the expired one in its first shard.
    for _ in 0..2 {
        assert_eq!(shard_of(&take(&controller, late).await), Some(1 - home));
    }
    let found = store.find(&pool(), late).await.expect("an answer").expect("a held lease");
    assert_eq!(found, 1 - home);
}
