//! The queries' log lines.

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::stack::Stack;

use crate::control::Instance;

/// The outcomes that an instance has logged, one for each invocation.
pub(crate) fn outcomes(stack: &Stack, instance: &Instance) -> Vec<String> {
    let log = stack.logs.join(&instance.function).join(format!("{}.log", instance.id));
    let outcome = |line: &Value| Some(field(line, "outcome")?.as_str()?.to_owned());
    lines(&log).iter().filter_map(outcome).collect()
}

/// The number of requests that were logged as served with a kept slot.
pub(crate) fn warm_requests(stack: &Stack) -> u64 {
    let Ok(logs) = fs::read_dir(stack.logs.join(&stack.query_function)) else { return 0 };
    let lines = logs.flatten().flat_map(|log| lines(&log.path()));
    let warm = lines.filter(|line| field(line, "warm") == Some(&Value::Bool(true)));
    u64::try_from(warm.count()).unwrap_or(u64::MAX)
}

fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn field<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line["fields"].get(name).or_else(|| line.get(name))
}
