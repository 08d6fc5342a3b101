//! Fault injection at the front door.

use std::time::Duration;

use local::instances::Outcome;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::fake_lambda::{FUNCTION, Record};
use crate::front::Door;

const DYNAMODB: &str = "DynamoDB_20120810.UpdateItem";
const PATIENCE: Duration = Duration::from_secs(20);

impl Door {
    /// A door, and one idle instance.
    async fn with_instance(record: Record) -> (Self, String) {
        let door = Self::with(record).await;
        door.lambda.answer(json!({})).await;
        let id = door.lambda.host.instances()[0].id.clone();
        (door, id)
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        let url = format!("{}/_local/{path}", self.url);
        Client::new().post(url).json(&body).send().await.unwrap()
    }

    async fn rule(&self, rule: Value) -> u64 {
        let answer = self.post("faults", rule).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        answer.json::<Value>().await.unwrap()["id"].as_u64().unwrap()
    }

    async fn local(&self, path: &str) -> Value {
        self.get(&format!("/_local/{path}")).await.json().await.unwrap()
    }

    /// A call of DynamoDB by an instance, or by another client.
    async fn dynamodb(&self, caller: Option<&str>) -> Result<Response, reqwest::Error> {
        let mut request = Client::new().post(&self.url).header("x-amz-target", DYNAMODB);
        if let Some(caller) = caller {
            request = request.header("x-amz-security-token", caller);
        }
        request.send().await
    }

    /// An invoke of the counter by an instance, answered with `reply`.
    async fn counter(&self, caller: &str, op: &str, reply: Value) -> Response {
        let url = format!("{}/2015-03-31/functions/{FUNCTION}/invocations", self.url);
        let payload = json!({"op": op, "lease": "abcdefgh", "reply": reply});
        let request = Client::new().post(url).header("x-amz-security-token", caller);
        request.json(&payload).send().await.unwrap()
    }

    async fn settles(&self, what: impl Fn(&Value) -> bool) {
        let settled = async {
            while !what(&self.local("instances").await) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.expect("the instances reach this state");
    }
}

#[tokio::test]
async fn a_function_gets_another_answer_until_the_rule_is_spent() {
    let (door, id) = Door::with_instance(Record::default()).await;
    let rule = door
        .rule(json!({
            "from": FUNCTION, "call": "dynamodb", "moment": "before",
            "action": {"answer": "throttled"}, "times": 1
        }))
        .await;
    assert_eq!(door.dynamodb(None).await.unwrap().status(), 418, "an outsider");
    let throttled = door.dynamodb(Some(&id)).await.unwrap();
    assert_eq!(throttled.status(), 400);
    let error: Value = throttled.json().await.unwrap();
    assert_eq!(error["__type"], "ProvisionedThroughputExceededException");
    assert_eq!(door.dynamodb(Some(&id)).await.unwrap().status(), 418, "it is spent");

    let listed = door.local("faults").await;
    assert_eq!((&listed[0]["hits"], &listed[0]["spent"]), (&json!(1), &json!(true)));
    let hits = door.local("faults/hits?after=0").await;
    assert_eq!((&hits["hits"][0]["instance"], &hits["last"]), (&json!(id), &json!(1)));
    assert_eq!(door.local("faults/hits?after=1").await["hits"], json!([]));

    let gone = Client::new().delete(format!("{}/_local/faults/{rule}", door.url));
    assert_eq!(gone.send().await.unwrap().status(), 204);
    assert_eq!(door.local("faults").await, json!([]));
}

#[tokio::test]
async fn a_call_can_be_made_and_its_answer_lost() {
    let (door, id) = Door::with_instance(Record::default()).await;
    let meant =
        |action: Value| json!({"call": "acquire", "moment": "after", "action": action, "times": 1});
    door.rule(meant(json!({"answer": "unreachable"}))).await;
    let url = format!("{}/2015-03-31/functions/{FUNCTION}/invocations", door.url);
    let payload = json!({"op": "acquire", "lease": "abcdefgh", "reply": {"granted": true}});
    let request = Client::new().post(url).header("x-amz-security-token", &id).json(&payload);
    let lost = async { request.send().await?.bytes().await }.await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(door.local("instances").await[0]["lease"], "abcdefgh", "it was decided");

    door.rule(meant(json!({"answer": "error"}))).await;
    let error = door.counter(&id, "acquire", json!({"granted": true})).await;
    assert_eq!(error.status(), 500);
    assert_eq!(error.headers()["x-amzn-errortype"], "ServiceException");
}

#[tokio::test]
async fn a_rule_hits_the_callers_it_names_as_often_as_it_should() {
    let (door, id) = Door::with_instance(Record::default()).await;
    let rule = |extra: Value| {
        let mut rule =
            json!({"call": "dynamodb", "moment": "before", "action": {"answer": "error"}});
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        rule
    };
    for misses in [
        json!({"from": "another"}),
        json!({"instance": "another"}),
        json!({"probability": 0.0}),
        json!({"call": "secretsmanager"}),
        json!({"operation": "GetItem"}),
    ] {
        door.rule(rule(misses)).await;
    }
    assert_eq!(door.dynamodb(Some(&id)).await.unwrap().status(), 418);
    door.rule(rule(json!({"instance": id, "operation": "UpdateItem"}))).await;
    assert_eq!(door.dynamodb(Some(&id)).await.unwrap().status(), 500);
    let all = Client::new().delete(format!("{}/_local/faults", door.url));
    assert_eq!(all.send().await.unwrap().status(), 204);
    assert_eq!(door.dynamodb(Some(&id)).await.unwrap().status(), 418);

    let wrong = door.post("faults", json!({"call": "acquire"})).await;
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("moment"));
}

#[tokio::test]
async fn a_lease_is_followed_through_the_door() {
    let (door, id) = Door::with_instance(Record::default()).await;
    let lease = async || door.local("instances").await[0]["lease"].clone();
    door.counter(&id, "acquire", json!({"granted": false})).await;
    assert_eq!(lease().await, Value::Null);
    door.counter(&id, "acquire", json!({"granted": true})).await;
    assert_eq!(lease().await, "abcdefgh");
    door.counter(&id, "release", json!({"released": true})).await;
    assert_eq!(lease().await, Value::Null);
}

#[tokio::test]
async fn a_rule_for_grants_leaves_refusals_alone() {
    let (door, id) = Door::with_instance(Record::default()).await;
    door.rule(json!({"call": "acquire", "moment": "granted", "action": {"answer": "error"}})).await;
    assert_eq!(door.counter(&id, "acquire", json!({"granted": false})).await.status(), 200);
    assert_eq!(door.counter(&id, "acquire", json!({"granted": true})).await.status(), 500);
}

#[tokio::test]
async fn a_caller_is_killed_in_the_middle_and_its_invocation_is_counted() {
    let (door, id) = Door::with_instance(Record::default()).await;
    door.rule(json!({"call": "dynamodb", "moment": "before", "action": {"kill": true}})).await;
    let gate = door.lambda.gate("gate");
    let (killed, called) = tokio::join!(door.lambda.failure(gate.event()), async {
        door.settles(|list| list[0]["state"] == "busy").await;
        door.dynamodb(Some(&id)).await?.bytes().await
    });
    assert_eq!(killed["errorType"], "Runtime.ExitError");
    assert!(called.is_err(), "there is no answer: {called:?}");
    door.settles(|list| list == &json!([])).await;
    let counts = json!({FUNCTION: {"killed": 1, "timedOut": 0, "crashed": 0, "late": 0}});
    assert_eq!(door.local("interrupted").await, counts);
    assert_eq!(door.post(&format!("instances/{id}/kill"), json!({})).await.status(), 404);
}

#[tokio::test]
async fn an_instance_that_thaws_too_late_has_a_moment_and_is_then_killed() {
    let (door, id) = Door::with_instance(Record { timeout: 1, ..Record::default() }).await;
    let gate = door.lambda.gate("gate");
    let (outcome, frozen) = tokio::join!(door.lambda.invoke(gate.event()), async {
        door.settles(|list| list[0]["state"] == "busy").await;
        let freeze = format!("instances/{id}/freeze");
        door.post(&freeze, json!({"seconds": 1.5})).await.status()
    });
    assert_eq!(frozen, 204);
    assert!(matches!(outcome, Ok(Outcome::Failure(_))), "its caller gets an error: {outcome:?}");
    let list = door.local("instances").await;
    assert_eq!((&list[0]["id"], &list[0]["frozen"]), (&json!(id), &json!(true)));
    door.settles(|list| list[0]["frozen"] == false).await;
    // After the thaw it continues, although its caller has left.
    gate.pass().await;
    door.settles(|list| list[0]["state"] == "idle").await;
    door.settles(|list| list == &json!([])).await;
    assert_eq!(door.local("interrupted").await[FUNCTION]["timedOut"], 1);
}

#[tokio::test]
async fn an_instance_that_stands_still_gets_no_work_and_is_used_again_afterwards() {
    let (door, id) = Door::with_instance(Record::default()).await;
    door.post(&format!("instances/{id}/freeze"), json!({"seconds": 1.0})).await;
    let another = door.lambda.answer(json!({})).await;
    assert_eq!(another["served"], 1);
    door.settles(|list| list.as_array().unwrap().iter().all(|one| one["frozen"] == false)).await;
    let instances = door.lambda.host.instances();
    assert_eq!(instances.len(), 2);
    let (gate, waiting) = (door.lambda.gate("one"), door.lambda.gate("two"));
    let events = (gate.event(), waiting.event());
    let (a, b, ()) =
        tokio::join!(door.lambda.answer(events.0), door.lambda.answer(events.1), async {
            gate.pass().await;
            waiting.pass().await;
        });
    assert_eq!((&a["served"], &b["served"]), (&json!(2), &json!(2)), "both are used again");
}
