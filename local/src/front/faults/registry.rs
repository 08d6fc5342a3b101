//! The active rules and their hits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::response::Response;
use serde::Serialize;

use super::call::Call;
use super::rule::{Action, Moment, Rule, broken};
use crate::instances::Instance;

/// The number of hits that are kept.
const MAX_HITS: usize = 10_000;

/// The instance that calls.
pub(crate) type Caller = Arc<Instance>;

/// All rules and their hits.
#[derive(Default)]
pub(crate) struct FaultRegistry(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    last_rule: u64,
    rules: Vec<Entry>,
    last_hit: u64,
    hits: VecDeque<Hit>,
}

struct Entry {
    id: u64,
    rule: Rule,
    hits: u64,
}

/// A rule and its number of hits.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    id: u64,
    #[serde(flatten)]
    rule: Rule,
    hits: u64,
    spent: bool,
}

/// A call that a rule has hit.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hit {
    n: u64,
    rule: u64,
    instance: String,
    pid: u32,
    lease: Option<String>,
    at_ms: u128,
}

impl Entry {
    fn spent(&self) -> bool {
        self.rule.times.is_some_and(|times| self.hits >= times)
    }

    fn matches(&self, caller: &Caller, call: &Call, moment: Moment) -> bool {
        let rule = &self.rule;
        !self.spent()
            && call.is_kind(rule.call)
            && rule.moment == moment
            && rule.from.as_ref().is_none_or(|from| from == caller.function_name())
            && rule.instance.as_ref().is_none_or(|instance| instance == caller.id())
            && rule.operation.as_ref().is_none_or(|name| call.operation.as_ref() == Some(name))
    }
}

impl FaultRegistry {
    /// Adds a rule; returns its id.
    pub(crate) fn add(&self, rule: Rule) -> u64 {
        let mut inner = self.lock();
        inner.last_rule += 1;
        let id = inner.last_rule;
        inner.rules.push(Entry { id, rule, hits: 0 });
        id
    }

    /// Removes a rule. False when there is none with this id.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let before = inner.rules.len();
        inner.rules.retain(|entry| entry.id != id);
        inner.rules.len() < before
    }

    pub(crate) fn clear(&self) {
        self.lock().rules.clear();
    }

    /// All rules, including spent ones.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let inner = self.lock();
        let listed = inner.rules.iter().map(|entry| Listed {
            id: entry.id,
            rule: entry.rule.clone(),
            hits: entry.hits,
            spent: entry.spent(),
        });
        listed.collect()
    }

    /// The hits with a number above `after`, and the number of the last one.
    pub(crate) fn hits(&self, after: u64) -> (Vec<Hit>, u64) {
        let inner = self.lock();
        (inner.hits.iter().filter(|hit| hit.n > after).cloned().collect(), inner.last_hit)
    }

    /// Applies the rules for this call. Returns the answer that replaces the real one, if a rule has one.
    pub(crate) async fn apply(
        &self,
        caller: &Caller,
        call: &Call,
        moment: Moment,
    ) -> Option<Response> {
        let mut answer = None;
        for action in self.hit(caller, call, moment) {
            match action {
                Action::DelayMs(delay) => {
                    tokio::time::sleep(Duration::from_millis(delay.into())).await;
                }
                Action::Answer(fake) => answer = Some(fake.response(call.kind)),
                Action::Kill(_) => {
                    caller.kill_by_fault();
                    answer = Some(broken());
                }
                Action::FreezeSeconds(seconds) => {
                    caller.freeze(Duration::try_from_secs_f64(seconds).unwrap_or_default());
                }
            }
        }
        answer
    }

    /// Records the hits of all rules for this call; returns their actions.
    fn hit(&self, caller: &Caller, call: &Call, moment: Moment) -> Vec<Action> {
        let mut inner = self.lock();
        let Inner { rules, last_hit, hits, .. } = &mut *inner;
        let mut actions = Vec::new();
        for entry in rules.iter_mut().filter(|entry| entry.matches(caller, call, moment)) {
            if !rand::random_bool(entry.rule.probability) {
                continue;
            }
            entry.hits += 1;
            *last_hit += 1;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            hits.push_back(Hit {
                n: *last_hit,
                rule: entry.id,
                instance: caller.id().to_owned(),
                pid: caller.pid(),
                lease: call.lease.clone().or_else(|| caller.lease()),
                at_ms: now.as_millis(),
            });
            if hits.len() > MAX_HITS {
                hits.pop_front();
            }
            actions.push(entry.rule.action);
        }
        actions
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
