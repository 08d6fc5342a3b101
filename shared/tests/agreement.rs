//! The rules and the expressions agree: the same operations on the store in memory and on an embedded
//! DynamoDB have the same results, step by step.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;

use proptest::prelude::*;
use rds_admission::pool::{Class, LeaseId, Pool, PoolSize};
use rds_admission::store::{DynamoStore, MemoryStore, PoolAdmin, SlotStore};
use rds_admission::time::{Clock, FakeClock, Seconds};
use support::dynamo::{Dynamo, START, TABLE};

/// A request.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Slot(Class),
    Renewal,
}

/// Events in a pool of many leases in one item.
#[derive(Debug, Clone)]
struct Crowd {
    /// The lengths of the leases that are acquired first.
    ttls: Vec<Seconds>,
    /// The size of the pool after that.
    slots: u32,
    priority: u32,
    /// Requests: the number of a lease, one of those above or a new one, and the time since the request before.
    asks: Vec<(u32, Asks, Seconds)>,
}

fn crowd() -> impl Strategy<Value = Crowd> {
    let what = prop_oneof![
        Just(Asks::Slot(Class::Standard)),
        Just(Asks::Slot(Class::Priority)),
        Just(Asks::Renewal)
    ];
    let ttls = prop::collection::vec((1..20_u32).prop_map(Seconds), 50..140);
    let asks = prop::collection::vec((0..150_u32, what, (0..15_u32).prop_map(Seconds)), 1..8);
    (ttls, 2..70_u32, 0..2_u32, asks).prop_map(|(ttls, slots, priority, asks)| Crowd {
        ttls,
        slots,
        priority,
        asks,
    })
}

/// Both stores, on one clock.
struct Twins {
    clock: Arc<FakeClock>,
    rules: MemoryStore<Arc<FakeClock>>,
    expressions: DynamoStore<Arc<FakeClock>>,
    dynamo: Dynamo,
}

impl Twins {
    async fn start() -> Self {
        let (clock, dynamo) = (Arc::new(FakeClock::at(START)), Dynamo::start().await);
        let rules = MemoryStore::new(Arc::clone(&clock));
        let expressions = DynamoStore::new(dynamo.client.clone(), TABLE, Arc::clone(&clock));
        Self { clock, rules, expressions, dynamo }
    }
}

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

/// The result of a step and the pool after it, as text.
async fn take<S: PoolAdmin>(store: &S, step: &Step) -> String {
    let pool = support::pool();
    let answer = match *step {
        Step::Acquire { lease, ttl, class } => {
            format!("{:?}", support::acquire(store, &pool, lease, ttl, class).await)
        }
        Step::Release { lease } => format!("{:?}", store.release(&pool, lease, None).await),
        Step::ReleaseOldestAnonymous => {
            format!("{:?}", store.release_oldest_anonymous(&pool).await)
        }
        Step::Renew { lease, ttl } => format!("{:?}", store.renew(&pool, lease, ttl, None).await),
        Step::Define { slots, priority } => match PoolSize::divide(slots, 0, priority) {
            Ok(size) => format!("{:?}", store.define(&pool, size, None).await),
            Err(invalid) => format!("{invalid:?}"),
        },
        Step::RemoveUnused => format!("{:?}", store.remove_unused(&pool).await),
        Step::Drain => format!("{:?}", store.drain(&pool).await),
        Step::Resume => format!("{:?}", store.resume(&pool).await),
        Step::Resize { slots, priority } => match PoolSize::divide(slots, 0, priority) {
            Ok(size) => format!("{:?}", store.resize(&pool, size, None).await),
            Err(invalid) => format!("{invalid:?}"),
        },
        Step::Evict { lease } => format!("{:?}", store.evict(&pool, lease).await),
        Step::Sweep => format!("{:?}", store.sweep(&pool).await),
        Step::Wait { .. } => String::new(),
    };
    format!("{answer} {:?}", store.read(&pool).await)
}

/// Takes a step on both, and returns their common result.
async fn for_both<A: PoolAdmin, B: PoolAdmin>(
    rules: &A,
    expressions: &B,
    step: &Step,
) -> Result<String, TestCaseError> {
    let expected = take(rules, step).await;
    prop_assert_eq!(&expected, &take(expressions, step).await, "{:?}", step);
    Ok(expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn rules_and_expressions_agree(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let Twins { clock, rules, expressions, dynamo: _dynamo } = Twins::start().await;
            let size = PoolSize::divide(4, 0, 1).expect("a size");
            for store in [&rules.define(&support::pool(), size, None).await,
                          &expressions.define(&support::pool(), size, None).await] {
                prop_assert!(store.is_ok());
            }
            for step in &steps {
                if let Step::Wait { seconds } = step {
                    clock.advance(*seconds);
                }
                for_both(&rules, &expressions, step).await?;
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    /// More leases have expired than one write replaces, the limit is far below the number held, or an expired
    /// lease is acquired again or renewed.
    #[test]
    fn rules_and_expressions_agree_in_a_crowd(crowd in crowd()) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let Twins { clock, rules, expressions, dynamo: _dynamo } = Twins::start().await;
            let pool = support::pool();
            let id = |n: u32| format!("L{n:07}").parse::<LeaseId>().expect("an id");
            let before = PoolSize::divide(140, 0, 0).expect("a size");
            rules.define(&pool, before, None).await.expect("the pool");
            expressions.define(&pool, before, Some(NonZeroU32::MIN)).await.expect("the pool");
            for (n, ttl) in (0..).zip(&crowd.ttls) {
                for_both(&rules, &expressions, &Step::Acquire {
                    lease: id(n), ttl: *ttl, class: Class::Priority,
                }).await?;
            }
            let Crowd { slots, priority, .. } = crowd;
            for_both(&rules, &expressions, &Step::Resize { slots, priority }).await?;
            for (n, what, after) in crowd.asks {
                clock.advance(after);
                let seen = rules.read(&pool).await.expect("the pool");
                let live = seen.in_use() - u32::try_from(seen.expired(clock.now()).count()).expect("a few");
                let known = seen.leases.get(&id(n)).copied();
                let is_live = known.is_some_and(|expiry| !Pool::has_expired(expiry, clock.now()));
                let ttl = Seconds(9);
                let class = match what {
                    Asks::Slot(class) => class,
                    Asks::Renewal => {
                        let step = Step::Renew { lease: id(n), ttl };
                        let answer = for_both(&rules, &expressions, &step).await?;
                        let fits = seen.in_use() <= seen.size.max_connections();
                        let expected = is_live || (known.is_some() && fits);
                        prop_assert_eq!(answer.starts_with("Ok(Until"), expected, "{}", answer);
                        continue;
                    }
                };
                let step = Step::Acquire { lease: id(n), ttl, class };
                let answer = for_both(&rules, &expressions, &step).await?;
                // Expired leases don't count, neither as others nor as the caller's own.
                let expected = is_live || live < seen.size.limit(class);
                prop_assert_eq!(answer.starts_with("Ok(Granted"), expected, "{}", answer);
            }
            Ok(())
        })?;
    }
}
