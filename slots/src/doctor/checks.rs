//! The checks: functions of what was seen.

use std::collections::BTreeMap;

use rds_admission::pool::GRACE;
use rds_admission::pool::{LeaseId, MAX_LEASE, Pool};
use rds_admission::store::{MalformedItem, StoreError};
use rds_admission::telemetry::chain;
use rds_admission::time::{SKEW_ALLOWANCE, Seconds, UnixSeconds};

use super::report::Finding;
use super::{Server, Thread};

/// How long an expired lease may stay before something is wrong: the counter is asked every minute to
/// sweep, where the template has set that up.
const SWEPT_WITHIN: Seconds = Seconds(180);

/// What was seen.
pub(crate) struct Seen<'a> {
    /// The pool, or what is wrong with its item.
    pub(crate) pool: Result<Pool, StoreError>,
    /// The time at the table.
    pub(crate) now: UnixSeconds,
    /// The server; `None`: it has no connection left.
    pub(crate) server: Option<Server>,
    /// The connections that were open when the pool was read.
    pub(crate) threads: Vec<Thread>,
    /// The service's database.
    pub(crate) database: &'a str,
    /// Connections that are to stay outside the pool.
    pub(crate) reserved: u32,
}

impl Seen<'_> {
    /// The connections to the service's database.
    pub(crate) fn service(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter(|thread| thread.database.as_deref() == Some(self.database))
    }
}

/// Everything that is to be said.
pub(crate) fn all(seen: &Seen<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    match &seen.server {
        Some(server) => found.extend(timeouts(server).into_iter().chain(privilege(server))),
        None => found.push(Finding::problem(
            "server",
            "The server has no connection left (error 1040): more connect than the pool admits, or it \
             takes fewer than the pool was sized for."
                .to_owned(),
            "make the pool smaller (slots resize), find who connects past the counter (SHOW PROCESSLIST), \
             and ask again.",
        )),
    }
    match &seen.pool {
        Ok(pool) => {
            found.extend(draining(pool));
            found.extend(leases(pool, seen.now));
            found.extend(full(pool));
            if let Some(server) = &seen.server {
                found.extend(sizing(pool, server, seen.reserved));
                found.extend(connections(pool, seen));
            }
        }
        Err(error) => found.push(damaged(error)),
    }
    found.extend(others(seen));
    found
}

/// The pool against what the server takes.
fn sizing(pool: &Pool, server: &Server, reserved: u32) -> Option<Finding> {
    const CHECK: &str = "sizing";
    let (slots, takes) = (pool.size.max_connections(), server.max_connections);
    let fit = takes.saturating_sub(reserved);
    if slots > takes {
        return Some(Finding::problem(
            CHECK,
            format!(
                "The pool has {slots} slots, but the server takes {takes} connections: it can be exhausted."
            ),
            format!("slots resize {fit}; or give the server more (max_connections)."),
        ));
    }
    if slots > fit {
        return Some(Finding::problem(
            CHECK,
            format!(
                "The pool's {slots} slots and the {reserved} reserved connections are more than the \
                 {takes} that the server takes: people and RDS itself may be locked out."
            ),
            format!("slots resize {fit}."),
        ));
    }
    (slots < fit).then(|| {
        let spare = fit - slots;
        Finding::note(
            CHECK,
            format!("The server takes {takes} connections: {spare} more slots would fit."),
        )
    })
}

/// The server's own limits, which end what a client leaves open that froze before it told its own.
fn timeouts(server: &Server) -> Option<Finding> {
    let Server { wait_timeout, connect_timeout, .. } = *server;
    (wait_timeout > GRACE || connect_timeout > GRACE).then(|| {
        Finding::problem(
            "timeouts",
            format!(
                "wait_timeout is {wait_timeout} and connect_timeout {connect_timeout}: a client that is \
                 frozen while it logs in keeps its connection so long, and its lease may be over sooner."
            ),
            format!("set both to {GRACE} at the most, in the server's parameter group."),
        )
    })
}

fn privilege(server: &Server) -> Option<Finding> {
    (!server.sees_all_threads).then(|| {
        let says =
            "The account may not have PROCESS, and then sees its own threads only.".to_owned();
        Finding::note("privilege", says)
    })
}

fn draining(pool: &Pool) -> Option<Finding> {
    pool.draining.then(|| {
        let out = pool.in_use();
        Finding::problem(
            "draining",
            format!("The pool drains: every caller is refused. {out} leases are out."),
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
        let says = format!(
            "{count} leases have expired, the first {age} s ago: their holders crashed, or were cut off."
        );
        found.push(if age > u64::from(SWEPT_WITHIN.0) {
            let advice = "see whether the counter is still asked every minute to sweep (its schedule, its \
                          errors). Whoever needs a slot takes them over all the same.";
            Finding::problem("expired", says, advice)
        } else {
            Finding::note("expired", says + " Whoever needs a slot takes them over.")
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
        let above = out - slots;
        let says =
            format!("{above} leases more are out than there are slots: a resize is draining.");
        return Some(Finding::note("full", says));
    }
    (out >= pool.size.standard_limit()).then(|| {
        let standard = pool.size.standard_limit();
        Finding::note(
            "full",
            format!("All {standard} standard slots are out: callers are refused."),
        )
    })
}

/// Connections to the service's database against leases. Every one of them was open when the pool was
/// read, so each has a lease in it, unless it was opened past the counter.
fn connections(pool: &Pool, seen: &Seen<'_>) -> Option<Finding> {
    let connections = seen.service().count();
    let live = pool.leases.len() - pool.expired(seen.now).count();
    let without = connections.checked_sub(live).filter(|more| *more > 0)?;
    let users = users(seen.service());
    Some(Finding::problem(
        "connections",
        format!(
            "{connections} connections to {:?} are open and {live} leases are live: {without} are not \
             counted ({users}).",
            seen.database
        ),
        "find who connects past the counter: a person, a job, a query with ADMISSION=bypass, the holder of \
         an evicted lease. Have it take a slot, or reserve connections for it.",
    ))
}

/// Connections to anything else against those that are reserved.
fn others(seen: &Seen<'_>) -> Option<Finding> {
    let others = || {
        let other = |thread: &&Thread| thread.database.as_deref() != Some(seen.database);
        seen.threads.iter().filter(other)
    };
    // The doctor's own is one of them.
    let count = others().count() + 1;
    (count > seen.reserved as usize).then(|| {
        Finding::problem(
            "reserved",
            format!(
                "{count} connections are not the service's, this one included ({}), and {} are reserved.",
                users(others()),
                seen.reserved
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
                "InUse is {in_use}, but {leases} leases are out: no write of this project changes one \
                 without the other, so somebody has edited the item."
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

    use super::super::report::Severity;
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_764_000_000);

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
            sees_all_threads: true,
        }
    }

    fn threads(database: Option<&str>, count: u64) -> Vec<Thread> {
        let (user, database) = ("admin".to_owned(), database.map(str::to_owned));
        let thread = |id| Thread { id, user: user.clone(), database: database.clone() };
        (0..count).map(thread).collect()
    }

    fn seen(pool: Pool) -> Seen<'static> {
        let server = Some(server());
        let threads = threads(Some("demodb2"), pool.leases.len() as u64);
        Seen { pool: Ok(pool), now: NOW, server, threads, database: "demodb2", reserved: 4 }
    }

    fn problems(seen: &Seen<'_>) -> Vec<&'static str> {
        let found = all(seen);
        let problems = found.iter().filter(|finding| finding.severity == Severity::Problem);
        problems.map(|finding| finding.check).collect()
    }

    fn notes(seen: &Seen<'_>) -> Vec<&'static str> {
        let found = all(seen);
        let notes = found.iter().filter(|finding| finding.severity == Severity::Note);
        notes.map(|finding| finding.check).collect()
    }

    #[test]
    fn a_pool_and_a_server_that_fit_are_found_so() {
        assert_eq!(all(&seen(pool(&[1_010; 20]))), []);
    }

    #[test]
    fn a_pool_fits_when_the_reserved_connections_do_too() {
        let takes = |max_connections| {
            let server = Some(Server { max_connections, ..server() });
            Seen { server, ..seen(pool(&[])) }
        };
        assert_eq!(problems(&takes(61)), ["sizing"]);
        assert_eq!(problems(&takes(65)), ["sizing"]);
        assert_eq!(all(&takes(66)), []);
        assert_eq!((problems(&takes(67)), notes(&takes(67))), (vec![], vec!["sizing"]));
    }

    #[test]
    fn a_server_that_waits_longer_than_a_lease_is_found() {
        for (wait, connect) in [(6, 5), (5, 6)] {
            let (wait_timeout, connect_timeout) = (Seconds(wait), Seconds(connect));
            let server = Some(Server { wait_timeout, connect_timeout, ..server() });
            assert_eq!(problems(&Seen { server, ..seen(pool(&[])) }), ["timeouts"]);
        }
    }

    #[test]
    fn connections_without_a_lease_are_found() {
        let connected = |count| {
            let threads = threads(Some("demodb2"), count);
            // The third has expired: it is no excuse for a connection.
            Seen { threads, ..seen(pool(&[1_010, 1_010, 900])) }
        };
        assert_eq!(problems(&connected(2)), Vec::<&str>::new());
        assert_eq!(problems(&connected(3)), ["connections"]);
    }

    #[test]
    fn more_connections_of_others_than_are_reserved_are_found() {
        // The doctor's own is the fourth.
        let others = |count| Seen { threads: threads(None, count), ..seen(pool(&[])) };
        assert_eq!(problems(&others(3)), Vec::<&str>::new());
        assert_eq!(problems(&others(4)), ["reserved"]);
    }

    #[test]
    fn expired_leases_are_a_problem_once_nobody_sweeps() {
        let expired = |seconds: u64| {
            let seen = seen(pool(&[1_000 - seconds]));
            Seen { threads: Vec::new(), ..seen }
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
        let seen = Seen { pool: damaged, server: None, threads: Vec::new(), ..seen(pool(&[])) };
        assert_eq!(problems(&seen), ["server", "count"]);
    }
}
