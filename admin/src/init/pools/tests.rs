use std::sync::Arc;

use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::store::{MemoryStore, SlotStore};
use rds_admission::time::{FakeClock, Seconds, UnixSeconds};

use super::*;

type TestStore = MemoryStore<Arc<FakeClock>>;

const ORDERS: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/orders/51af3dc0";
const OTHERS: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/others/0da77-11e4";
const SLOTS: u32 = 6;

fn store() -> (TestStore, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::at(UnixSeconds(1_000)));
    (MemoryStore::new(Arc::clone(&clock)), clock)
}

fn pools<'s>(store: &'s TestStore, stack: &str) -> Pools<'s, TestStore> {
    Pools::new(store, Owner { stack: stack.to_owned(), resource: "Pool".to_owned() })
}

fn name(name: &str) -> PoolName {
    name.parse().expect("a name")
}

fn size(slots: u32) -> PoolSize {
    PoolSize::divide(slots, 0, 0).expect("a size")
}

/// Time for a second's wait.
fn soon() -> Deadline {
    Deadline::within(WRITES + PAUSE + PAUSE / 2)
}

async fn create(pools: &Pools<'_, TestStore>, pool: &str) -> Result<NonZeroU32, PoolError> {
    let pool = &name(pool);
    let wanted = Wanted { pool, size: size(SLOTS), shards: None, before: None };
    pools.prepare(wanted, soon()).await
}

async fn update(
    pools: &Pools<'_, TestStore>,
    before: &str,
    after: &str,
) -> Result<NonZeroU32, PoolError> {
    let (pool, before) = (&name(after), Some(name(before)));
    let wanted = Wanted { pool, size: size(SLOTS), shards: None, before };
    pools.prepare(wanted, soon()).await
}

/// Acquires a slot. Returns whether it was granted.
async fn is_granted(store: &TestStore, pool: &str, lease: u32) -> bool {
    let lease: LeaseId = format!("lease{lease:03}").parse().expect("an id");
    let asked =
        store.acquire(&Shard::first(&name(pool)), lease, Seconds(30), Class::Standard).await;
    asked.is_ok_and(|outcome| outcome.grant.is_some())
}

async fn in_use(store: &TestStore, pool: &str) -> u32 {
    store.read(&name(pool)).await.map_or(0, |pool| pool.in_use())
}

async fn owner_of(store: &TestStore, pool: &str) -> Option<String> {
    let known = store.ownership(&name(pool)).await.expect("an answer");
    known.and_then(|known| known.owner).map(|owner| owner.stack_name().to_owned())
}

#[tokio::test]
async fn another_stack_is_refused_by_name_and_its_deletion_removes_nothing() {
    let (store, _) = store();
    let (first, second) = (pools(&store, ORDERS), pools(&store, OTHERS));
    create(&first, "Orders").await.expect("the pool");
    store.resize(&name("Orders"), size(4), None).await.expect("the pool");
    for refused in [create(&second, "Orders").await, update(&second, "Mine", "Orders").await] {
        let Err(error @ PoolError::Owned { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("stack orders"), "{error}");
    }
    for id in [Some(name("Orders")), None] {
        assert!(!second.remove(id, Some(name("Orders"))).await.expect("an answer"));
    }
    let pool = store.read(&name("Orders")).await.expect("the pool");
    assert_eq!((pool.size, pool.draining), (size(4), false));
    // Requests of its own stack can be repeated.
    create(&first, "Orders").await.expect("the pool");
    update(&first, "Orders", "Orders").await.expect("the pool");
    assert!(first.remove(Some(name("Orders")), None).await.expect("an answer"));
    assert!(!first.remove(Some(name("Orders")), None).await.expect("an answer"));
    create(&second, "Orders").await.expect("the pool");
}

#[tokio::test]
async fn an_update_claims_its_unowned_pool_and_a_creation_does_not() {
    let (store, _) = store();
    store.define(&name("Orders"), size(4), None).await.expect("the pool");
    let (first, second) = (pools(&store, ORDERS), pools(&store, OTHERS));
    let refused = create(&second, "Orders").await;
    assert!(matches!(refused, Err(PoolError::Unowned { .. })), "{refused:?}");
    assert_eq!(store.read(&name("Orders")).await.expect("the pool").size, size(4));
    update(&first, "Orders", "Orders").await.expect("the pool");
    assert_eq!(owner_of(&store, "Orders").await.as_deref(), Some("orders"));
    assert_eq!(store.read(&name("Orders")).await.expect("the pool").size, size(SLOTS));
    let refused = update(&second, "Orders", "Orders").await;
    assert!(matches!(refused, Err(PoolError::Owned { .. })), "{refused:?}");
    // A stack that was never updated still removes its pool.
    store.define(&name("Old"), size(4), None).await.expect("the pool");
    assert!(second.remove(Some(name("Old")), None).await.expect("an answer"));
}

#[tokio::test]
async fn a_pool_that_its_stack_leaves_behind_can_be_claimed() {
    let (store, _) = store();
    let (first, second) = (pools(&store, ORDERS), pools(&store, OTHERS));
    create(&first, "Orders").await.expect("the pool");
    assert!(is_granted(&store, "Orders", 0).await);
    assert!(!first.remove(Some(name("Orders")), None).await.expect("an answer"));
    assert_eq!(in_use(&store, "Orders").await, 1);
    create(&second, "Orders").await.expect("the pool");
    assert_eq!(owner_of(&store, "Orders").await.as_deref(), Some("others"));
}

#[tokio::test]
async fn a_creation_without_a_response_is_undone_by_its_properties() {
    let (store, _) = store();
    let pools = pools(&store, ORDERS);
    create(&pools, "Orders").await.expect("the pool");
    let made_up = Some(name("orders-Pool-1H7QX"));
    assert!(pools.remove(made_up, Some(name("Orders"))).await.expect("an answer"));
    assert_eq!(store.ownership(&name("Orders")).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_renamed_pool_grants_nothing_before_the_old_one_is_empty() {
    let (store, _) = store();
    let orders = pools(&store, ORDERS);
    create(&orders, "Orders").await.expect("the pool");
    for lease in 0..SLOTS {
        assert!(is_granted(&store, "Orders", lease).await);
    }
    // Both pools share a server, so together they never hold more leases than one has slots.
    let callers = async {
        let mut left = SLOTS;
        loop {
            let new = is_granted(&store, "Orders2", 100).await;
            assert!(!(new && left > 0), "{left} leases are held in the old pool");
            if new {
                break;
            }
            assert!(!is_granted(&store, "Orders", 50).await, "the old pool is full or draining");
            if left > 0 && store.read(&name("Orders")).await.expect("the pool").draining {
                left -= 1;
                let lease = format!("lease{left:03}").parse().expect("an id");
                store.release(&name("Orders"), lease, None).await.expect("an answer");
            }
            tokio::task::yield_now().await;
        }
    };
    let (renamed, ()) = tokio::join!(update(&orders, "Orders", "Orders2"), callers);
    renamed.expect("the pool");
    assert!(!is_granted(&store, "Orders", 50).await);
    // The request that CloudFormation sends next.
    assert!(orders.remove(Some(name("Orders")), None).await.expect("an answer"));
    assert!(orders.remove(Some(name("Orders2")), None).await.is_ok_and(|removed| !removed));
}

#[tokio::test]
async fn a_pool_that_is_resumed_meanwhile_is_drained_again() {
    let (store, _) = store();
    let orders = pools(&store, ORDERS);
    create(&orders, "Orders").await.expect("the pool");
    assert!(is_granted(&store, "Orders", 0).await);
    let orders_pool = name("Orders");
    let drains = async || {
        while !store.read(&orders_pool).await.expect("the pool").draining {
            tokio::task::yield_now().await;
        }
    };
    let operator = async {
        drains().await;
        store.resume(&orders_pool).await.expect("the pool");
        // The pool is empty for a moment, but it grants slots.
        let lease = "lease000".parse().expect("an id");
        store.release(&orders_pool, lease, None).await.expect("an answer");
        drains().await;
        assert!(!is_granted(&store, "Orders", 1).await);
    };
    let (renamed, ()) = tokio::join!(update(&orders, "Orders", "Orders2"), operator);
    renamed.expect("the pool");
    assert!(store.read(&orders_pool).await.expect("the pool").draining);
}

#[tokio::test]
async fn a_pool_that_does_not_become_empty_is_not_handed_over() {
    for drained in [false, true] {
        let (store, clock) = store();
        let (orders, others) = (pools(&store, ORDERS), pools(&store, OTHERS));
        create(&orders, "Orders").await.expect("the pool");
        assert!(is_granted(&store, "Orders", 0).await);
        if drained {
            store.drain(&name("Orders")).await.expect("the pool");
        }
        let refused = update(&orders, "Orders", "Orders2").await.expect_err("a lease is out");
        let said = refused.to_string();
        assert!(said.contains("pool Orders was not handed over to Orders2: 1 of its"), "{said}");
        assert!(said.contains("slots drain --pool Orders --wait"), "{said}");
        // A pool that an operator drained stays drained.
        assert_eq!(said.contains("is still draining"), drained);
        assert_eq!(is_granted(&store, "Orders", 1).await, !drained);
        assert!(!is_granted(&store, "Orders2", 1).await);
        // The rollback changes nothing, and the new name is free.
        update(&orders, "Orders", "Orders").await.expect("the pool");
        create(&others, "Orders2").await.expect("the pool");
        // Expired leases do not block the handover.
        clock.advance(Seconds(60));
        update(&orders, "Orders", "Orders3").await.expect("the pool");
    }
}

#[tokio::test]
async fn a_rollback_hands_the_slots_back() {
    let (store, _) = store();
    let orders = pools(&store, ORDERS);
    create(&orders, "Orders").await.expect("the pool");
    update(&orders, "Orders", "Orders2").await.expect("the pool");
    assert!(is_granted(&store, "Orders2", 0).await);
    let refused = update(&orders, "Orders2", "Orders").await;
    assert!(matches!(refused, Err(PoolError::NotEmpty { in_use: 1, .. })), "{refused:?}");
    assert!(!is_granted(&store, "Orders", 1).await);
    let lease = "lease000".parse().expect("an id");
    store.release(&name("Orders2"), lease, None).await.expect("an answer");
    update(&orders, "Orders2", "Orders").await.expect("the pool");
    assert!(is_granted(&store, "Orders", 1).await);
    assert!(!is_granted(&store, "Orders2", 1).await);
    assert!(orders.remove(Some(name("Orders2")), None).await.expect("an answer"));
    assert_eq!(in_use(&store, "Orders").await, 1);
}

/// The process ends at some point, and CloudFormation rolls back.
#[tokio::test]
async fn an_interrupted_handover_is_undone_by_the_rollback() {
    for (drained, defined) in [(false, false), (true, false), (true, true)] {
        let (store, _) = store();
        let orders = pools(&store, ORDERS);
        create(&orders, "Orders").await.expect("the pool");
        store.claim(&name("Orders2"), &orders.owner, None).await.expect("an answer");
        store.claim(&name("Orders"), &orders.owner, Some(&name("Orders2"))).await.expect("it");
        if drained {
            store.drain(&name("Orders")).await.expect("the pool");
        }
        if defined {
            store.define(&name("Orders2"), size(SLOTS), None).await.expect("the pool");
            assert!(is_granted(&store, "Orders2", 0).await);
            let refused = update(&orders, "Orders", "Orders").await;
            assert!(matches!(refused, Err(PoolError::NotEmpty { .. })), "{refused:?}");
            assert!(!is_granted(&store, "Orders", 0).await);
            let lease = "lease000".parse().expect("an id");
            store.release(&name("Orders2"), lease, None).await.expect("an answer");
        }
        update(&orders, "Orders", "Orders").await.expect("the pool");
        assert!(is_granted(&store, "Orders", 0).await);
        assert!(matches!(store.read(&name("Orders2")).await, Err(StoreError::UnknownPool(_))));
        let known =
            store.ownership(&name("Orders")).await.expect("an answer").expect("it is theirs");
        assert_eq!(known.handed_to, None);
    }
}

#[tokio::test]
async fn a_stack_that_leaves_another_stacks_pool_does_not_change_it() {
    let (store, _) = store();
    let (orders, others) = (pools(&store, ORDERS), pools(&store, OTHERS));
    create(&others, "Orders").await.expect("the pool");
    update(&orders, "Orders", "Mine").await.expect("the pool");
    assert!(is_granted(&store, "Orders", 0).await);
    assert!(!orders.remove(Some(name("Orders")), None).await.expect("an answer"));
    assert_eq!(in_use(&store, "Orders").await, 1);
}

#[tokio::test]
async fn an_unowned_pool_is_not_claimed_by_a_rename_of_another_stack() {
    let (store, _) = store();
    store.define(&name("Orders"), size(4), None).await.expect("the pool");
    let (first, second) = (pools(&store, ORDERS), pools(&store, OTHERS));
    create(&second, "Mine").await.expect("the pool");
    let refused = update(&second, "Mine", "Orders").await;
    assert!(matches!(refused, Err(PoolError::Unowned { .. })), "{refused:?}");
    assert!(is_granted(&store, "Mine", 0).await);
    assert_eq!(store.read(&name("Orders")).await.expect("the pool").size, size(4));
    assert_eq!(owner_of(&store, "Orders").await, None);
    // Its own stack may rename the pool, and rename it back.
    update(&first, "Orders", "Orders2").await.expect("the pool");
    update(&first, "Orders2", "Orders").await.expect("the pool");
    assert_eq!(owner_of(&store, "Orders").await.as_deref(), Some("orders"));
}

#[tokio::test]
async fn a_second_resource_is_refused_and_its_deletion_keeps_the_pool() {
    let (store, _) = store();
    let first = pools(&store, ORDERS);
    let owner = Owner { stack: ORDERS.to_owned(), resource: "Slots".to_owned() };
    let second = Pools::new(&store, owner);
    create(&first, "Orders").await.expect("the pool");
    store.resize(&name("Orders"), size(4), None).await.expect("the pool");
    create(&second, "Mine").await.expect("the pool");
    for refused in [create(&second, "Orders").await, update(&second, "Mine", "Orders").await] {
        let Err(error @ PoolError::Sibling { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("resource Pool of this stack"), "{error}");
    }
    // The request that CloudFormation sends next, by either id.
    for id in [None, Some(name("Orders"))] {
        assert!(!second.remove(id, Some(name("Orders"))).await.expect("an answer"));
    }
    assert_eq!(store.read(&name("Orders")).await.expect("the pool").size, size(4));
    assert!(is_granted(&store, "Orders", 0).await && is_granted(&store, "Mine", 0).await);
    update(&first, "Orders", "Orders").await.expect("it is the first one's as ever");
}

#[tokio::test]
async fn a_pool_that_was_left_draining_grants_for_its_new_owner() {
    for is_new in [true, false] {
        let (store, _) = store();
        let (first, second) = (pools(&store, ORDERS), pools(&store, OTHERS));
        create(&first, "Orders").await.expect("the pool");
        assert!(is_granted(&store, "Orders", 0).await);
        store.drain(&name("Orders")).await.expect("the pool");
        assert!(!first.remove(Some(name("Orders")), None).await.expect("an answer"));
        if is_new {
            // The first attempt ended after its claim.
            store.claim(&name("Orders"), &second.owner, None).await.expect("an answer");
            create(&second, "Orders").await.expect("the pool");
        } else {
            create(&second, "Mine").await.expect("the pool");
            update(&second, "Mine", "Orders").await.expect("the pool");
        }
        assert!(is_granted(&store, "Orders", 1).await);
        // A later drain by an operator survives an update of something else.
        store.drain(&name("Orders")).await.expect("the pool");
        update(&second, "Orders", "Orders").await.expect("the pool");
        assert!(!is_granted(&store, "Orders", 2).await);
    }
}

#[tokio::test]
async fn a_rollback_frees_the_name_that_an_interrupted_handover_claimed() {
    let (store, _) = store();
    let (orders, others) = (pools(&store, ORDERS), pools(&store, OTHERS));
    create(&orders, "Orders").await.expect("the pool");
    store.claim(&name("Orders2"), &orders.owner, None).await.expect("an answer");
    store.claim(&name("Orders"), &orders.owner, Some(&name("Orders2"))).await.expect("it");
    update(&orders, "Orders", "Orders").await.expect("the pool");
    assert_eq!(store.ownership(&name("Orders2")).await.expect("an answer"), None);
    create(&others, "Orders2").await.expect("the pool");
}
