//! What must happen in some behaviour.

use crate::configuration::{Configuration, Coverage};
use crate::item::Item;
use crate::lease::Lease;
use crate::phase::Phase;
use crate::script::Kind;
use crate::state::{Connection, Holder, Origin, State};
use crate::task::Task;

type Reached = fn(&Configuration, &State) -> bool;

const fn coverage(name: &'static str, reached: Reached) -> Coverage {
    Coverage { name, reached }
}

pub(crate) const TAKEOVER: Coverage = coverage("a lease is taken over", |configuration, state| {
    let taken = |at: usize| {
        configuration.holders[at].kind != Kind::Anonymous
            && state.holders[at].has_slot()
            && !state.pool.holds(Lease::of(at, false))
    };
    state.pool.leases() > 0 && (0..state.holders.len()).any(taken)
});

pub(crate) const REJECTION: Coverage =
    coverage("an acquire is rejected", |_, state| any(state, |holder| holder.in_flight.rejected));

/// A holder has a slot, and of the two responses the first is still in flight.
pub(crate) const RECOVERED_GRANT: Coverage =
    coverage("a repeated call recovers a lost response", |_, state| {
        any(state, |holder| {
            let in_flight = holder.in_flight;
            holder.phase == Phase::Holding
                && !in_flight.granted.is_empty()
                && in_flight.recognised.is_empty()
                && !in_flight.acquire
                && in_flight.repeats == 0
        })
    });

/// The only call that has arrived is recognised as a repeated one.
pub(crate) const RECOVERED_WRITE: Coverage =
    coverage("a write whose response was lost is recognised", |_, state| {
        any(state, |holder| {
            let in_flight = holder.in_flight;
            !in_flight.recognised.is_empty() && !in_flight.acquire && in_flight.repeats > 0
        })
    });

pub(crate) const ORPHANED_LEASE: Coverage = coverage(
    "a late copy of an acquire leaves a lease without a holder",
    |configuration, state| {
        let left = |at: usize| {
            let holder = &state.holders[at];
            configuration.holders[at].kind != Kind::Anonymous
                && holder.phase == Phase::Released
                && holder.in_flight.releases == 0
                && state.pool.holds(Lease::of(at, false))
        };
        (0..state.holders.len()).any(left)
    },
);

pub(crate) const ENDED_BY_THE_SERVER: Coverage =
    coverage("the server ends a session that its holder still uses", |_, state| {
        any(state, |holder| {
            matches!(holder.phase, Phase::Ready | Phase::Waiting) && !holder.connection.is_open()
        })
    });

pub(crate) const LATE_STATEMENT: Coverage =
    coverage("a statement runs in the last 5 s of the lease", |configuration, state| {
        let late = |at: usize| {
            let holder = &state.holders[at];
            matches!(holder.connection, Connection::Running(..))
                && state.now > configuration.last_send(at, holder.requested)
        };
        (0..state.holders.len()).any(late)
    });

pub(crate) const UNDONE_AFTER_THE_END: Coverage =
    coverage("the server rolls back after it has closed the connection", |_, state| {
        any(state, |holder| matches!(holder.connection, Connection::RollingBack(_)))
    });

pub(crate) const UNDONE_IN_TIME: Coverage =
    coverage("a transaction is rolled back before the holder disconnects", |_, state| {
        any(state, |holder| has_run_all(holder) && !holder.undo)
    });

pub(crate) const WORK_DONE: Coverage =
    coverage("a holder runs all its statements", |_, state| any(state, has_run_all));

/// After the last resize, to a smaller size, with leases held.
pub(crate) const SHRUNK: Coverage =
    coverage("a pool comes down to its smaller size", |configuration, state| {
        let slots = state.pool.slots();
        slots < configuration.shards.iter().map(|slots| usize::from(*slots)).sum()
            && state.shares.is_empty()
            && state.pool.leases() > 0
            && usize::from(state.most) == slots
    });

pub(crate) const ABOVE_THE_NEW_LIMIT: Coverage =
    coverage("more leases are held than a lowered limit", |_, state| {
        state.pool.leases() > state.pool.slots()
    });

pub(crate) const EMPTIED: Coverage = coverage("a pool drains to its last lease", |_, state| {
    state.pool[0].draining
        && state.pool.leases() == 0
        && any(state, |holder| holder.phase == Phase::Released)
});

pub(crate) const SWEPT: Coverage =
    coverage("a lease is swept while the pool drains", |configuration, state| {
        let mut holders = (0..state.holders.len()).filter(|at| state.holders[*at].has_slot());
        state.pool[0].draining
            && state.sweeps < configuration.sweeps
            && holders.all(|at| !state.pool.holds(Lease::of(at, false)))
    });

pub(crate) const RENEWAL_TOO_LATE: Coverage =
    coverage("a renewal is too late", |_, state| any(state, |holder| holder.in_flight.lost));

pub(crate) const RENEWED: Coverage = coverage("a lease is renewed", |configuration, state| {
    let renewed = |at: usize| {
        let (holder, script) = (&state.holders[at], &configuration.holders[at]);
        script.renewals > 0
            && holder.phase == Phase::Holding
            && holder.requested > configuration.timing.ticks(script.starts_by)
    };
    (0..state.holders.len()).any(renewed)
});

pub(crate) const TWO_CONNECTIONS: Coverage =
    coverage("two connections are open", |_, state| state.connections() >= 2);

pub(crate) const PRIORITY_BEYOND_STANDARD: Coverage =
    coverage("class priority is granted a reserved slot", |_, state| {
        let item = &state.pool[0];
        item.leases.len() > usize::from(item.slots - item.reserved)
    });

pub(crate) const ANOTHER_SHARD: Coverage =
    coverage("a lease is held in another shard than its first", |_, state| {
        leases(state).any(|(shard, lease)| state.pool.first(lease) != shard)
    });

pub(crate) const BOTH_FIRST_SHARDS: Coverage =
    coverage("each shard holds a lease that began with it", |_, state| {
        let at_home =
            |shard| leases(state).any(|at| at.0 == shard && state.pool.first(at.1) == shard);
        at_home(0) && at_home(1)
    });

pub(crate) const IN_TWO_SHARDS: Coverage = coverage("a lease is held in two shards", |_, state| {
    leases(state).any(|(_, lease)| state.pool.with(lease).len() > 1)
});

pub(crate) const FOUND_BY_RELEASE: Coverage =
    coverage("a release finds its lease in another shard", |_, state| {
        state.tasks.iter().any(|task| match *task {
            Task::Release { lease, shard } => state.pool[shard].leases.get(lease).is_some(),
            _ => false,
        })
    });

pub(crate) const FOUND_BY_RENEWAL: Coverage =
    coverage("a renewal finds its lease in another shard", |_, state| {
        state.tasks.iter().any(|task| match *task {
            Task::Renew { holder, shard, named: false, .. } => {
                let lease = Lease::of(holder, false);
                state.pool.first(lease) != shard && state.pool[shard].leases.get(lease).is_some()
            }
            _ => false,
        })
    });

/// While all other holders are idle.
pub(crate) const REJECTED_WITH_ROOM: Coverage =
    coverage("an acquire is rejected by a pool with a free slot", |_, state| {
        (0..state.holders.len()).any(|at| {
            let idle = |other: usize| other == at || state.holders[other].phase == Phase::Idle;
            state.holders[at].in_flight.rejected && (0..state.holders.len()).all(idle)
        })
    });

pub(crate) const GROWN_AGAIN: Coverage =
    coverage("a pool has shrunk and grown again", |configuration, state| {
        usize::from(state.resized) == configuration.resizes.len()
            && state.resized > 1
            && state.shares.is_empty()
            && state.pool.leases() > 0
    });

pub(crate) const MOVED: Coverage =
    coverage("a slot that has moved to another item is in use", |configuration, state| {
        let more = |(shard, slots): (u8, &u8)| state.pool[shard].leases.len() > usize::from(*slots);
        (0..).zip(configuration.shards).any(more)
    });

pub(crate) const HALF_MOVED: Coverage =
    coverage("a pool is in use in the middle of a move", |configuration, state| {
        let before: u8 = configuration.shards.iter().sum();
        state.pool.slots() < usize::from(before)
            && state.pool.leases() > 0
            && state.pool.iter().all(|item| !item.draining)
    });

pub(crate) const ENDED_WHILE_KEPT: Coverage =
    coverage("the server ends a kept session", |_, state| {
        any(state, |holder| holder.phase == Phase::Kept && !holder.connection.is_open())
    });

pub(crate) const USED_AGAIN: Coverage = coverage("a kept session is used again", |_, state| {
    any(state, |holder| has_run_all(holder) && holder.keeping.session == Origin::Kept)
});

pub(crate) const KEPT_AGAIN: Coverage = coverage("a session is kept a second time", |_, state| {
    any(state, |holder| {
        holder.phase == Phase::Kept
            && holder.keeping.session != Origin::First
            && holder.connection.is_open()
    })
});

pub(crate) const LOST_WHILE_KEPT: Coverage =
    coverage("the lease of a kept slot is taken over", |_, state| {
        let lost = |(at, holder): (usize, &Holder)| {
            holder.phase == Phase::Kept && !state.pool.holds(Lease::of(at, false))
        };
        state.pool.leases() > 0 && state.holders.iter().enumerate().any(lost)
    });

pub(crate) const RENEWED_ON_RESUME: Coverage =
    coverage("a resumed holder renews its lease", |_, state| {
        any(state, |holder| holder.phase == Phase::Renewing && holder.in_flight.renewed)
    });

pub(crate) const LOST_ON_RESUME: Coverage =
    coverage("a resumed holder renews too late", |_, state| {
        any(state, |holder| holder.phase == Phase::Renewing && holder.in_flight.lost)
    });

pub(crate) const REPLACED_SESSION: Coverage =
    coverage("a dead kept session is replaced", |_, state| {
        any(state, |holder| {
            has_run_all(holder)
                && holder.keeping.session == Origin::Replaced
                && holder.connection.is_open()
        })
    });

pub(crate) const SHARE_KEPT: Coverage =
    coverage("as many slots as ever may be kept, in a full pool", |_, state| {
        let may_keep = |holder: &&Holder| holder.keeping.limit.is_some();
        let slots = state.pool.slots();
        state.holders.iter().filter(may_keep).count() == slots - 1 && state.pool.leases() == slots
    });

fn any(state: &State, reached: impl Fn(&Holder) -> bool) -> bool {
    state.holders.iter().any(reached)
}

fn has_run_all(holder: &Holder) -> bool {
    holder.phase == Phase::Ready && holder.statements == 0
}

/// The held leases, each with its shard.
fn leases(state: &State) -> impl Iterator<Item = (u8, Lease)> {
    let in_shard = |(shard, item): (u8, &Item)| {
        item.leases.iter().map(move |(lease, _)| (shard, lease)).collect::<Vec<_>>()
    };
    (0..).zip(state.pool.iter()).flat_map(in_shard)
}
