//! Ownership of a pool: the same in the store in memory and on an embedded DynamoDB.

mod support;

use std::sync::Arc;

use rds_admission::pool::PoolName;
use rds_admission::store::{
    Claimed, DynamoStore, MemoryStore, Owner, Ownership, PoolAdmin, SlotStore,
};
use rds_admission::time::FakeClock;
use support::dynamo::{Dynamo, START, TABLE};
use support::{pool, t2_micro};

fn owner(stack: &str, resource: &str) -> Owner {
    Owner {
        stack: format!("arn:aws:cloudformation:r:1:stack/{stack}/1"),
        resource: resource.into(),
    }
}

async fn owned_by_one_resource<S: PoolAdmin>(store: &S) {
    let (pool, other): (_, PoolName) = (pool(), "Other".parse().expect("a name"));
    let (ours, second, theirs) =
        (owner("ours", "Pool"), owner("ours", "Slots"), owner("theirs", "Pool"));
    let now = async || store.ownership(&pool).await.expect("an answer");
    let owned =
        |owner: &Owner, handed_to| Some(Ownership { owner: Some(owner.clone()), handed_to });
    assert_eq!(now().await, None);
    for to in [None, Some(&other), None] {
        assert_eq!(store.claim(&pool, &ours, to).await.expect("an answer"), Claimed::Yes);
        assert_eq!(now().await, owned(&ours, to.cloned()));
    }
    for other in [&second, &theirs] {
        let refused = store.claim(&pool, other, Some(&pool)).await.expect("an answer");
        assert_eq!(refused, Claimed::By(ours.clone()));
        for gone in [false, true] {
            store.disown(&pool, other, gone).await.expect("an answer");
            assert_eq!(now().await, owned(&ours, None));
        }
    }
    // A pool that was left may be claimed by another owner.
    store.disown(&pool, &ours, false).await.expect("an answer");
    assert_eq!(now().await, Some(Ownership::default()));
    assert_eq!(store.claim(&pool, &theirs, None).await.expect("an answer"), Claimed::Yes);
    for _ in 0..2 {
        store.disown(&pool, &theirs, true).await.expect("an answer");
        assert_eq!(now().await, None);
    }
}

#[tokio::test]
async fn a_pool_is_owned_by_one_resource_of_one_stack() {
    let clock = Arc::new(FakeClock::at(START));
    owned_by_one_resource(&MemoryStore::new(Arc::clone(&clock))).await;
    let dynamo = Dynamo::start().await;
    owned_by_one_resource(&DynamoStore::new(dynamo.client.clone(), TABLE, clock)).await;
}

#[tokio::test]
async fn an_owner_does_not_change_the_pools_own_item() {
    let dynamo = Dynamo::start().await;
    let (store, _) = dynamo.store().await;
    let before = store.read(&pool()).await.expect("the pool");
    let name = "a".repeat(128);
    store.claim(&pool(), &owner(&name, "Pool"), None).await.expect("an answer");
    assert_eq!(store.read(&pool()).await.expect("the pool"), before);
    store.define(&pool(), t2_micro(), None).await.expect("the pool");
    assert!(store.remove_unused(&pool()).await.expect("an answer"));
    let known = store.ownership(&pool()).await.expect("an answer").and_then(|known| known.owner);
    assert_eq!(known, Some(owner(&name, "Pool")));
}
