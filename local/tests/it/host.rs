//! The execution host with real processes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use local::instances::{Event, InstanceState, Outcome, Refusal};
use serde_json::{Value, json};

use crate::fake_lambda::{FUNCTION, FakeLambda, Record};

#[tokio::test]
async fn an_instance_serves_one_invocation_after_the_other() {
    let lambda = FakeLambda::new().await;
    let first = lambda.answer(json!({"n": 1})).await;
    let second = lambda.answer(json!({"n": 2})).await;
    assert_eq!(first["event"], json!({"n": 1}));
    assert_eq!(second["pid"], first["pid"]);
    assert_eq!(second["served"], 2);
    assert_eq!(lambda.host.instances().len(), 1);
}

#[tokio::test]
async fn a_function_sees_lambdas_environment_and_nothing_of_ours() {
    let lambda = FakeLambda::new().await;
    let answer = lambda.answer(json!({})).await;
    let env = &answer["env"];
    assert_eq!(env["AWS_LAMBDA_FUNCTION_NAME"], FUNCTION);
    assert_eq!(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "128");
    assert_eq!(env["AWS_ENDPOINT_URL"], "http://127.0.0.1:9");
    assert_eq!(env["AWS_REGION"], "us-east-1");
    assert_eq!(env["_HANDLER"], "bootstrap");
    assert_eq!(env["INIT"], "works");
    assert_eq!(answer["trace"], "t-1");
    // Cargo sets this one for the test itself.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert_eq!(env.get("CARGO_MANIFEST_DIR"), None);

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let deadline = u128::from(answer["deadline"].as_u64().unwrap());
    assert!(deadline > now.as_millis(), "the deadline lies ahead");
}

#[tokio::test]
async fn invocations_at_the_same_time_get_an_instance_each() {
    let lambda = FakeLambda::new().await;
    let (one, two) = (lambda.gate("one"), lambda.gate("two"));
    let events = (one.event(), two.event());
    let (a, b, ()) = tokio::join!(lambda.answer(events.0), lambda.answer(events.1), async {
        one.pass().await;
        two.pass().await;
    });
    assert_ne!(a["pid"], b["pid"]);
    let list = lambda.host.instances();
    assert!(list.iter().all(|instance| instance.state == InstanceState::Idle));
    let pids: BTreeSet<_> = list.iter().map(|instance| u64::from(instance.pid)).collect();
    let served = [&a, &b].map(|answer| answer["pid"].as_u64().unwrap());
    assert_eq!(pids, BTreeSet::from(served));
}

#[tokio::test]
async fn what_the_function_reports_as_its_error_is_passed_on() {
    let lambda = FakeLambda::new().await;
    let failure = lambda.failure(json!({"do": "fail"})).await;
    assert_eq!(failure, json!({"errorType": "Asked", "errorMessage": "Asked was asked for"}));
    // An error is no reason to end the instance.
    assert_eq!(lambda.answer(json!({})).await["served"], 2);
}

#[tokio::test]
async fn at_its_deadline_the_process_is_killed() {
    let lambda = FakeLambda::with(Record { timeout: 1, ..Record::default() }).await;
    let before = lambda.answer(json!({})).await;
    let never_passed = lambda.gate("never passed");
    let failure = lambda.failure(never_passed.event()).await;
    assert_eq!(failure["errorType"], "Sandbox.Timedout");
    let message = failure["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Task timed out after 1.00 seconds"), "{message}");
    let after = lambda.answer(json!({})).await;
    assert_ne!(after["pid"], before["pid"]);
    assert_eq!(after["served"], 1);
}

#[tokio::test]
async fn a_process_that_ends_in_an_invocation_fails_it() {
    let lambda = FakeLambda::new().await;
    let failure = lambda.failure(json!({"do": "exit"})).await;
    assert_eq!(failure["errorType"], "Runtime.ExitError");
    let message = failure["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Runtime exited with error: exit status 7"), "{message}");
}

#[tokio::test]
async fn a_process_that_ends_between_invocations_fails_none() {
    let lambda = FakeLambda::new().await;
    let first = lambda.answer(json!({"do": "die after"})).await;
    let second = lambda.answer(json!({})).await;
    assert_ne!(first["pid"], second["pid"]);
}

#[tokio::test]
async fn a_failed_start_returns_the_functions_own_error() {
    let lambda = FakeLambda::with(Record { init: "fails", ..Record::default() }).await;
    assert_eq!(lambda.failure(json!({})).await["errorType"], "NoWay");
    let lambda = FakeLambda::with(Record { init: "exits", ..Record::default() }).await;
    let failure = lambda.failure(json!({})).await;
    assert_eq!(failure["errorType"], "Runtime.ExitError");
    assert!(failure["errorMessage"].as_str().unwrap().ends_with("exit status 3"));
}

#[tokio::test]
async fn reserved_concurrency_is_a_limit() {
    let lambda = FakeLambda::with(Record { reserved: Some(1), ..Record::default() }).await;
    let gate = lambda.gate("gate");
    let event = gate.event();
    let (held, refused) = tokio::join!(lambda.answer(event.clone()), async {
        // The first one has claimed its unit when this is polled: join! goes in order, and
        // claiming waits for nothing but the record.
        while lambda.host.instances().is_empty() {
            tokio::task::yield_now().await;
        }
        let refused = lambda.invoke(json!({})).await;
        gate.pass().await;
        refused
    });
    assert!(matches!(refused, Err(Refusal::Throttled)), "{refused:?}");
    assert_eq!(held["event"], event);
    // The unit is back.
    lambda.answer(json!({})).await;
}

#[tokio::test]
async fn no_concurrency_means_no_invocation() {
    let lambda = FakeLambda::with(Record { reserved: Some(0), ..Record::default() }).await;
    assert!(matches!(lambda.invoke(json!({})).await, Err(Refusal::Throttled)));
}

#[tokio::test]
async fn an_invalidated_record_is_fetched_at_once() {
    let lambda = FakeLambda::new().await;
    let old = lambda.answer(json!({})).await;
    lambda.set(Record { revision: "2", ..Record::default() });
    lambda.host.invalidate(FUNCTION);
    let new = lambda.answer(json!({})).await;
    assert_ne!(new["pid"], old["pid"]);
}

#[tokio::test]
async fn a_new_revision_replaces_the_instances_of_the_old_one() {
    let lambda = FakeLambda::new().await;
    let old = lambda.answer(json!({})).await;
    lambda.set(Record { revision: "2", ..Record::default() });
    // The record is remembered for a moment, which is skipped.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    tokio::time::resume();
    let new = lambda.answer(json!({})).await;
    assert_ne!(old["pid"], new["pid"]);
    assert_eq!(new["served"], 1);
}

#[tokio::test]
async fn an_invocation_that_waits_to_start_an_instance_takes_an_idle_one() {
    let lambda = Arc::new(FakeLambda::new().await);
    let gate = lambda.gate("gate");
    let spawned = |event| {
        let lambda = Arc::clone(&lambda);
        tokio::spawn(async move { lambda.invoke(event).await })
    };
    let busy = spawned(gate.event());
    while !lambda.host.instances().iter().any(|one| one.state == InstanceState::Busy) {
        tokio::task::yield_now().await;
    }
    // From now on, an instance that starts never gets ready, and blocks other starts.
    lambda.set(Record { init: "hangs", ..Record::default() });
    lambda.host.invalidate(FUNCTION);
    let hanging = spawned(json!({}));
    while lambda.host.instances().len() < 2 {
        tokio::task::yield_now().await;
    }
    let (answer, ()) = tokio::join!(lambda.answer(json!({})), gate.pass());
    assert_eq!(answer["served"], 2);
    assert!(busy.await.unwrap().is_ok());
    assert_eq!(lambda.host.instances().len(), 2);
    lambda.host.close().await;
    assert!(!matches!(hanging.await.unwrap(), Ok(Outcome::Answer(_))));
}

#[tokio::test]
async fn an_invocation_goes_on_when_its_caller_leaves() {
    let lambda = FakeLambda::with(Record { reserved: Some(1), ..Record::default() }).await;
    let gate = lambda.gate("gate");
    let host = lambda.host.clone();
    let payload = gate.event().to_string().into();
    let call = async move { host.invoke(FUNCTION, Event { payload, trace_id: None }).await };
    let caller = tokio::spawn(call);
    while !lambda.host.instances().iter().any(|one| one.state == InstanceState::Busy) {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    // The one unit of concurrency is still taken.
    assert!(matches!(lambda.invoke(json!({})).await, Err(Refusal::Throttled)));
    gate.pass().await;

    let next = loop {
        match lambda.invoke(json!({})).await {
            Err(Refusal::Throttled) => tokio::task::yield_now().await,
            next => break next.unwrap(),
        }
    };
    let Outcome::Answer(next) = next else { panic!("no answer: {next:?}") };
    let next: Value = serde_json::from_slice(&next).unwrap();
    assert_eq!(next["served"], 2, "the same process, which was not killed");
}

#[tokio::test]
async fn an_unknown_function_is_refused() {
    let lambda = FakeLambda::new().await;
    let event = Event { payload: "{}".into(), trace_id: None };
    let refused = lambda.host.invoke("other", event).await;
    assert!(matches!(refused, Err(Refusal::UnknownFunction)), "{refused:?}");
}

#[tokio::test]
async fn output_is_in_the_instances_log_and_closing_ends_all_processes() {
    let lambda = FakeLambda::new().await;
    let answer = lambda.answer(json!({})).await;
    let id = lambda.host.instances().remove(0).id;
    lambda.host.close().await;
    assert!(lambda.host.instances().is_empty());
    assert!(!is_running(&answer["pid"]));
    let log = std::fs::read_to_string(lambda.logs().join(format!("{id}.log"))).unwrap();
    assert_eq!(log, "served 1\n");
    assert!(matches!(lambda.invoke(json!({})).await, Err(Refusal::Host(_))));
}

#[tokio::test]
async fn ministacks_way_in_leads_to_the_same_instances() {
    let lambda = FakeLambda::new().await;
    let pid = lambda.answer(json!({})).await["pid"].clone();
    let router = local::instances::router(lambda.host.clone());
    let listener = crate::fake_lambda::listener().await;
    let url = format!("{}/invoke/{FUNCTION}", crate::fake_lambda::url(&listener));
    crate::fake_lambda::spawn(listener, router);
    let call = async |body: &'static str| {
        let answer = reqwest::Client::new().post(&url).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, answer) = call("{}").await;
    assert_eq!((status, &answer["pid"]), (200, &pid));
    let (status, answer) = call(r#"{"do": "fail"}"#).await;
    assert_eq!((status, &answer["errorType"]), (502, &json!("Asked")));
}

fn is_running(pid: &Value) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}
