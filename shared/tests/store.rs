//! The store against an embedded DynamoDB, over HTTP.

mod support;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rds_admission::pool::warm::FillLevel;
use rds_admission::pool::{ANONYMOUS_LEASE, Class, LeaseId};
use rds_admission::store::{DynamoStore, PoolAdmin, Renewed, SlotStore, StoreError};
use rds_admission::time::{FakeClock, SKEW_ALLOWANCE, Seconds};
use support::dynamo::{Dynamo, START, TABLE};
use support::{Acquired, lease, pool, t2_micro};

type TestStore = DynamoStore<Arc<FakeClock>>;

const TTL: Seconds = Seconds(35);

async fn acquire(store: &TestStore, lease: LeaseId, class: Class) -> Acquired {
    support::acquire(store, &pool(), lease, TTL, class).await.expect("an answer")
}

fn is_granted(acquired: &Acquired) -> bool {
    matches!(acquired, Acquired::Granted { .. })
}

async fn fill(store: &TestStore, slots: usize) -> Vec<LeaseId> {
    let leases: Vec<_> = std::iter::repeat_with(lease).take(slots).collect();
    let acquired =
        join_all(leases.iter().map(|&lease| acquire(store, lease, Class::Priority))).await;
    assert!(acquired.iter().all(is_granted));
    leases
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_concurrent_acquires_60_are_granted_then_2_of_class_priority() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let all = join_all((0..200).map(|_| acquire(&store, lease(), Class::Standard))).await;
    assert_eq!(all.iter().filter(|acquired| is_granted(acquired)).count(), 60);
    for refused in all.iter().filter(|acquired| !is_granted(acquired)) {
        assert_eq!(*refused, Acquired::Full { in_use: 60, max_connections: 62 });
    }
    let priority = join_all((0..5).map(|_| acquire(&store, lease(), Class::Priority))).await;
    assert_eq!(priority.iter().filter(|acquired| is_granted(acquired)).count(), 2);
    let now = store.read(&pool()).await.expect("the pool");
    assert_eq!(now.in_use(), 62);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_operations_from_many_tasks_leave_the_count_right() {
    const TASKS: u64 = 20;
    const OPERATIONS: u32 = 500;
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let tasks = (0..TASKS).map(|seed| {
        let (store, clock) = (store.clone(), Arc::clone(&clock));
        tokio::spawn(async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut mine: Vec<LeaseId> = Vec::new();
            for operation in 0..OPERATIONS {
                let known = (!mine.is_empty()).then(|| rng.random_range(0..mine.len()));
                match (rng.random_range(0..13), known) {
                    (0..=4, _) | (_, None) => {
                        let new = LeaseId::random(&mut rng);
                        let ttl = Seconds(rng.random_range(1..20));
                        let class = if rng.random() { Class::Standard } else { Class::Priority };
                        match support::acquire(&store, &pool(), new, ttl, class).await {
                            Ok(Acquired::Granted { in_use, max_connections, .. }) => {
                                assert!(in_use <= max_connections);
                                mine.push(new);
                            }
                            // Losing too many races to other takeovers is a rejection like `Full`.
                            Ok(Acquired::Full { .. } | Acquired::Draining { .. })
                            | Err(StoreError::Contended { .. }) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                    (5..=7, Some(n)) => {
                        store.release(&pool(), mine.swap_remove(n), None).await.expect("an answer");
                    }
                    (8, Some(n)) => {
                        store.renew(&pool(), mine[n], TTL, None).await.expect("an answer");
                    }
                    (9, Some(n)) => {
                        store.evict(&pool(), mine.swap_remove(n)).await.expect("an answer");
                    }
                    // Losing too many races to other sweeps and takeovers: nothing is left to sweep.
                    (10, _) => match store.sweep(&pool()).await {
                        Ok(_) | Err(StoreError::Contended { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    },
                    (11, _) => {
                        store.drain(&pool()).await.expect("the pool");
                        store.resume(&pool()).await.expect("the pool");
                    }
                    _ => clock.advance(Seconds(1)),
                }
                if operation % 10 == 0 {
                    // Reading fails where the count is not the number of leases.
                    let seen = store.read(&pool()).await.expect("a sound pool");
                    assert!(seen.in_use() <= seen.size.max_connections());
                }
            }
            mine
        })
    });
    let mut left = BTreeSet::new();
    for task in join_all(tasks).await {
        left.extend(task.expect("no task fails"));
    }
    for lease in left {
        store.release(&pool(), lease, None).await.expect("an answer");
    }
    // Every lease was released or taken over.
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 0);
}

#[tokio::test]
async fn every_call_may_be_repeated() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let one = lease();
    let first = acquire(&store, one, Class::Standard).await;
    clock.advance(Seconds(3));
    // The repeated call gets the expiry of the first one.
    assert_eq!(acquire(&store, one, Class::Standard).await, first);

    let renewed = store.renew(&pool(), one, TTL, None).await.expect("an answer");
    assert_eq!(store.renew(&pool(), one, TTL, None).await.expect("an answer"), renewed);
    let standard_limit = NonZeroU32::new(60).expect("not 0");
    let fill_level = Some(FillLevel { in_use: 1, standard_limit });
    assert!(matches!(renewed, Renewed::Until { fill_level: seen, .. } if seen == fill_level));

    for expected in [true, false, false] {
        let release = store.release(&pool(), one, None).await.expect("an answer");
        assert_eq!((release.released, release.in_use), (expected, 0));
    }
    assert_eq!(store.renew(&pool(), one, TTL, None).await.expect("an answer"), Renewed::Lost);
}

#[tokio::test]
async fn a_renewal_that_was_delayed_does_not_shorten_a_later_one() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    // A counter that read its clock at the first request, and was then frozen.
    let frozen = Arc::new(FakeClock::at(START));
    let delayed = DynamoStore::new(dynamo.client.clone(), TABLE, frozen);
    let one = lease();
    acquire(&store, one, Class::Standard).await;
    clock.advance(Seconds(20));
    let later = store.renew(&pool(), one, TTL, None).await.expect("an answer");
    let Renewed::Until { expires_at, .. } = later else { panic!("{later:?}") };
    assert_eq!(expires_at, START.plus(Seconds(20)).plus(TTL));
    // It returns the lease's expiry, not the earlier one that it asked for.
    assert_eq!(delayed.renew(&pool(), one, TTL, None).await.expect("an answer"), later);
    let now = store.read(&pool()).await.expect("the pool");
    assert_eq!(now.leases[&one], expires_at);
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_an_unexpired_one_never() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let crashed = fill(&store, 60).await;
    let late = crashed[0];
    clock.advance(TTL);
    store.renew(&pool(), late, TTL, None).await.expect("an answer");

    // Within the skew allowance another counter's clock may still call them live.
    clock.advance(Seconds(SKEW_ALLOWANCE.0 - 1));
    assert!(!is_granted(&acquire(&store, lease(), Class::Standard).await));

    clock.advance(Seconds(1));
    let new = lease();
    let taken = acquire(&store, new, Class::Standard).await;
    let Acquired::Granted { taken_over: 59, in_use: 2, .. } = taken else { panic!("{taken:?}") };
    let now = store.read(&pool()).await.expect("the pool");
    assert_eq!(now.leases.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from([late, new]));
    // A holder whose lease was taken over learns it, and releases no other slot.
    assert_eq!(
        store.renew(&pool(), crashed[1], TTL, None).await.expect("an answer"),
        Renewed::Lost
    );
    assert!(!store.release(&pool(), crashed[1], None).await.expect("an answer").released);
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_leases_are_replaced_once_by_many_concurrent_acquires() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    fill(&store, 62).await;
    clock.advance(Seconds(TTL.0 + SKEW_ALLOWANCE.0 + 1));
    let all = join_all((0..200).map(|_| acquire(&store, lease(), Class::Standard))).await;
    let granted = all.iter().filter(|acquired| is_granted(acquired)).count();
    assert_eq!(granted, 60);
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 60);
}

#[tokio::test]
async fn callers_without_a_lease_release_the_oldest_anonymous_one() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let named = lease();
    acquire(&store, named, Class::Standard).await;
    let anonymous: Vec<_> =
        std::iter::repeat_with(|| LeaseId::anonymous(&mut rand::rng())).take(3).collect();
    for &lease in &anonymous {
        let taken =
            support::acquire(&store, &pool(), lease, ANONYMOUS_LEASE, Class::Standard).await;
        assert!(is_granted(&taken.expect("an answer")));
        clock.advance(Seconds(1));
    }
    for &oldest in &anonymous {
        assert!(store.read(&pool()).await.expect("the pool").leases.contains_key(&oldest));
        assert!(store.release_oldest_anonymous(&pool()).await.expect("an answer").released);
        assert!(!store.read(&pool()).await.expect("the pool").leases.contains_key(&oldest));
    }
    // No anonymous lease is held; the named one stays.
    assert!(!store.release_oldest_anonymous(&pool()).await.expect("an answer").released);
    assert_eq!(store.read(&pool()).await.expect("the pool").in_use(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_callers_without_a_lease_release_sixty_at_once() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    for _ in 0..60 {
        let lease = LeaseId::anonymous(&mut rand::rng());
        let taken =
            support::acquire(&store, &pool(), lease, ANONYMOUS_LEASE, Class::Standard).await;
        assert!(is_granted(&taken.expect("an answer")));
    }
    let pool = pool();
    let back = join_all((0..60).map(|_| store.release_oldest_anonymous(&pool))).await;
    assert!(back.into_iter().all(|release| release.expect("an answer").released));

    // Leases that are never released expire after the longest Lambda invocation.
    for _ in 0..60 {
        let lease = LeaseId::anonymous(&mut rand::rng());
        support::acquire(&store, &pool, lease, ANONYMOUS_LEASE, Class::Standard)
            .await
            .expect("an answer");
    }
    clock.advance(ANONYMOUS_LEASE);
    assert!(!is_granted(&acquire(&store, lease(), Class::Standard).await));
    clock.advance(SKEW_ALLOWANCE);
    assert!(is_granted(&acquire(&store, lease(), Class::Standard).await));
}

#[tokio::test]
async fn every_decision_is_one_write_unit_at_any_fill_level() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    dynamo.capacity.take();
    let mut out = Vec::new();
    for _ in 0..62 {
        let lease = lease();
        assert!(is_granted(&acquire(&store, lease, Class::Priority).await));
        assert_eq!(dynamo.capacity.take(), (vec![1.0], 1), "acquire with {} out", out.len());
        out.push(lease);
    }
    for class in [Class::Standard, Class::Priority] {
        assert!(!is_granted(&acquire(&store, lease(), class).await));
        // One request. A refused write reports no units, but is billed by the size of the item, which the next
        // write shows, after a read.
        assert_eq!(dynamo.capacity.take(), (vec![], 1));
        store.define(&pool(), t2_micro(), None).await.expect("the pool");
        assert_eq!(dynamo.capacity.take(), (vec![1.0; 2], 2));
    }
    while let Some(lease) = out.pop() {
        store.release(&pool(), lease, None).await.expect("an answer");
        assert_eq!(dynamo.capacity.take(), (vec![1.0], 1), "release with {} left", out.len());
    }
}

#[tokio::test]
async fn an_unknown_pool_is_an_error_and_stays_unknown() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let missing = "missing".parse().expect("a name");
    let unknown = |error| matches!(error, StoreError::UnknownPool(name) if name == missing);
    assert!(
        support::acquire(&store, &missing, lease(), TTL, Class::Standard).await.is_err_and(unknown)
    );
    assert!(store.release(&missing, lease(), None).await.is_err_and(unknown));
    assert!(store.release_oldest_anonymous(&missing).await.is_err_and(unknown));
    assert!(store.renew(&missing, lease(), TTL, None).await.is_err_and(unknown));
    assert!(store.sweep(&missing).await.is_err_and(unknown));
    assert!(store.drain(&missing).await.is_err_and(unknown));
    assert!(store.resume(&missing).await.is_err_and(unknown));
    assert!(store.resize(&missing, t2_micro(), None).await.is_err_and(unknown));
    assert!(store.evict(&missing, lease()).await.is_err_and(unknown));
    assert!(store.read(&missing).await.is_err_and(unknown));
}

#[tokio::test]
async fn a_pool_changes_its_size_and_keeps_its_leases() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let out = fill(&store, 62).await;
    let smaller = rds_admission::pool::PoolSize::divide(14, 4, 2).expect("a size");
    store.define(&pool(), smaller, None).await.expect("the pool");
    let now = store.read(&pool()).await.expect("the pool");
    assert_eq!((now.size, now.in_use()), (smaller, 62));
    assert!(!store.remove_unused(&pool()).await.expect("an answer"));
    for (back, lease) in out.into_iter().enumerate() {
        let full = !is_granted(&acquire(&store, support::lease(), Class::Priority).await);
        assert!(full, "none is granted while {} leases are held on 10 slots", 62 - back);
        store.release(&pool(), lease, None).await.expect("an answer");
        if 62 - back - 1 < 10 {
            break;
        }
    }
    assert!(is_granted(&acquire(&store, lease(), Class::Priority).await));
}

#[tokio::test]
async fn an_unused_pool_can_be_removed() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    for _ in 0..2 {
        assert!(store.remove_unused(&pool()).await.expect("an answer"));
    }
    assert!(matches!(store.read(&pool()).await, Err(StoreError::UnknownPool(_))));
}

#[tokio::test]
async fn a_missing_table_is_an_error_with_its_cause() {
    let dynamo = Dynamo::start().await;
    let (_, clock) = dynamo.store().await;
    let store = DynamoStore::new(dynamo.client.clone(), "no-such-table", clock);
    let failed = support::acquire(&store, &pool(), lease(), TTL, Class::Standard).await;
    let Err(error @ StoreError::Table { phase: "acquire", .. }) = failed else {
        panic!("{failed:?}")
    };
    let said = rds_admission::telemetry::chain(&error);
    assert!(said.contains("ResourceNotFound"), "{said}");
}

#[tokio::test]
async fn the_item_of_the_article_is_not_read_as_a_pool() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let n = |number: &str| AttributeValue::N(number.to_owned());
    dynamo
        .client
        .put_item()
        .table_name(TABLE)
        .item("RDBMSName", AttributeValue::S("Old".to_owned()))
        .item("MaxConnections", n("50"))
        .item("RemainingConnections", n("50"))
        .send()
        .await
        .expect("an item");
    let old = "Old".parse().expect("a name");
    let failed = support::acquire(&store, &old, lease(), TTL, Class::Standard).await;
    assert!(matches!(failed, Err(StoreError::Malformed { .. })), "{failed:?}");
}
