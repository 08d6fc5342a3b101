//! DynamoDB and Secrets Manager: slow, throttling, failing, gone, and back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rds_admission::client::Via;
use serde_json::{Value, json};

use crate::control::State;
use crate::ledger::{Group, Kind};
use crate::scene::Scene;

/// A way in which a service fares badly for a while.
pub(super) struct Fault {
    service: Service,
    what: &'static str,
    moment: &'static str,
    action: Value,
    probability: f64,
    time: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    DynamoDb,
    SecretsManager,
}

/// All ways, of both services.
pub(super) fn all() -> Vec<Fault> {
    [Service::DynamoDb, Service::SecretsManager].into_iter().flat_map(ways).collect()
}

fn ways(service: Service) -> [Fault; 5] {
    let way = |what, moment, action, probability, seconds| Fault {
        service,
        what,
        moment,
        action,
        probability,
        time: Duration::from_secs(seconds),
    };
    [
        way("slow", "before", json!({"delayMs": 1000}), 0.7, 5),
        way("throttling", "before", json!({"answer": "throttled"}), 0.5, 5),
        way("failing", "before", json!({"answer": "error"}), 1.0, 3),
        way("gone", "before", json!({"answer": "unreachable"}), 1.0, 4),
        way("done, but the answers lost", "after", json!({"answer": "unreachable"}), 0.5, 4),
    ]
}

impl Fault {
    pub(super) async fn happen(&self, scene: &Arc<Scene>) -> Result<()> {
        let (call, name, from) = match self.service {
            Service::DynamoDb => {
                let decides = match scene.via {
                    Via::Counter => &scene.stack.counter_function,
                    Via::Table => &scene.stack.query_function,
                };
                ("dynamodb", "DynamoDB", decides)
            }
            Service::SecretsManager => {
                ("secretsmanager", "Secrets Manager", &scene.stack.query_function)
            }
        };
        if self.service == Service::SecretsManager {
            forget_secrets(scene).await?;
        }
        let kind = Kind::new(Group::Aws, format!("{name} {}", self.what));
        scene.ledger.happened(&kind);
        let rule = scene
            .control
            .rule(&json!({
                "from": from, "call": call, "moment": self.moment, "action": self.action,
                "probability": self.probability
            }))
            .await?;
        tokio::time::sleep(self.time).await;
        scene.control.lift(rule).await?;
        scene.watch_service(&kind).await;
        Ok(())
    }
}

/// Ends the instances that know the secret: those that come in their place have to read it.
async fn forget_secrets(scene: &Scene) -> Result<()> {
    for instance in scene.queries().await? {
        if instance.state == State::Idle {
            scene.control.kill(&instance.id).await?;
        }
    }
    Ok(())
}
