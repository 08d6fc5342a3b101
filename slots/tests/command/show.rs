//! `slots status`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::slots::World;

#[tokio::test]
async fn the_status_shows_the_pool_and_its_leases() {
    let world = World::new().await;
    world.lease("Zk3v9Qa1").await;
    world.expired("~k3v9Qa1").await;
    let (code, mut status) = world.json(&["status"]).await;
    let leases = status["leases"].take();
    let expected = json!({
        "pool": "Prod_MySQL", "draining": false, "inUse": 2, "maxConnections": 62,
        "standardLimit": 60, "reservedForPriority": 2, "expired": 1, "shards": 1,
        "leases": null,
    });
    assert_eq!((code, status), (0, expected));
    // Earliest expiry first.
    let shown = |n: usize| (&leases[n]["lease"], &leases[n]["expired"], &leases[n]["anonymous"]);
    assert_eq!(shown(0), (&json!("~k3v9Qa1"), &json!(true), &json!(true)));
    assert_eq!(shown(1), (&json!("Zk3v9Qa1"), &json!(false), &json!(false)));
    let left = leases[1]["secondsLeft"].as_i64().expect("a number");
    assert!((1..=602).contains(&left), "{left}");

    let (code, text) = world.run(&["status"]).await;
    assert_eq!(code, 0);
    assert!(text.contains("in use     2 of 62 slots"), "{text}");
    assert!(text.contains("expired  incrementCounter"), "{text}");
}

#[tokio::test]
async fn a_watch_without_a_terminal_prints_lines() {
    let world = World::new().await;
    let mut child = world
        .command(&["status", "--watch", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    let mut next = async || -> Value {
        let line = lines.next_line().await.expect("output").expect("a line");
        serde_json::from_str(&line).expect("an object")
    };
    assert_eq!(next().await["inUse"], 0);
    world.lease("Zk3v9Qa1").await;
    while next().await["inUse"] != 1 {}
    child.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_watch_continues_while_the_table_fails() {
    let world = World::new().await;
    world.proxy.deny("GetItem");
    let mut child = world
        .command(&["status", "--watch", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut troubles = BufReader::new(child.stderr.take().expect("errors")).lines();
    let mut lines = BufReader::new(child.stdout.take().expect("an output")).lines();
    for _ in 0..2 {
        // Even the first read may fail.
        let trouble = troubles.next_line().await.expect("output").expect("a line");
        let trouble: Value = serde_json::from_str(&trouble).expect("an object");
        let error = trouble["error"].as_str().expect("a text");
        assert!(error.contains("not authorized"), "{error}");
        world.proxy.allow("GetItem");
        let line = lines.next_line().await.expect("output").expect("a line");
        assert_eq!(serde_json::from_str::<Value>(&line).expect("an object")["inUse"], 0);
        world.proxy.deny("GetItem");
    }
    child.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_watch_of_a_missing_pool_ends() {
    let world = World::new().await;
    let watched = world.run(&["status", "--watch", "--pool", "missing"]);
    let (code, output) =
        tokio::time::timeout(Duration::from_secs(30), watched).await.expect("an end");
    assert_eq!(code, 2, "{output}");
    assert!(output.contains(r#"no pool "missing""#), "{output}");
}
