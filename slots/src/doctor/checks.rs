//! The checks: functions of what was seen.

use std::collections::BTreeMap;

use rds_admission::pool::{LeaseId, MAX_LEASE, Pool};
use rds_admission::store::{MalformedItem, StoreError};
use rds_admission::telemetry::chain;
use rds_admission::time::{SKEW_ALLOWANCE, Seconds, UnixSeconds};

use super::report::Finding;
use super::settings::{settings, unseen_because};
use super::sizing::{Plan, sizing};
use super::{Observed, Thread, Unseen};
use crate::words::counted;

/// How long an expired lease may stay before something is wrong: the counter is asked every minute to
/// sweep, where the template has set that up.
const SWEPT_WITHIN: Seconds = Seconds(180);

/// What was seen.
pub(crate) struct Seen {
    /// The pool, or what is wrong with its item.
    pub(crate) pool: Result<Pool, StoreError>,
    /// The time at the table.
    pub(crate) now: UnixSeconds,
    /// The server, and the connections that were open when the pool was read.
    pub(crate) observed: Result<Observed, Unseen>,
    /// How the pool is meant to be.
    pub(crate) plan: Plan,
}

/// Everything that is to be said.
pub(crate) fn all(seen: &Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    match &seen.observed {
        Ok(Observed { server, .. }) => found.extend(settings(server)),
        Err(unseen) => found.push(unseen_because(unseen)),
    }
    match &seen.pool {
        Ok(pool) => {
            found.extend(draining(pool));
            found.extend(leases(pool, seen.now));
            found.extend(full(pool));
            if let Ok(observed) = &seen.observed {
                found.extend(sizing(pool.size, observed.server.max_connections, seen.plan));
                found.extend(connections(pool, seen.now, observed));
            }
        }
        Err(error) => found.push(damaged(error)),
    }
    if let Ok(observed) = &seen.observed {
        found.extend(others(observed, seen.plan.reserved));
    }
    found
}

fn draining(pool: &Pool) -> Option<Finding> {
    pool.draining.then(|| {
        let out = counted(pool.in_use(), "lease is", "leases are");
        Finding::problem(
            "draining",
            format!("The pool drains: every caller is refused. {out} out."),
            "slots resume, when the maintenance is over.",
        )
    })
}

/// What leases say of their holders.
fn leases(pool: &Pool, now: UnixSeconds) -> Vec<Finding> {
    let mut found = Vec::new();
    let expired: BTreeMap<LeaseId, UnixSeconds> = pool.expired(now).collect();
    if let Some(first) = expired.values().min() {
        let (count, age) = (expired.len(), now.0.saturating_sub(first.0));
        let says = match count {
            1 => format!("1 lease has expired, {age} s ago: its holder crashed, or was cut off."),
            _ => format!(
                "{count} leases have expired, the first {age} s ago: their holders crashed, or were cut off."
            ),
        };
        found.push(if age > u64::from(SWEPT_WITHIN.0) {
            let advice = "see whether the counter is still asked every minute to sweep (its schedule, its \
                          errors). Whoever needs a slot takes over what has expired all the same.";
            Finding::problem("expired", says, advice)
        } else {
            Finding::note("expired", says + " Whoever needs a slot takes over what has expired.")
        });
    }
    let longest = now.plus(MAX_LEASE).plus(SKEW_ALLOWANCE).plus(Seconds(1));
    for (lease, until) in pool.leases.iter().filter(|(_, until)| **until > longest) {
        found.push(Finding::problem(
            "lease-length",
            format!(
                "Lease {lease} lasts {} s more, and none is granted for more than {MAX_LEASE}: a \
                 counter's clock was ahead, or somebody has edited the item.",
                until.0 - now.0
            ),
            format!("slots evict {lease}, if its holder is gone."),
        ));
    }
    found
}

fn full(pool: &Pool) -> Option<Finding> {
    let (out, slots) = (pool.in_use(), pool.size.max_connections());
    if out > slots {
        let above = counted(out - slots, "more lease is", "more leases are");
        let says = format!("{above} out than there are slots: a smaller pool is coming down.");
        return Some(Finding::note("full", says));
    }
    (out >= pool.size.standard_limit()).then(|| {
        let standard = counted(pool.size.standard_limit(), "slot", "slots");
        let says = format!("{standard} of class standard, and all are out: callers are refused.");
        Finding::note("full", says)
    })
}

/// Connections to the service's database against leases. Every one of them was open when the pool was
/// read, so each has a lease in it, unless it was opened past the counter.
fn connections(pool: &Pool, now: UnixSeconds, observed: &Observed) -> Option<Finding> {
    let connections = observed.service().count();
    let live = pool.leases.len() - pool.expired(now).count();
    let without = connections.checked_sub(live).filter(|more| *more > 0)?;
    let users = users(observed.service());
    let open = counted(connections, "connection", "connections");
    let live = counted(live, "lease is", "leases are");
    let without = counted(without, "is", "are");
    Some(Finding::problem(
        "connections",
        format!(
            "{open} to {:?}, and {live} live: {without} not counted ({users}).",
            observed.database
        ),
        "find who connects past the counter: a person, a job, a query with ADMISSION=bypass, the holder of \
         an evicted lease. Have it take a slot, or reserve connections for it.",
    ))
}

/// Connections to anything else against those that are reserved.
fn others(observed: &Observed, reserved: u32) -> Option<Finding> {
    // The doctor's own is one of them.
    let count = observed.others().count() + 1;
    (count > reserved as usize).then(|| {
        let others = counted(count, "connection is", "connections are");
        let reserved = counted(reserved, "is", "are");
        let users = users(observed.others());
        Finding::problem(
            "reserved",
            format!(
                "{others} not the service's, this one included ({users}), and {reserved} reserved."
            ),
            "end those that are not needed, or make the pool smaller by as many (slots resize).",
        )
    })
}

fn users<'t>(threads: impl Iterator<Item = &'t Thread>) -> String {
    let mut counts = BTreeMap::<&str, u32>::new();
    for thread in threads {
        *counts.entry(&thread.user).or_default() += 1;
    }
    let each: Vec<_> = counts.iter().map(|(user, count)| format!("{user}: {count}")).collect();
    each.join(", ")
}

fn damaged(error: &StoreError) -> Finding {
    if let StoreError::Malformed { source: MalformedItem::Count { in_use, leases }, .. } = error {
        return Finding::problem(
            "count",
            format!(
                "InUse is {in_use}, but {} out: no write of this project changes one without the other, so \
                 somebody has edited the item.",
                counted(*leases, "lease is", "leases are")
            ),
            format!(
                "set InUse to the number of leases, on the condition that it is still {in_use} (aws \
                 dynamodb update-item), and look who writes to the table."
            ),
        );
    }
    let advice = "look at the item (aws dynamodb get-item) and at who writes to the table.";
    Finding::problem("item", format!("The pool can't be read: {}.", chain(error)), advice)
}

#[cfg(test)]
mod tests {
    use rds_admission::pool::PoolSize;
    use rds_admission::secret::SecretError;
    use rds_admission::session::MIN_CONNECT_ERRORS;
    use serde_json::{Value, json};

    use super::super::Server;
    use super::super::report::{Report, Severity};
    use super::*;
    use crate::Error;

    const NOW: UnixSeconds = UnixSeconds(1_764_000_000);
    const PLAN: Plan = Plan { sized_for: None, reserved: 4, priority: 2 };

    fn pool(expiries: &[u64]) -> Pool {
        let id = |n: usize| format!("lease{n:03}").parse().expect("an id");
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let leases = expiries.iter().enumerate();
        let leases = leases.map(|(n, left)| (id(n), UnixSeconds(NOW.0 - 1_000 + left))).collect();
        Pool { leases, ..Pool::new(size) }
    }

    fn server() -> Server {
        let (wait_timeout, connect_timeout) = (Seconds(5), Seconds(5));
        let version = "8.0".to_owned();
        Server {
            version,
            max_connections: 66,
            wait_timeout,
            connect_timeout,
            max_connect_errors: MIN_CONNECT_ERRORS,
            sees_all_threads: true,
        }
    }

    fn threads(database: Option<&str>, count: u64) -> Vec<Thread> {
        let (user, database) = ("admin".to_owned(), database.map(str::to_owned));
        let thread = |id| Thread { id, user: user.clone(), database: database.clone() };
        (0..count).map(thread).collect()
    }

    fn observed(server: Server, threads: Vec<Thread>) -> Observed {
        Observed { server, threads, database: "demodb2".to_owned() }
    }

    fn seen(pool: Pool) -> Seen {
        let threads = threads(Some("demodb2"), pool.leases.len() as u64);
        Seen { pool: Ok(pool), now: NOW, observed: Ok(observed(server(), threads)), plan: PLAN }
    }

    fn problems(seen: &Seen) -> Vec<&'static str> {
        let found = all(seen);
        let problems = found.iter().filter(|finding| finding.severity == Severity::Problem);
        problems.map(|finding| finding.check).collect()
    }

    fn notes(seen: &Seen) -> Vec<&'static str> {
        let found = all(seen);
        let notes = found.iter().filter(|finding| finding.severity == Severity::Note);
        notes.map(|finding| finding.check).collect()
    }

    #[test]
    fn a_pool_and_a_server_that_fit_are_found_so() {
        assert_eq!(all(&seen(pool(&[1_010; 20]))), []);
    }

    #[test]
    fn a_pool_of_another_size_is_found() {
        let larger = PoolSize::divide(67, 4, 2).expect("a size");
        assert_eq!(problems(&seen(Pool::new(larger))), ["sizing"]);
    }

    #[test]
    fn connections_without_a_lease_are_found() {
        let connected = |count| {
            let observed = observed(server(), threads(Some("demodb2"), count));
            // The third has expired: it is no excuse for a connection.
            Seen { observed: Ok(observed), ..seen(pool(&[1_010, 1_010, 900])) }
        };
        assert_eq!(problems(&connected(2)), Vec::<&str>::new());
        assert_eq!(problems(&connected(3)), ["connections"]);
    }

    #[test]
    fn more_connections_of_others_than_are_reserved_are_found() {
        // The doctor's own is the fourth.
        let others = |count| {
            let observed = observed(server(), threads(None, count));
            Seen { observed: Ok(observed), ..seen(pool(&[])) }
        };
        assert_eq!(problems(&others(3)), Vec::<&str>::new());
        assert_eq!(problems(&others(4)), ["reserved"]);
    }

    #[test]
    fn expired_leases_are_a_problem_once_nobody_sweeps() {
        let expired = |seconds: u64| {
            let observed = observed(server(), Vec::new());
            Seen { observed: Ok(observed), ..seen(pool(&[1_000 - seconds])) }
        };
        assert_eq!(all(&expired(1)), []);
        assert_eq!((problems(&expired(60)), notes(&expired(60))), (vec![], vec!["expired"]));
        assert_eq!(problems(&expired(300)), ["expired"]);
    }

    #[test]
    fn a_lease_that_nobody_could_be_granted_is_found() {
        assert_eq!(all(&seen(pool(&[1_960]))), []);
        assert_eq!(problems(&seen(pool(&[5_000]))), ["lease-length"]);
    }

    #[test]
    fn a_pool_that_drains_or_is_full_says_so() {
        let draining = Pool { draining: true, ..pool(&[1_010]) };
        assert_eq!(problems(&seen(draining)), ["draining"]);
        assert_eq!(notes(&seen(pool(&[1_010; 60]))), ["full"]);
        assert_eq!(notes(&seen(pool(&[1_010; 63]))), ["full"]);
    }

    #[test]
    fn an_item_that_does_not_count_and_a_server_that_is_full_are_found() {
        let pool_name = "Prod_MySQL".parse().expect("a name");
        let source = MalformedItem::Count { in_use: 5, leases: 4 };
        let damaged = Err(StoreError::Malformed { pool: pool_name, source });
        let seen = Seen { pool: damaged, observed: Err(Unseen::Full), ..seen(pool(&[])) };
        assert_eq!(problems(&seen), ["server", "count"]);
    }

    #[test]
    fn what_was_not_asked_is_found_and_the_pool_is_checked_all_the_same() {
        let draining = Pool { draining: true, ..pool(&[1_010]) };
        let observed = Err(Unseen::Unasked(Error::NoSettings));
        let unasked = Seen { observed, ..seen(draining) };
        assert_eq!(problems(&unasked), ["server", "draining"]);
        let secret =
            Error::Secret { id: "arn".to_owned(), source: SecretError::Shape { field: "host" } };
        let unread = Seen { observed: Err(Unseen::Unasked(secret)), ..seen(pool(&[])) };
        let found = all(&unread);
        assert_eq!(problems(&unread), ["secret"]);
        assert!(found[0].says.contains("not an object with host"), "{found:?}");
        // No connection was counted, which is not none.
        let report = serde_json::to_value(Report::new(found, None, &unread));
        let report = report.expect("JSON");
        assert_eq!(
            (&report["serviceConnections"], &report["healthy"]),
            (&Value::Null, &json!(false))
        );
        let well = seen(pool(&[]));
        let report = Report::new(all(&well), None, &well);
        assert_eq!(serde_json::to_value(report).expect("JSON")["serviceConnections"], 0);
    }
}
