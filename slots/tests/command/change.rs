//! Commands that change the pool.

use rds_admission::pool::{Class, LeaseId, Shard};
use rds_admission::store::{PoolAdmin, SlotStore};
use rds_admission::time::Seconds;
use serde_json::{Value, json};

use crate::slots::World;
use crate::support::{lease, pool};

async fn is_granted(world: &World, class: Class) -> bool {
    let acquired = world.store.acquire(&Shard::first(&pool()), lease(), Seconds(60), class).await;
    acquired.expect("an answer").grant.is_some()
}

#[tokio::test]
async fn a_drained_pool_grants_nothing_until_it_is_resumed() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    for _ in 0..2 {
        let (code, answer) = world.json(&["drain"]).await;
        assert_eq!((code, &answer["draining"], &answer["inUse"]), (0, &json!(true), &json!(1)));
    }
    assert!(!is_granted(&world, Class::Priority).await);
    let (code, output) = world.run(&["status"]).await;
    assert_eq!(code, 0);
    assert!(output.contains("DRAINING"), "{output}");
    let (code, answer) = world.json(&["resume"]).await;
    assert_eq!((code, &answer["draining"]), (0, &json!(false)));
    assert!(is_granted(&world, Class::Standard).await);
    let (code, output) = world.run(&["resume"]).await;
    assert_eq!(code, 0);
    assert!(output.starts_with("was not draining"), "{output}");
}

#[tokio::test]
async fn drain_wait_ends_with_the_last_lease_and_removes_expired_ones() {
    let world = World::new().await;
    let held: LeaseId = world.lease("Zk3v9Qa1").await;
    world.expired("crashed1").await;
    let mut waiting = world.command(&["drain", "--wait"]);
    let waiting = waiting.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let waiting = waiting.spawn().expect("it runs");
    // The expired lease is removed, the held one stays.
    while world.in_use().await != 1 {
        tokio::task::yield_now().await;
    }
    assert!(world.store.release(&pool(), held, None).await.expect("an answer").released);
    let (code, output) =
        crate::slots::output_of(&waiting.wait_with_output().await.expect("it ends"));
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("done: Prod_MySQL: 0 of 62 slots in use"), "{output}");
}

#[tokio::test]
async fn drain_wait_times_out() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    let mut waiting = world.command(&["drain", "--wait", "--timeout", "1", "--json"]);
    let waited = waiting.output().await.expect("it runs");
    let answer: Value = serde_json::from_slice(&waited.stdout).expect("JSON and nothing else");
    assert_eq!(waited.status.code(), Some(1));
    assert_eq!((&answer["down"], &answer["inUse"]), (&json!(false), &json!(1)));
    // The pool stays drained.
    assert_eq!(answer["draining"], true);
    // Progress is JSON too, and printed once because nothing changed.
    let progress: Value = serde_json::from_slice(&waited.stderr).expect("one line of JSON");
    let waiting = &progress["waiting"];
    assert_eq!((&waiting["inUse"], &waiting["toGo"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn drain_wait_ends_when_the_pool_is_resumed() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    let mut waiting = world.command(&["drain", "--wait"]);
    let waiting = waiting.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let waiting = waiting.spawn().expect("it runs");
    while !world.store.read(&pool()).await.expect("a pool").draining {
        tokio::task::yield_now().await;
    }
    world.store.resume(&pool()).await.expect("a pool");
    let (code, output) =
        crate::slots::output_of(&waiting.wait_with_output().await.expect("it ends"));
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("the pool was changed"), "{output}");
}

#[tokio::test]
async fn a_size_keeps_the_priority_slots_unless_they_are_given() {
    let world = World::new().await;
    for (arguments, slots, standard) in [
        (&["resize", "40"][..], 40, 38),
        (&["resize", "50", "--priority", "5"], 50, 45),
        (&["resize", "70"], 70, 65),
    ] {
        let (code, answer) = world.json(arguments).await;
        assert_eq!((code, &answer["maxConnections"]), (0, &json!(slots)));
        assert_eq!(answer["standardLimit"], standard);
    }
    let (code, output) = world.run(&["resize", "5"]).await;
    assert_eq!(code, 2, "{output}");
    assert!(output.contains("5 priority slots leave none of 5"), "{output}");
    assert_eq!(world.json(&["status"]).await.1["maxConnections"], 70);
}

#[tokio::test]
async fn resize_wait_ends_when_enough_leases_have_ended() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    let second = world.lease("Zk3v9Qa2").await;
    let third = world.lease("Zk3v9Qa3").await;
    let (code, output) = world.run(&["resize", "2", "--priority", "1"]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("2 slots once 1 more lease has ended"), "{output}");
    world.store.release(&pool(), third, None).await.expect("an answer");
    let (code, answer) = world.json(&["resize", "2", "--wait"]).await;
    assert_eq!((code, &answer["down"], &answer["inUse"]), (0, &json!(true), &json!(2)));
    assert!(!is_granted(&world, Class::Priority).await);
    world.store.release(&pool(), second, None).await.expect("an answer");
    assert!(is_granted(&world, Class::Priority).await);
}

#[tokio::test]
async fn a_lease_of_any_kind_of_id_is_evicted() {
    let world = World::new().await;
    for id in ["Zk3v9Qa1", "-k3v9Qa1", "~k3v9Qa1"] {
        world.lease(id).await;
        let (code, answer) = world.json(&["evict", id]).await;
        assert_eq!(
            (code, &answer["evicted"], &answer["expired"]),
            (0, &json!(true), &json!(false))
        );
        assert_eq!((&answer["lease"], &answer["inUse"]), (&json!(id), &json!(0)));
        let (code, answer) = world.json(&["evict", id]).await;
        assert_eq!((code, &answer["evicted"]), (1, &json!(false)));
    }
    world.expired("crashed1").await;
    let (code, output) = world.run(&["evict", "crashed1"]).await;
    assert_eq!(code, 0);
    assert!(output.starts_with("crashed1 had expired"), "{output}");
}
