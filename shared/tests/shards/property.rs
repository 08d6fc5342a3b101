//! Any sequence of operations on a split pool.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rds_admission::pool::{Class, LeaseId, PoolSize, Shard};
use rds_admission::store::{PoolAdmin, Renewed, SlotStore, StoreError};
use rds_admission::time::Seconds;

use crate::support::pool;
use crate::{TTL, TestController, instance, shard_of, split_pool};

/// An event in the life of a split pool.
#[derive(Debug, Clone)]
enum Step {
    Acquire { lease: u32, new: bool, class: Class },
    Release { lease: u32, hinted: bool },
    Renew { lease: u32, hinted: bool },
    Resize { slots: u32, priority: u32 },
    Drain,
    Resume,
    Sweep,
    Evict { lease: u32 },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![3 => Just(Class::Standard), 1 => Just(Class::Priority)];
    let lease = || 0..20_u32;
    prop_oneof![
        8 => (lease(), any::<bool>(), class)
            .prop_map(|(lease, new, class)| Step::Acquire { lease, new, class }),
        4 => (lease(), any::<bool>()).prop_map(|(lease, hinted)| Step::Release { lease, hinted }),
        1 => (lease(), any::<bool>()).prop_map(|(lease, hinted)| Step::Renew { lease, hinted }),
        2 => (3..14_u32, 0..3_u32).prop_map(|(slots, priority)| Step::Resize { slots, priority }),
        1 => Just(Step::Drain),
        2 => Just(Step::Resume),
        1 => Just(Step::Sweep),
        1 => lease().prop_map(|lease| Step::Evict { lease }),
        1 => Just(Step::Wait),
    ]
}

/// The held leases and their shards, by the answers.
type Out = BTreeMap<LeaseId, u32>;

async fn take_step(controllers: &[TestController], at: usize, step: &Step, out: &mut Out) {
    let controller = &controllers[at % controllers.len()];
    let store = controller.store();
    let id = |n: u32| format!("L{n:07}").parse::<LeaseId>().expect("an id");
    match *step {
        Step::Acquire { lease, new, class } => {
            // Only a lease that is not held is acquired as new.
            let new = new && !out.contains_key(&id(lease));
            let asked = controller.acquire(&pool(), id(lease), TTL, class, new).await;
            match shard_of(&asked.expect("an answer")) {
                Some(shard) => {
                    assert_eq!(*out.entry(id(lease)).or_insert(shard), shard, "its shard");
                }
                None => assert!(!out.contains_key(&id(lease)), "it was granted before"),
            }
        }
        Step::Release { lease, hinted } => {
            let shard = out.remove(&id(lease));
            let back = controller.release(&pool(), id(lease), shard.filter(|_| hinted)).await;
            assert_eq!(back.expect("an answer").released, shard.is_some());
        }
        Step::Renew { lease, hinted } => {
            let shard = out.get(&id(lease)).copied();
            let renewed = controller.renew(&pool(), id(lease), TTL, shard.filter(|_| hinted)).await;
            let lost = renewed.expect("an answer") == Renewed::Lost;
            assert_eq!(lost, shard.is_none());
        }
        Step::Resize { slots, priority } => {
            if let Ok(size) = PoolSize::divide(slots, 0, priority) {
                match store.resize(&pool(), size, None).await {
                    Ok(resized) => assert_eq!(resized.size, size),
                    Err(StoreError::Split { .. }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
        Step::Drain => drop(store.drain(&pool()).await.expect("the pool")),
        Step::Resume => drop(store.resume(&pool()).await.expect("the pool")),
        Step::Sweep => drop(store.sweep(&pool()).await.expect("the pool")),
        Step::Evict { lease } => {
            let was = store.evict(&pool(), id(lease)).await.expect("an answer").was_until;
            assert_eq!(was.is_some(), out.remove(&id(lease)).is_some());
        }
        Step::Wait => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// In any order and by any instance: the held leases are those that were granted and not released, and never
    /// more than the largest size since the pool was last within its size.
    #[test]
    fn held_leases_are_those_that_the_answers_report(
        shards in 2..4_u32,
        steps in prop::collection::vec((0..3_usize, step()), 1..80),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (dynamo, clock, first) = split_pool(9, shards).await;
            let others = [instance(&dynamo, &clock), instance(&dynamo, &clock)];
            let controllers: Vec<_> = std::iter::once(first).chain(others).collect();
            let (mut out, mut largest) = (Out::new(), 9);
            for (at, step) in &steps {
                if let Step::Wait = step {
                    // All leases expire, and are swept before they can be taken over.
                    clock.advance(Seconds(60));
                    while controllers[0].store().sweep(&pool()).await.expect("the pool").swept > 0 {}
                    out.clear();
                }
                take_step(&controllers, *at, step, &mut out).await;
                let whole = controllers[0].store().read(&pool()).await.expect("the pool");
                prop_assert_eq!(
                    whole.leases.keys().collect::<Vec<_>>(),
                    out.keys().collect::<Vec<_>>(),
                    "{:?}", step
                );
                largest = largest.max(whole.size.max_connections());
                prop_assert!(whole.in_use() <= largest, "{step:?}");
                if whole.in_use() <= whole.size.max_connections() {
                    let mut within = true;
                    for shard in Shard::all(&pool(), whole.shards) {
                        let seen = controllers[0].store().peek(&shard).await.expect("the shard");
                        within &= seen.in_use() <= seen.size.max_connections();
                    }
                    if within {
                        largest = whole.size.max_connections();
                    }
                }
            }
            Ok(())
        })?;
    }
}
