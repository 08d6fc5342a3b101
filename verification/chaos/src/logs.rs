//! What the queries say of themselves: one line an invocation.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::control::Instance;
use crate::scene::Scene;

impl Scene {
    /// The outcomes that the instance has logged, one an invocation.
    pub(crate) fn outcomes(&self, instance: &Instance) -> Vec<String> {
        let folder = self.stack.logs.join(&instance.function);
        let lines = lines(&folder.join(format!("{}.log", instance.id)));
        let outcome = |line: &Value| Some(field(line, "outcome")?.as_str()?.to_owned());
        lines.iter().filter_map(outcome).collect()
    }

    /// How many requests say that they went on with a slot that was kept.
    pub(crate) fn warm_requests(&self) -> u64 {
        let Ok(logs) = fs::read_dir(self.stack.logs.join(&self.stack.query_function)) else {
            return 0;
        };
        let lines = logs.flatten().flat_map(|log| lines(&log.path()));
        let warm = lines.filter(|line| field(line, "warm") == Some(&Value::Bool(true)));
        u64::try_from(warm.count()).unwrap_or(u64::MAX)
    }
}

fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn field<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line["fields"].get(name).or_else(|| line.get(name))
}
