//! A pool over several items.

use rds_admission::pool::{LeaseId, Shard};
use rds_admission::store::SlotStore;
use serde_json::json;

use crate::slots::World;
use crate::support::{lease, pool};

impl World {
    /// A pool of three items with one lease in each.
    async fn split() -> (Self, Vec<LeaseId>) {
        let world = Self::new().await;
        for arguments in [&["drain"][..], &["resize", "62", "--shards", "3"], &["resume"]] {
            let (code, output) = world.run(arguments).await;
            assert_eq!(code, 0, "{output}");
        }
        let mut leases = Vec::new();
        for number in 0..3 {
            let id = world.lease_in(number, lease().as_str()).await;
            assert_eq!(world.shard_of(id).await, Some(number));
            leases.push(id);
        }
        (world, leases)
    }

    async fn shard_of(&self, lease: LeaseId) -> Option<u32> {
        self.store.find(&pool(), lease).await.expect("a pool")
    }

    async fn has(&self, number: u32) -> bool {
        self.store.peek(&Shard::new(pool(), number)).await.is_ok()
    }
}

#[tokio::test]
async fn a_pool_is_split_and_merged_only_while_it_is_drained_and_empty() {
    let world = World::new().await;
    let held = world.lease("Zk3v9Qa1").await;
    let to_three = ["resize", "62", "--shards", "3"];
    for drained in [false, true] {
        if drained {
            assert_eq!(world.run(&["drain"]).await.0, 0);
        }
        let (code, output) = world.run(&to_three).await;
        assert_eq!((code, output.trim_end().lines().count()), (2, 1), "{output}");
        assert!(
            output.contains("the number of items can change from 1 to 3 only while"),
            "{output}"
        );
        assert!(output.contains("drain it first"), "{output}");
        assert!(!world.has(1).await);
    }
    assert!(world.store.release(&pool(), held, None).await.expect("an answer").released);
    let (code, answer) = world.json(&to_three).await;
    assert_eq!((code, &answer["shards"], &answer["draining"]), (0, &json!(3), &json!(true)));
    assert_eq!((&answer["maxConnections"], &answer["standardLimit"]), (&json!(62), &json!(60)));
    assert_eq!(world.json(&["resume"]).await.1["draining"], false);

    // The same for merging.
    let (code, output) = world.run(&["resize", "62", "--shards", "1"]).await;
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("drain it first"), "{output}");
    assert!(world.has(2).await);
    assert_eq!(world.json(&["drain", "--wait"]).await.1["inUse"], 0);
    let (code, answer) = world.json(&["resize", "62", "--shards", "1"]).await;
    assert_eq!((code, &answer["shards"], &answer["maxConnections"]), (0, &json!(1), &json!(62)));
    assert!(!world.has(1).await && !world.has(2).await);
}

#[tokio::test]
async fn items_that_can_not_be_removed_are_reported_and_grant_nothing() {
    let (world, leases) = World::split().await;
    for lease in leases {
        assert!(world.store.release(&pool(), lease, None).await.expect("an answer").released);
    }
    assert_eq!(world.run(&["drain"]).await.0, 0);
    world.proxy.deny("DeleteItem");
    let to_one = ["resize", "62", "--shards", "1"];
    let (code, output) = world.run(&to_one).await;
    assert_eq!((code, output.trim_end().lines().count()), (2, 1), "{output}");
    for part in ["has its new size", "takes dynamodb:DeleteItem", "same command again"] {
        assert!(output.contains(part), "{output}");
    }
    let (_, status) = world.json(&["status"]).await;
    assert_eq!((&status["shards"], &status["maxConnections"]), (&json!(1), &json!(62)));
    assert_eq!(world.run(&["resume"]).await.0, 0);
    // This store still reads three items, the surplus ones too.
    for number in 1..3 {
        assert!(world.store.peek(&Shard::new(pool(), number)).await.expect("an item").draining);
    }
    world.proxy.allow("DeleteItem");
    let (code, answer) = world.json(&to_one).await;
    assert_eq!((code, &answer["shards"], &answer["draining"]), (0, &json!(1), &json!(false)));
    assert!(!world.has(1).await && !world.has(2).await);
}

#[tokio::test]
async fn more_items_than_slots_are_refused() {
    let world = World::new().await;
    assert_eq!(world.run(&["drain"]).await.0, 0);
    let (code, output) = world.run(&["resize", "4", "--shards", "3"]).await;
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("2 standard slots can't be split over 3 items"), "{output}");
    assert_eq!(world.json(&["status"]).await.1["maxConnections"], 62);
}

#[tokio::test]
async fn items_are_added_with_slots_at_any_time() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    let (code, answer) = world.json(&["resize", "100", "--shards", "2"]).await;
    assert_eq!((code, &answer["shards"], &answer["inUse"]), (0, &json!(2), &json!(1)));
    assert_eq!((&answer["maxConnections"], &answer["draining"]), (&json!(100), &json!(false)));
    let (code, answer) = world.json(&["resize", "400"]).await;
    let items = answer["shards"].as_u64().expect("a number");
    assert_eq!((code, &answer["maxConnections"]), (0, &json!(400)));
    assert!(items > 2, "it grows out of two: {answer}");
}

#[tokio::test]
async fn the_status_of_a_split_pool_is_its_sum() {
    let (world, leases) = World::split().await;
    let (code, status) = world.json(&["status"]).await;
    assert_eq!((code, &status["shards"], &status["inUse"]), (0, &json!(3), &json!(3)));
    assert_eq!((&status["maxConnections"], &status["standardLimit"]), (&json!(62), &json!(60)));
    let shown = status["leases"].as_array().expect("a list").iter();
    let mut shown: Vec<_> = shown.map(|lease| lease["lease"].as_str().expect("an id")).collect();
    let mut out: Vec<_> = leases.iter().map(LeaseId::as_str).collect();
    shown.sort_unstable();
    out.sort_unstable();
    assert_eq!(shown, out);
    let (code, text) = world.run(&["status"]).await;
    assert_eq!(code, 0);
    assert!(text.contains("items      3"), "{text}");
}

#[tokio::test]
async fn a_lease_is_evicted_and_waited_for_in_any_item() {
    let (world, leases) = World::split().await;
    for (lease, left) in leases.iter().zip([2, 1, 0]) {
        let (code, answer) = world.json(&["evict", lease.as_str()]).await;
        assert_eq!((code, &answer["evicted"], &answer["inUse"]), (0, &json!(true), &json!(left)));
        assert_eq!(world.shard_of(*lease).await, None);
    }
    for number in 0..12 {
        world.expired_in(number % 3, lease().as_str()).await;
    }
    let (code, answer) = world.json(&["drain", "--wait"]).await;
    assert_eq!((code, &answer["down"], &answer["inUse"]), (0, &json!(true), &json!(0)));
}
