//! Waiting until enough leases of a pool have ended.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use rds_admission::pool::Pool;
use rds_admission::time::UnixSeconds;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::output::{Output, plural};
use crate::table::Table;

/// Time between two reads of the pool.
const INTERVAL: Duration = Duration::from_millis(500);

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    /// The wait ends when at most this many leases are held.
    pub(crate) in_use: u32,
    /// The wait stops when `draining` or `slots` of the pool differ from these.
    pub(crate) draining: bool,
    pub(crate) slots: u32,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitResult {
    Reached,
    TimedOut,
    /// The pool was resized or resumed meanwhile.
    PoolChanged,
}

impl Goal {
    /// Returns the result, or `None` to keep waiting.
    fn check(self, pool: &Pool) -> Option<WaitResult> {
        if pool.draining != self.draining || pool.size.max_connections() != self.slots {
            Some(WaitResult::PoolChanged)
        } else if pool.in_use() <= self.in_use {
            Some(WaitResult::Reached)
        } else {
            None
        }
    }
}

/// Waits for `goal` and shows the progress on standard error. Removes expired leases meanwhile, because a pool that
/// grants none takes none over.
pub(crate) async fn wait_for(
    table: &Table,
    output: Output,
    goal: Goal,
    timeout: Duration,
) -> Result<(Pool, WaitResult), Error> {
    let end = Instant::now() + timeout;
    let mut progress = Progress::new(output);
    loop {
        let pool = table.sweep().await?;
        let mut result = goal.check(&pool);
        if result.is_none() {
            progress.show(Remaining::new(&pool, goal, table.now()));
            result = (Instant::now() >= end).then_some(WaitResult::TimedOut);
        }
        if let Some(result) = result {
            progress.clear();
            return Ok((pool, result));
        }
        sleep(INTERVAL.min(end - Instant::now())).await;
    }
}

/// What is left to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Remaining {
    in_use: u32,
    /// Leases that must end.
    to_go: u32,
    /// Until the last lease expires, unless it is renewed.
    last_seconds_left: u64,
}

impl Remaining {
    fn new(pool: &Pool, goal: Goal, now: UnixSeconds) -> Self {
        let in_use = pool.in_use();
        let last = pool.leases.values().max().map_or(0, |last| last.0.saturating_sub(now.0));
        Self { in_use, to_go: in_use - goal.in_use, last_seconds_left: last }
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_use, to_go, last_seconds_left } = *self;
        let leases = plural(in_use, "lease", "leases");
        write!(
            f,
            "{leases} held, {to_go} must end; the last expires in {last_seconds_left} s unless renewed"
        )
    }
}

/// On a terminal one line that is overwritten; elsewhere a line each time the number of leases changes.
struct Progress {
    output: Output,
    term: Option<Term>,
    shown: Option<u32>,
}

impl Progress {
    fn new(output: Output) -> Self {
        let is_terminal = !output.json && std::io::stderr().is_terminal();
        Self { output, term: is_terminal.then(Term::stderr), shown: None }
    }

    fn show(&mut self, remaining: Remaining) {
        // Ignores failures: progress is not the result.
        if let Some(term) = &self.term {
            let _ = term.clear_line().and_then(|()| term.write_str(&remaining.to_string()));
        } else if self.shown.replace(remaining.in_use) != Some(remaining.in_use) {
            self.output.print_progress(remaining, &json!({"waiting": remaining}));
        }
    }

    fn clear(&self) {
        if let Some(term) = &self.term {
            let _ = term.clear_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rds_admission::pool::PoolSize;

    use super::*;

    fn pool(leases: u32) -> Pool {
        let size = PoolSize::divide(2, 0, 1).expect("a size");
        let id = |n| format!("lease{n:03}").parse().expect("an id");
        let leases: BTreeMap<_, _> =
            (0..leases).map(|n| (id(n), UnixSeconds(1_000 + u64::from(n)))).collect();
        Pool { leases, draining: true, ..Pool::new(size) }
    }

    #[test]
    fn the_goal_is_reached_when_few_enough_leases_are_held() {
        let goal = Goal { in_use: 1, draining: true, slots: 2 };
        assert_eq!(goal.check(&pool(3)), None);
        assert_eq!(goal.check(&pool(1)), Some(WaitResult::Reached));
        assert_eq!(goal.check(&pool(0)), Some(WaitResult::Reached));
    }

    #[test]
    fn a_change_of_the_pool_ends_the_wait() {
        let goal = Goal { in_use: 0, draining: true, slots: 2 };
        let resumed = Pool { draining: false, ..pool(1) };
        assert_eq!(goal.check(&resumed), Some(WaitResult::PoolChanged));
        let resized = Goal { slots: 3, ..goal };
        assert_eq!(resized.check(&pool(1)), Some(WaitResult::PoolChanged));
    }

    #[test]
    fn progress_is_one_line() {
        let left = |leases, in_use| {
            let goal = Goal { in_use, draining: true, slots: 2 };
            Remaining::new(&pool(leases), goal, UnixSeconds(990))
        };
        assert_eq!(
            left(3, 1).to_string(),
            "3 leases held, 2 must end; the last expires in 12 s unless renewed"
        );
        assert!(left(1, 0).to_string().starts_with("1 lease held, 1 must end"));
        let json = serde_json::to_value(left(3, 1)).expect("JSON");
        assert_eq!(json, json!({"inUse": 3, "toGo": 2, "lastSecondsLeft": 12}));
    }
}
