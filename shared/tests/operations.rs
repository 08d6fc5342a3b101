//! The operator's operations and their effect on callers, on an embedded DynamoDB over HTTP.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use rds_admission::pool::{Class, LeaseId, Pool, PoolSize};
use rds_admission::store::{DynamoStore, PoolAdmin, Renewed, SlotStore};
use rds_admission::time::{FakeClock, SKEW_ALLOWANCE, Seconds};
use support::dynamo::{Dynamo, START};
use support::{Acquired, lease, pool};

type TestStore = DynamoStore<Arc<FakeClock>>;

const TTL: Seconds = Seconds(35);
const OVER: Seconds = Seconds(TTL.0 + SKEW_ALLOWANCE.0);
const CLASSES: [Class; 2] = [Class::Standard, Class::Priority];

async fn acquire(store: &TestStore, lease: LeaseId, class: Class) -> Acquired {
    support::acquire(store, &pool(), lease, TTL, class).await.expect("an answer")
}

async fn fill(store: &TestStore, slots: usize) -> Vec<LeaseId> {
    let leases: Vec<_> = std::iter::repeat_with(lease).take(slots).collect();
    for &lease in &leases {
        let granted = acquire(store, lease, Class::Priority).await;
        assert!(matches!(granted, Acquired::Granted { .. }));
    }
    leases
}

/// Leaves a pool of one slot that holds two leases.
async fn two_on_one_slot(store: &TestStore) -> Vec<LeaseId> {
    let size = |slots| PoolSize::divide(slots, 0, 0).expect("a size");
    store.resize(&pool(), size(2), None).await.expect("the pool");
    let out = fill(store, 2).await;
    store.resize(&pool(), size(1), None).await.expect("the pool");
    out
}

async fn now(store: &TestStore) -> Pool {
    store.read(&pool()).await.expect("a sound pool")
}

#[tokio::test]
async fn a_drained_pool_grants_nothing_and_its_holders_keep_their_leases() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let out = fill(&store, 3).await;
    for _ in 0..2 {
        assert!(store.drain(&pool()).await.expect("an answer").draining);
    }
    for class in CLASSES {
        let refused = acquire(&store, lease(), class).await;
        assert_eq!(refused, Acquired::Draining { in_use: 3, max_connections: 62 });
    }
    // A repeated call gets the lease that it was granted.
    let again = acquire(&store, out[0], Class::Standard).await;
    assert!(matches!(again, Acquired::Granted { in_use: 3, .. }), "{again:?}");
    let renewed = store.renew(&pool(), out[0], Seconds(60), None).await.expect("an answer");
    let expires_at = START.plus(Seconds(60));
    assert_eq!(renewed, Renewed::Until { expires_at, fill_level: None });
    for lease in out {
        assert!(store.release(&pool(), lease, None).await.expect("an answer").released);
    }
    for _ in 0..2 {
        let resumed = store.resume(&pool()).await.expect("an answer");
        assert_eq!((resumed.draining, resumed.in_use()), (false, 0));
    }
    assert!(matches!(acquire(&store, lease(), Class::Standard).await, Acquired::Granted { .. }));
}

#[tokio::test]
async fn no_expired_lease_is_taken_over_while_a_pool_drains() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let crashed = fill(&store, 62).await;
    store.drain(&pool()).await.expect("the pool");
    clock.advance(OVER);
    for class in CLASSES {
        for asks in [lease(), crashed[0]] {
            let refused = acquire(&store, asks, class).await;
            assert_eq!(refused, Acquired::Draining { in_use: 62, max_connections: 62 });
        }
    }
    let swept = store.sweep(&pool()).await.expect("an answer");
    assert_eq!((swept.swept as usize, swept.pool.in_use()), (Pool::MAX_TAKEOVER, 2));
    assert!(swept.pool.draining);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once_a_pool_drains_no_concurrent_acquire_is_granted() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    // Expired leases, so that acquires are between their read and their takeover when the drain begins.
    fill(&store, 62).await;
    clock.advance(OVER);
    let asking: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let asked = lease();
                let taken = support::acquire(&store, &pool(), asked, TTL, CLASSES[n % 2]).await;
                matches!(taken, Ok(Acquired::Granted { .. })).then_some(asked)
            })
        })
        .collect();
    store.drain(&pool()).await.expect("the pool");
    let since: BTreeSet<_> = now(&store).await.leases.into_keys().collect();
    let granted = join_all(asking).await.into_iter().filter_map(|asked| asked.expect("no panic"));
    let granted: BTreeSet<_> = granted.collect();
    assert!(granted.is_subset(&since));
    assert_eq!(now(&store).await.leases.into_keys().collect::<BTreeSet<_>>(), since);
}

#[tokio::test]
async fn a_pool_grows_at_once_and_shrinks_as_its_leases_end() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let mut out = fill(&store, 62).await;
    let size = |slots| PoolSize::divide(slots, 0, 2).expect("a size");
    let resized = store.resize(&pool(), size(63), None).await.expect("an answer");
    assert_eq!((resized.size, resized.in_use()), (size(63), 62));
    out.extend(fill(&store, 1).await);
    store.resize(&pool(), size(10), None).await.expect("an answer");
    while out.len() >= 10 {
        let refused = acquire(&store, lease(), Class::Priority).await;
        let in_use = u32::try_from(out.len()).expect("a few");
        assert_eq!(refused, Acquired::Full { in_use, max_connections: 10 });
        let lease = out.pop().expect("a held lease");
        store.release(&pool(), lease, None).await.expect("an answer");
    }
    let granted = acquire(&store, lease(), Class::Priority).await;
    assert!(matches!(granted, Acquired::Granted { in_use: 10, .. }), "{granted:?}");
}

#[tokio::test]
async fn a_pool_of_expired_leases_grants_slots_however_far_it_has_shrunk() {
    // One sweep removes the first 60 by id; a lease that is acquired again may be the first or the last.
    enum Asks {
        New,
        First,
        Last,
    }
    for (asks, in_use, taken_over) in
        [(Asks::New, 1, 62), (Asks::First, 1, 62), (Asks::Last, 2, 61)]
    {
        let dynamo = Dynamo::start().await;
        let (store, clock) = dynamo.store().await;
        let mut crashed = fill(&store, 62).await;
        crashed.sort();
        store
            .resize(&pool(), PoolSize::divide(2, 0, 0).expect("a size"), None)
            .await
            .expect("the pool");
        clock.advance(OVER);
        let asks = match asks {
            Asks::New => lease(),
            Asks::First => crashed[0],
            Asks::Last => crashed[61],
        };
        dynamo.capacity.take();
        let granted = acquire(&store, asks, Class::Standard).await;
        assert!(
            matches!(granted, Acquired::Granted { in_use: now, taken_over: over, .. }
                if (now, over) == (in_use, taken_over)),
            "{granted:?}"
        );
        // Three requests: a refused write, a sweep, and the takeover of the rest.
        assert_eq!(dynamo.capacity.take().1, 3);
        let leases = now(&store).await.leases;
        assert!(leases.contains_key(&asks) && leases.len() == in_use as usize, "{leases:?}");
        let other = acquire(&store, lease(), Class::Standard).await;
        assert!(matches!(other, Acquired::Granted { in_use: 2, .. }), "{other:?}");
        let refused = acquire(&store, lease(), Class::Standard).await;
        assert_eq!(refused, Acquired::Full { in_use: 2, max_connections: 2 });
    }
}

#[tokio::test]
async fn an_expired_lease_that_is_acquired_again_is_subject_to_the_current_limit() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let out = two_on_one_slot(&store).await;
    clock.advance(Seconds(OVER.0 - 1));
    store.renew(&pool(), out[1], TTL, None).await.expect("an answer");
    // Before its expiry the repeated call gets its lease.
    let again = acquire(&store, out[0], Class::Standard).await;
    assert!(matches!(again, Acquired::Granted { in_use: 2, .. }), "{again:?}");
    clock.advance(Seconds(1));
    for class in CLASSES {
        let refused = acquire(&store, out[0], class).await;
        assert_eq!(refused, Acquired::Full { in_use: 2, max_connections: 1 });
    }
    store.release(&pool(), out[1], None).await.expect("an answer");
    let granted = acquire(&store, out[0], Class::Standard).await;
    assert!(matches!(granted, Acquired::Granted { in_use: 1, taken_over: 1, .. }), "{granted:?}");
}

#[tokio::test]
async fn an_expired_lease_that_is_renewed_is_subject_to_the_current_limit() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let out = two_on_one_slot(&store).await;
    clock.advance(Seconds(OVER.0 - 1));
    // Before its expiry it is renewed, however many are held.
    let renewed = store.renew(&pool(), out[1], Seconds(1), None).await.expect("an answer");
    assert!(matches!(renewed, Renewed::Until { .. }), "{renewed:?}");
    clock.advance(OVER);
    let before = now(&store).await;
    dynamo.capacity.take();
    for &lease in &out {
        assert_eq!(store.renew(&pool(), lease, TTL, None).await.expect("an answer"), Renewed::Lost);
    }
    // A refused renewal is one request, a renewal one write unit.
    assert_eq!(dynamo.capacity.take(), (vec![], 2));
    assert_eq!(now(&store).await, before);
    store.release(&pool(), out[1], None).await.expect("an answer");
    store.drain(&pool()).await.expect("the pool");
    assert_eq!(store.renew(&pool(), out[0], TTL, None).await.expect("an answer"), Renewed::Lost);
    store.resume(&pool()).await.expect("the pool");
    dynamo.capacity.take();
    let renewed = store.renew(&pool(), out[0], TTL, None).await.expect("an answer");
    assert!(matches!(renewed, Renewed::Until { .. }), "{renewed:?}");
    assert_eq!(dynamo.capacity.take(), (vec![1.0], 1));
}

#[tokio::test]
async fn an_evicted_lease_is_lost_to_its_holder() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let out = fill(&store, 2).await;
    let evicted = store.evict(&pool(), out[0]).await.expect("an answer");
    assert_eq!((evicted.was_until, evicted.in_use), (Some(START.plus(TTL)), 1));
    let again = store.evict(&pool(), out[0]).await.expect("an answer");
    assert_eq!((again.was_until, again.in_use), (None, 1));
    assert_eq!(store.renew(&pool(), out[0], TTL, None).await.expect("an answer"), Renewed::Lost);
    assert!(!store.release(&pool(), out[0], None).await.expect("an answer").released);
    assert_eq!(now(&store).await.leases.into_keys().collect::<Vec<_>>(), [out[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expired_leases_are_swept_once_and_live_ones_stay() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    let crashed = fill(&store, 20).await;
    clock.advance(Seconds(OVER.0 - 1));
    store.renew(&pool(), crashed[0], TTL, None).await.expect("an answer");
    assert_eq!(store.sweep(&pool()).await.expect("an answer").swept, 0);
    clock.advance(Seconds(1));
    let pool = pool();
    let sweeps = join_all((0..10).map(|_| store.sweep(&pool))).await;
    let swept: u32 = sweeps.into_iter().map(|swept| swept.expect("an answer").swept).sum();
    assert_eq!(swept, 19);
    assert_eq!(now(&store).await.leases.into_keys().collect::<Vec<_>>(), [crashed[0]]);
}

#[tokio::test]
async fn an_operation_is_one_write_unit_and_a_rejection_one_request() {
    let dynamo = Dynamo::start().await;
    let (store, clock) = dynamo.store().await;
    fill(&store, 62).await;
    dynamo.capacity.take();
    store.drain(&pool()).await.expect("the pool");
    assert_eq!(dynamo.capacity.take(), (vec![1.0], 1));
    acquire(&store, lease(), Class::Standard).await;
    assert_eq!(dynamo.capacity.take(), (vec![], 1));
    clock.advance(OVER);
    store.sweep(&pool()).await.expect("an answer");
    // A read of one unit, and the write.
    assert_eq!(dynamo.capacity.take(), (vec![1.0, 1.0], 2));
    store.resume(&pool()).await.expect("the pool");
    assert_eq!(dynamo.capacity.take(), (vec![1.0], 1));
}
