//! The rules and the expressions agree: the same operations on the store in memory and on an embedded
//! DynamoDB, step by step.

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use rds_admission::pool::{Class, LeaseId, PoolSize};
use rds_admission::store::{DynamoStore, MemoryStore, Operations, Store};
use rds_admission::time::{FakeClock, Seconds};
use support::dynamo::{Dynamo, START, TABLE};

#[derive(Debug, Clone)]
enum Step {
    Acquire { lease: LeaseId, ttl: Seconds, class: Class },
    Release { lease: LeaseId },
    ReleaseOldestAnonymous,
    Renew { lease: LeaseId, ttl: Seconds },
    Define { slots: u32, priority: u32 },
    RemoveUnused,
    Drain,
    Resume,
    Resize { slots: u32, priority: u32 },
    Evict { lease: LeaseId },
    Sweep,
    Wait { seconds: Seconds },
}

/// Few leases, named and anonymous, so that they meet.
fn lease() -> impl Strategy<Value = LeaseId> {
    (0..12_u32, any::<bool>()).prop_map(|(n, anonymous)| {
        let mark = if anonymous { '~' } else { 'L' };
        LeaseId::from_stored(&format!("{mark}{n:07}")).expect("an id")
    })
}

fn step() -> impl Strategy<Value = Step> {
    let ttl = || (1..20_u32).prop_map(Seconds);
    let class = prop_oneof![3 => Just(Class::Standard), 1 => Just(Class::Priority)];
    prop_oneof![
        6 => (lease(), ttl(), class).prop_map(|(lease, ttl, class)| Step::Acquire { lease, ttl, class }),
        3 => lease().prop_map(|lease| Step::Release { lease }),
        1 => Just(Step::ReleaseOldestAnonymous),
        1 => (lease(), ttl()).prop_map(|(lease, ttl)| Step::Renew { lease, ttl }),
        1 => (1..6_u32, 0..3_u32).prop_map(|(slots, priority)| Step::Define { slots, priority }),
        1 => Just(Step::RemoveUnused),
        1 => Just(Step::Drain),
        2 => Just(Step::Resume),
        1 => (1..6_u32, 0..3_u32).prop_map(|(slots, priority)| Step::Resize { slots, priority }),
        1 => lease().prop_map(|lease| Step::Evict { lease }),
        1 => Just(Step::Sweep),
        3 => (1..8_u32).prop_map(|seconds| Step::Wait { seconds: Seconds(seconds) }),
    ]
}

/// The answer to a step, and the pool after it, in words.
async fn take<S: Operations>(store: &S, step: &Step) -> String {
    let pool = support::pool();
    let answer = match *step {
        Step::Acquire { lease, ttl, class } => {
            format!("{:?}", store.acquire(&pool, lease, ttl, class).await)
        }
        Step::Release { lease } => format!("{:?}", store.release(&pool, lease).await),
        Step::ReleaseOldestAnonymous => {
            format!("{:?}", store.release_oldest_anonymous(&pool).await)
        }
        Step::Renew { lease, ttl } => format!("{:?}", store.renew(&pool, lease, ttl).await),
        Step::Define { slots, priority } => match PoolSize::divide(slots, 0, priority) {
            Ok(size) => format!("{:?}", store.define(&pool, size).await),
            Err(invalid) => format!("{invalid:?}"),
        },
        Step::RemoveUnused => format!("{:?}", store.remove_unused(&pool).await),
        Step::Drain => format!("{:?}", store.drain(&pool).await),
        Step::Resume => format!("{:?}", store.resume(&pool).await),
        Step::Resize { slots, priority } => match PoolSize::divide(slots, 0, priority) {
            Ok(size) => format!("{:?}", store.resize(&pool, size).await),
            Err(invalid) => format!("{invalid:?}"),
        },
        Step::Evict { lease } => format!("{:?}", store.evict(&pool, lease).await),
        Step::Sweep => format!("{:?}", store.sweep(&pool).await),
        Step::Wait { .. } => String::new(),
    };
    format!("{answer} {:?}", store.read(&pool).await)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn rules_and_expressions_agree(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let clock = Arc::new(FakeClock::at(START));
            let dynamo = Dynamo::start().await;
            let rules = MemoryStore::new(Arc::clone(&clock));
            let expressions = DynamoStore::new(dynamo.client.clone(), TABLE, Arc::clone(&clock));
            let size = PoolSize::divide(4, 0, 1).expect("a size");
            for store in [&rules.define(&support::pool(), size).await,
                          &expressions.define(&support::pool(), size).await] {
                prop_assert!(store.is_ok());
            }
            for step in &steps {
                if let Step::Wait { seconds } = step {
                    clock.advance(*seconds);
                }
                prop_assert_eq!(take(&rules, step).await, take(&expressions, step).await, "{:?}", step);
            }
            Ok(())
        })?;
    }
}
