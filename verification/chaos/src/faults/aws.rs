//! Faults of DynamoDB and Secrets Manager.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rds_admission::backend::BackendKind;
use serde_json::{Value, json};

use crate::control::State;
use crate::ledger::{Group, Kind};
use crate::run_context::RunContext;

/// A temporary fault of a service.
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

/// All faults of both services.
pub(super) fn all() -> Vec<Fault> {
    [Service::DynamoDb, Service::SecretsManager].into_iter().flat_map(of).collect()
}

fn of(service: Service) -> [Fault; 5] {
    let fault = |what, moment, action, probability, seconds| Fault {
        service,
        what,
        moment,
        action,
        probability,
        time: Duration::from_secs(seconds),
    };
    [
        fault("slow", "before", json!({"delayMs": 1000}), 0.7, 5),
        fault("throttling", "before", json!({"answer": "throttled"}), 0.5, 5),
        fault("failing", "before", json!({"answer": "error"}), 1.0, 3),
        fault("gone", "before", json!({"answer": "unreachable"}), 1.0, 4),
        fault("done, but the answers lost", "after", json!({"answer": "unreachable"}), 0.5, 4),
    ]
}

impl Fault {
    pub(super) async fn inject(&self, context: &Arc<RunContext>) -> Result<()> {
        let (call, name, from) = match self.service {
            Service::DynamoDb => {
                let caller = match context.via {
                    BackendKind::Counter => &context.stack.counter_function,
                    BackendKind::Table | BackendKind::Bypass => &context.stack.query_function,
                };
                ("dynamodb", "DynamoDB", caller)
            }
            Service::SecretsManager => {
                ("secretsmanager", "Secrets Manager", &context.stack.query_function)
            }
        };
        if self.service == Service::SecretsManager {
            end_idle_queries(context).await?;
        }
        let kind = Kind::new(Group::Aws, format!("{name} {}", self.what));
        context.ledger.injected(&kind);
        let rule = context
            .control
            .rule(&json!({
                "from": from, "call": call, "moment": self.moment, "action": self.action,
                "probability": self.probability
            }))
            .await?;
        tokio::time::sleep(self.time).await;
        context.control.remove_rule(rule).await?;
        context.watch_service(&kind).await;
        Ok(())
    }
}

/// Kills the idle queries, which have cached the secret: new instances must read it.
async fn end_idle_queries(context: &RunContext) -> Result<()> {
    for instance in context.queries().await? {
        if instance.state == State::Idle {
            context.control.kill(&instance.id).await?;
        }
    }
    Ok(())
}
