//! The checks: pure functions of what was read.

use std::collections::BTreeMap;

use rds_admission::pool::{LeaseId, MAX_LEASE, Pool};
use rds_admission::store::{MalformedItem, StoreError};
use rds_admission::telemetry::chain;
use rds_admission::time::{SKEW_ALLOWANCE, Seconds, UnixSeconds};

use super::report::Finding;
use super::server::{Server, Thread};
use super::settings::{server_error, settings};
use super::sizing::{Plan, sizing};
use crate::error::Error;
use crate::output::plural;

/// Age at which an expired lease is a problem. The template's schedule sweeps every minute.
const SWEPT_WITHIN: Seconds = Seconds(180);

/// What the checks compare.
pub(super) struct Inputs {
    /// The pool, or why its item is malformed.
    pub(super) pool: Result<Pool, StoreError>,
    /// The time at the table.
    pub(super) now: UnixSeconds,
    /// The server, with the threads that were connected when the pool was read.
    pub(super) server: Result<Server, Error>,
    pub(super) plan: Plan,
}

/// Runs all checks.
pub(super) fn all(inputs: &Inputs) -> Vec<Finding> {
    let Inputs { pool, now, server, plan } = inputs;
    let mut found = Vec::new();
    match server {
        Ok(server) => found.extend(settings(&server.settings)),
        Err(error) => found.push(server_error(error)),
    }
    match pool {
        Ok(pool) => {
            found.extend(draining(pool));
            found.extend(leases(pool, *now));
            found.extend(full(pool));
            if let Ok(server) = server {
                found.extend(sizing(pool.size, server.settings.max_connections, *plan));
                found.extend(connections(pool, *now, server));
            }
        }
        Err(error) => found.push(malformed(error)),
    }
    if let Ok(server) = server {
        found.extend(others(server, plan.reserved));
    }
    found
}

fn draining(pool: &Pool) -> Option<Finding> {
    pool.draining.then(|| {
        let held = plural(pool.in_use(), "lease is", "leases are");
        let message = format!("The pool is draining: every caller is rejected. {held} held.");
        Finding::problem("draining", message, "slots resume, when the maintenance is over.")
    })
}

/// Leases that show a crashed holder or a wrong clock.
fn leases(pool: &Pool, now: UnixSeconds) -> Vec<Finding> {
    let mut found = Vec::new();
    let expired: BTreeMap<LeaseId, UnixSeconds> = pool.expired(now).collect();
    if let Some(first) = expired.values().min() {
        let (count, age) = (expired.len(), now.0.saturating_sub(first.0));
        let message = match count {
            1 => format!("1 lease expired {age} s ago: its holder crashed or was cut off."),
            _ => format!(
                "{count} leases have expired, the first {age} s ago: their holders crashed or were cut off."
            ),
        };
        found.push(if age > u64::from(SWEPT_WITHIN.0) {
            let advice = "check that the counter is still invoked every minute to sweep (its schedule, its \
                          errors). An acquire that needs a slot takes expired leases over all the same.";
            Finding::problem("expired", message, advice)
        } else {
            let message = message + " An acquire that needs a slot takes expired leases over.";
            Finding::note("expired", message)
        });
    }
    let longest = now.plus(MAX_LEASE).plus(SKEW_ALLOWANCE).plus(Seconds(1));
    for (lease, until) in pool.leases.iter().filter(|(_, until)| **until > longest) {
        found.push(Finding::problem(
            "lease-length",
            format!(
                "Lease {lease} lasts another {} s, but the maximum is {MAX_LEASE}: a counter's clock was ahead, \
                 or the item was edited.",
                until.0 - now.0
            ),
            format!("slots evict {lease}, if its holder is gone."),
        ));
    }
    found
}

fn full(pool: &Pool) -> Option<Finding> {
    let (in_use, slots) = (pool.in_use(), pool.size.max_connections());
    if in_use > slots {
        let above = plural(in_use - slots, "more lease is", "more leases are");
        let message = format!("{above} held than there are slots: the pool was made smaller.");
        return Some(Finding::note("full", message));
    }
    (in_use >= pool.size.standard_limit()).then(|| {
        let standard = plural(pool.size.standard_limit(), "slot", "slots");
        let message =
            format!("{standard} of class standard, and all are in use: callers are rejected.");
        Finding::note("full", message)
    })
}

/// Connections to the service's database without a lease. All of them were open when the pool was read.
fn connections(pool: &Pool, now: UnixSeconds, server: &Server) -> Option<Finding> {
    let connections = server.service().count();
    let live = pool.leases.len() - pool.expired(now).count();
    let without = connections.checked_sub(live).filter(|more| *more > 0)?;
    let users = users(server.service());
    let open = plural(connections, "connection", "connections");
    let live = plural(live, "lease is", "leases are");
    let without = plural(without, "has", "have");
    Some(Finding::problem(
        "connections",
        format!("{open} to {:?}, but {live} live: {without} no lease ({users}).", server.database),
        "find the clients that connect without a slot: a person, a job, a query with ADMISSION=bypass, the holder \
         of an evicted lease. Give them slots, or reserve connections for them.",
    ))
}

/// Connections to other databases, against the reserved ones.
fn others(server: &Server, reserved: u32) -> Option<Finding> {
    // Includes the doctor's own.
    let count = server.others().count() + 1;
    (count > reserved as usize).then(|| {
        let others = plural(count, "connection is", "connections are");
        let reserved = plural(reserved, "is", "are");
        let users = users(server.others());
        Finding::problem(
            "reserved",
            format!(
                "{others} not the service's, this one included ({users}), but only {reserved} reserved."
            ),
            "close those that are not needed, or make the pool smaller by as many (slots resize).",
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

fn malformed(error: &StoreError) -> Finding {
    if let StoreError::Malformed { source: MalformedItem::Count { in_use, leases }, .. } = error {
        return Finding::problem(
            "count",
            format!(
                "InUse is {in_use}, but {} held: this project changes both in one write, so the item was edited.",
                plural(*leases, "lease is", "leases are")
            ),
            format!(
                "set InUse to the number of leases, on the condition that it is still {in_use} (aws dynamodb \
                 update-item), and find what else writes to the table."
            ),
        );
    }
    let advice = "inspect the item (aws dynamodb get-item) and find what else writes to the table.";
    Finding::problem("item", format!("The pool can't be read: {}.", chain(error)), advice)
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;
    use rds_admission::pool::PoolSize;
    use rds_admission::secret::SecretError;
    use rds_admission::session::{MIN_CONNECT_ERRORS, SessionError};
    use serde_json::{Value, json};

    use super::super::report::{Report, Severity};
    use super::super::server::Settings;
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_764_000_000);
    const PLAN: Plan = Plan { sized_for: None, reserved: 4, priority: 2 };

    fn pool(expiries: &[u64]) -> Pool {
        let id = |n: usize| format!("lease{n:03}").parse().expect("an id");
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let leases = expiries.iter().enumerate();
        let leases = leases.map(|(n, left)| (id(n), UnixSeconds(NOW.0 - 1_000 + left))).collect();
        Pool { leases, ..Pool::new(size) }
    }

    fn settings() -> Settings {
        let (wait_timeout, connect_timeout) = (Seconds(5), Seconds(5));
        let version = "8.0".to_owned();
        Settings {
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

    fn server(threads: Vec<Thread>) -> Server {
        Server { settings: settings(), threads, database: "demodb2".to_owned() }
    }

    fn inputs(pool: Pool) -> Inputs {
        let threads = threads(Some("demodb2"), pool.leases.len() as u64);
        Inputs { pool: Ok(pool), now: NOW, server: Ok(server(threads)), plan: PLAN }
    }

    fn problems(inputs: &Inputs) -> Vec<&'static str> {
        let found = all(inputs);
        let problems = found.iter().filter(|finding| finding.severity == Severity::Problem);
        problems.map(|finding| finding.check).collect()
    }

    fn notes(inputs: &Inputs) -> Vec<&'static str> {
        let found = all(inputs);
        let notes = found.iter().filter(|finding| finding.severity == Severity::Note);
        notes.map(|finding| finding.check).collect()
    }

    #[test]
    fn a_healthy_pool_has_no_findings() {
        assert_eq!(all(&inputs(pool(&[1_010; 20]))), []);
    }

    #[test]
    fn a_pool_of_another_size_is_found() {
        let larger = PoolSize::divide(67, 4, 2).expect("a size");
        assert_eq!(problems(&inputs(Pool::new(larger))), ["sizing"]);
    }

    #[test]
    fn connections_without_a_lease_are_found() {
        let connected = |count| {
            let server = server(threads(Some("demodb2"), count));
            // The third has expired: it allows no connection.
            Inputs { server: Ok(server), ..inputs(pool(&[1_010, 1_010, 900])) }
        };
        assert_eq!(problems(&connected(2)), Vec::<&str>::new());
        assert_eq!(problems(&connected(3)), ["connections"]);
    }

    #[test]
    fn more_connections_of_others_than_are_reserved_are_found() {
        // The doctor's own is the fourth.
        let others = |count| {
            let server = server(threads(None, count));
            Inputs { server: Ok(server), ..inputs(pool(&[])) }
        };
        assert_eq!(problems(&others(3)), Vec::<&str>::new());
        assert_eq!(problems(&others(4)), ["reserved"]);
    }

    #[test]
    fn expired_leases_are_a_problem_when_they_are_not_swept() {
        let expired = |seconds: u64| Inputs {
            server: Ok(server(Vec::new())),
            ..inputs(pool(&[1_000 - seconds]))
        };
        assert_eq!(all(&expired(1)), []);
        assert_eq!((problems(&expired(60)), notes(&expired(60))), (vec![], vec!["expired"]));
        assert_eq!(problems(&expired(300)), ["expired"]);
    }

    #[test]
    fn a_lease_longer_than_the_maximum_is_found() {
        assert_eq!(all(&inputs(pool(&[1_960]))), []);
        assert_eq!(problems(&inputs(pool(&[5_000]))), ["lease-length"]);
    }

    #[test]
    fn a_draining_or_full_pool_is_found() {
        let draining = Pool { draining: true, ..pool(&[1_010]) };
        assert_eq!(problems(&inputs(draining)), ["draining"]);
        assert_eq!(notes(&inputs(pool(&[1_010; 60]))), ["full"]);
        assert_eq!(notes(&inputs(pool(&[1_010; 63]))), ["full"]);
    }

    #[test]
    fn a_wrong_count_and_a_full_server_are_found() {
        let pool_name = "Prod_MySQL".parse().expect("a name");
        let source = MalformedItem::Count { in_use: 5, leases: 4 };
        let damaged = Err(StoreError::Malformed { pool: pool_name, source });
        let full = ServerError { code: 1040, message: String::new(), state: "08004".to_owned() };
        let source = SessionError::Connect { source: full.into() };
        let server = Err(Error::Database { host: "db".to_owned(), port: 3306, source });
        let inputs = Inputs { pool: damaged, server, ..inputs(pool(&[])) };
        assert_eq!(problems(&inputs), ["server", "count"]);
    }

    #[test]
    fn an_unreadable_server_is_found_and_the_pool_is_checked() {
        let draining = Pool { draining: true, ..pool(&[1_010]) };
        let unread = Inputs { server: Err(Error::NoSettings), ..inputs(draining) };
        assert_eq!(problems(&unread), ["server", "draining"]);
        let secret =
            Error::Secret { id: "arn".to_owned(), source: SecretError::Shape { field: "host" } };
        let unread = Inputs { server: Err(secret), ..inputs(pool(&[])) };
        let found = all(&unread);
        assert_eq!(problems(&unread), ["secret"]);
        assert!(found[0].message.contains("not an object with host"), "{found:?}");
        // The number of connections is unknown, not zero.
        let report = serde_json::to_value(Report::new(found, None, None));
        let report = report.expect("JSON");
        assert_eq!(
            (&report["serviceConnections"], &report["healthy"]),
            (&Value::Null, &json!(false))
        );
        let healthy = inputs(pool(&[]));
        let report = Report::new(all(&healthy), None, healthy.server.as_ref().ok());
        assert_eq!(serde_json::to_value(report).expect("JSON")["serviceConnections"], 0);
    }
}
