//! Waiting for a slot with a controller in this process.

mod support;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rds_admission::client::{Admission, AdmissionError, ReleaseOutcome};
use rds_admission::controller::Controller;
use rds_admission::pool::{Class, PoolSize, Shard};
use rds_admission::store::{DynamoStore, PoolAdmin, SlotStore};
use rds_admission::time::{Deadline, Seconds, SystemClock};
use rds_admission::wire::Reason;
use support::dynamo::{Dynamo, TABLE};
use support::hold::HoldSlot;
use support::{lease, pool};
use tokio::sync::oneshot;

type Direct = Controller<DynamoStore<SystemClock>, SystemClock>;

/// A pool with `slots` slots in `shards` shards, and a controller.
async fn world(slots: u32, shards: u32) -> (Dynamo, Direct) {
    let dynamo = Dynamo::start().await;
    let store = DynamoStore::new(dynamo.client.clone(), TABLE, SystemClock);
    let size = PoolSize::divide(slots, 0, 0).expect("a size");
    let shards = shards.try_into().expect("not 0");
    store.define(&pool(), size, Some(shards)).await.expect("the pool");
    let controller = Controller::new(store, SystemClock, StdRng::seed_from_u64(1));
    (dynamo, controller)
}

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(30))
}

async fn in_use(controller: &Direct) -> u32 {
    controller.store().read(&pool()).await.expect("the pool").in_use()
}

#[tokio::test]
async fn a_table_backend_grants_and_releases_slots() {
    let (_dynamo, controller) = world(30, 3).await;
    let admission = Admission::new(Arc::new(controller.clone()), pool());
    for _ in 0..10 {
        let admitted = admission.hold(soon(), async |_| in_use(&controller).await).await;
        let admitted = admitted.expect("a slot");
        assert_eq!((admitted.value, admitted.held.refusals), (1, 0));
        assert!(matches!(admitted.held.outcome, ReleaseOutcome::Released));
    }
    assert_eq!(in_use(&controller).await, 0);
}

#[tokio::test]
async fn a_slot_is_released_in_the_shard_that_granted_it() {
    let (dynamo, controller) = world(30, 3).await;
    let admission = Admission::new(Arc::new(controller), pool());
    // The first answer shows the number of shards.
    admission.hold(soon(), async |_| ()).await.expect("a slot");
    for _ in 0..10 {
        dynamo.capacity.take();
        admission.hold(soon(), async |_| ()).await.expect("a slot");
        assert_eq!(dynamo.capacity.take(), (vec![1.0; 2], 2));
    }
}

#[tokio::test]
async fn a_waiting_caller_gets_the_slot_that_is_released() {
    let (_dynamo, controller) = world(1, 1).await;
    let held = lease();
    controller
        .store()
        .acquire(&Shard::first(&pool()), held, Seconds(60), Class::Standard)
        .await
        .expect("a slot");
    let admission =
        Admission::new(Arc::new(controller.clone()), pool()).waiting(Duration::from_secs(20));
    let (refused, was_refused) = oneshot::channel();
    let free = async {
        // The other caller waits by now, or is about to.
        was_refused.await.expect("it was refused");
        controller.release(&pool(), held, None).await.expect("an answer");
    };
    let waiting = async {
        // A caller that does not wait is rejected.
        let hasty = Admission::new(Arc::new(controller.clone()), pool());
        let hasty = hasty.hold(soon(), async |_| ()).await;
        assert!(matches!(hasty, Err(AdmissionError::Rejected(_))));
        refused.send(()).expect("a receiver");
        admission.hold(soon(), async |_| ()).await
    };
    let (admitted, ()) = tokio::join!(waiting, free);
    admitted.expect("a slot");
    assert_eq!(in_use(&controller).await, 0);
}

#[tokio::test]
async fn a_waiting_caller_is_rejected_when_its_time_is_over() {
    let (dynamo, controller) = world(1, 1).await;
    controller
        .store()
        .acquire(&Shard::first(&pool()), lease(), Seconds(60), Class::Standard)
        .await
        .expect("one");
    let wait = Duration::from_millis(600);
    dynamo.capacity.take();
    let admission = Admission::new(Arc::new(controller), pool()).waiting(wait);
    let refused = admission.hold(soon(), async |_| ()).await;
    let Err(AdmissionError::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.reason, Reason::Full);
    assert!(dynamo.capacity.take().1 > 1, "it has tried again");
}

#[tokio::test]
async fn a_draining_pool_is_not_waited_for() {
    let (dynamo, controller) = world(1, 1).await;
    controller.store().drain(&pool()).await.expect("the pool");
    dynamo.capacity.take();
    let admission = Admission::new(Arc::new(controller), pool()).waiting(Duration::from_secs(20));
    let refused = admission.hold(soon(), async |_| ()).await;
    let Err(AdmissionError::Rejected(refused)) = refused else { panic!("{refused:?}") };
    assert_eq!((refused.reason, dynamo.capacity.take().1), (Reason::Draining, 1));
}
