//! Waiting until a pool has come down.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use console::Term;
use rds_admission::pool::Pool;
use rds_admission::time::UnixSeconds;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::table::Table;
use crate::words::counted;
use crate::{Error, Voice};

/// Time between two looks at the pool.
const PAUSE: Duration = Duration::from_millis(500);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Goal {
    /// So many leases are out, at the most.
    pub(crate) in_use: u32,
    /// Whether the pool is to drain meanwhile.
    pub(crate) draining: bool,
    /// How many slots the pool is to have meanwhile.
    pub(crate) slots: u32,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The pool came down.
    Down,
    /// It did not in the time.
    TimeOver,
    /// Somebody has given it another size, or has had it go on.
    Overruled,
}

impl Goal {
    /// How it stands; nothing while there is yet to wait.
    fn judge(self, pool: &Pool) -> Option<Waited> {
        if pool.draining != self.draining || pool.size.max_connections() != self.slots {
            Some(Waited::Overruled)
        } else if pool.in_use() <= self.in_use {
            Some(Waited::Down)
        } else {
            None
        }
    }
}

/// Waits until the pool has come down to `goal`; takes away what expires meanwhile, since on a pool that
/// grants nothing nobody else does. Shows on standard error how far it is.
pub(crate) async fn until(
    table: &Table,
    voice: Voice,
    goal: Goal,
    patience: Duration,
) -> Result<(Pool, Waited), Error> {
    let end = Instant::now() + patience;
    let mut progress = Progress::by(voice);
    loop {
        let pool = table.sweep().await?;
        if let Some(waited) = goal.judge(&pool) {
            progress.clear();
            return Ok((pool, waited));
        }
        progress.show(Rest::of(&pool, goal, table.now()));
        if Instant::now() >= end {
            progress.clear();
            return Ok((pool, Waited::TimeOver));
        }
        sleep(PAUSE.min(end - Instant::now())).await;
    }
}

/// What there is yet to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest {
    /// Leases out.
    in_use: u32,
    /// Leases of them that must end.
    to_go: u32,
    /// How long the last of all lasts, if it is not renewed.
    last_seconds_left: u64,
}

impl Rest {
    fn of(pool: &Pool, goal: Goal, now: UnixSeconds) -> Self {
        let in_use = pool.in_use();
        let last = pool.leases.values().max().map_or(0, |last| last.0.saturating_sub(now.0));
        Self { in_use, to_go: in_use - goal.in_use, last_seconds_left: last }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_use, to_go, last_seconds_left } = *self;
        let leases = counted(in_use, "lease", "leases");
        write!(
            f,
            "{leases} out, {to_go} to go; the last is over in {last_seconds_left} s, unless it is renewed"
        )
    }
}

/// One line that changes, for a person at a terminal; else a line whenever another number is out.
struct Progress {
    voice: Voice,
    term: Option<Term>,
    said: Option<u32>,
}

impl Progress {
    fn by(voice: Voice) -> Self {
        let person = !voice.is_json() && std::io::stderr().is_terminal();
        Self { voice, term: person.then(Term::stderr), said: None }
    }

    fn show(&mut self, rest: Rest) {
        // What is shown meanwhile is not the answer: a terminal that fails fails nothing.
        if let Some(term) = &self.term {
            let _ = term.clear_line().and_then(|()| term.write_str(&rest.to_string()));
        } else if self.said.replace(rest.in_use) != Some(rest.in_use) {
            self.voice.meanwhile(rest, &json!({"waiting": rest}));
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
    fn a_pool_is_down_when_so_many_are_out_at_the_most() {
        let goal = Goal { in_use: 1, draining: true, slots: 2 };
        assert_eq!(goal.judge(&pool(3)), None);
        assert_eq!(goal.judge(&pool(1)), Some(Waited::Down));
        assert_eq!(goal.judge(&pool(0)), Some(Waited::Down));
    }

    #[test]
    fn what_somebody_else_has_decided_ends_the_waiting() {
        let goal = Goal { in_use: 0, draining: true, slots: 2 };
        let resumed = Pool { draining: false, ..pool(1) };
        assert_eq!(goal.judge(&resumed), Some(Waited::Overruled));
        let resized = Goal { slots: 3, ..goal };
        assert_eq!(resized.judge(&pool(1)), Some(Waited::Overruled));
    }

    #[test]
    fn how_far_it_is_stands_in_a_line() {
        let left = |leases, in_use| {
            let goal = Goal { in_use, draining: true, slots: 2 };
            Rest::of(&pool(leases), goal, UnixSeconds(990))
        };
        assert_eq!(
            left(3, 1).to_string(),
            "3 leases out, 2 to go; the last is over in 12 s, unless it is renewed"
        );
        assert!(left(1, 0).to_string().starts_with("1 lease out, 1 to go"));
        let json = serde_json::to_value(left(3, 1)).expect("JSON");
        assert_eq!(json, json!({"inUse": 3, "toGo": 2, "lastSecondsLeft": 12}));
    }
}
