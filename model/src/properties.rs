//! What has to hold in every state.

use std::cell::RefCell;
use std::collections::HashMap;

use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::SKEW_ALLOWANCE;
use stateright::Property;

use crate::configuration::Configuration;
use crate::lease::{Lease, Leases};
use crate::protocol::Protocol;
use crate::removed::{Guard, Removed};
use crate::script::Kind;
use crate::session::believed;
use crate::state::{Connection, State};
use crate::table::{Table, TakeOver};
use crate::timing::Expiry;

/// Every connection that is open on the server belongs to a lease that is out.
pub const UNDER_A_LEASE: &str = "every connection is under a lease that is out";
/// There are no more connections than slots.
pub const WITHIN_THE_SLOTS: &str = "no more connections than slots";
/// No lease comes in beyond the limit in force, which is 0 while the pool drains.
pub const WITHIN_THE_LIMIT: &str = "no lease comes in above the limit";
/// `InUse` is what it says.
pub const COUNTED: &str = "InUse is the number of leases";
/// A live holder keeps its lease.
pub const KEPT: &str = "a live holder has its lease until it is over";
/// A call that is repeated is one call.
pub const ONE_EACH: &str = "an invocation has one lease at most";
/// Nothing is lost for good.
pub const COMES_BACK: &str = "every slot comes back";

/// The properties of a configuration.
#[must_use]
pub fn of(configuration: &Configuration) -> Vec<Property<Protocol>> {
    let always = [
        Property::always(UNDER_A_LEASE, under_a_lease),
        Property::always(WITHIN_THE_SLOTS, within_the_slots),
        Property::always(WITHIN_THE_LIMIT, |_, state: &State| !state.table.overfilled),
        Property::always(COUNTED, |_, state: &State| {
            usize::try_from(state.table.in_use) == Ok(state.table.leases.len())
        }),
        Property::always(KEPT, kept),
        Property::always(ONE_EACH, one_each),
        Property::always(COMES_BACK, comes_back),
    ];
    always
        .into_iter()
        .chain(configuration.reached.iter().map(|reached| reached.property()))
        .collect()
}

/// A connection of a lease that its holder named: that lease. Connections of the article's protocol
/// can't be told apart, and neither can their leases: as many as there are connections.
fn under_a_lease(_: &Protocol, state: &State) -> bool {
    let out = |lease| state.table.leases.get(lease).is_some();
    let mut anonymous = 0;
    for (at, holder) in state.holders.iter().enumerate() {
        match holder.connection {
            Connection::None => {}
            Connection::Trusted(_) => anonymous += 1,
            _ if out(Lease::of(at, false)) || out(Lease::of(at, true)) => {}
            _ => return false,
        }
    }
    anonymous == 0
        || anonymous <= state.table.leases.iter().filter(|(lease, _)| lease.is_anonymous()).count()
}

/// Without another size, never; with a smaller one, not once the pool has come down to it.
fn within_the_slots(_: &Protocol, state: &State) -> bool {
    let leftovers = state.resized && !state.drained;
    let slots = usize::from(state.table.slots);
    leftovers || (state.connections() <= slots && state.table.leases.len() <= slots)
}

fn kept(protocol: &Protocol, state: &State) -> bool {
    let configuration = &protocol.configuration;
    let lost = |at: usize| {
        let holder = &state.holders[at];
        holder.has_slot()
            && configuration.holders[at].kind != Kind::Anonymous
            && believed(holder, state.now) < configuration.lease_ends(at, holder.asked)
            && state.table.leases.get(Lease::of(at, false)).is_none()
            && state.table.leases.get(Lease::of(at, true)).is_none()
    };
    !(0..state.holders.len()).any(lost)
}

fn one_each(_: &Protocol, state: &State) -> bool {
    let both = |at: usize| {
        let out = |other| state.table.leases.get(Lease::of(at, other)).is_some();
        out(false) && out(true)
    };
    !(0..state.holders.len()).any(both)
}

thread_local! {
    /// What [`would_grant`] found for the tables of this thread's check: there are few of them, and
    /// very many states.
    static KNOWN: RefCell<HashMap<(Table, Removed), bool>> = RefCell::default();
}

/// Whatever came before: when every lease that is out is over, a newcomer gets a slot. A behaviour may
/// stop in any state for ever, so this holds at the end of each if it holds in each state.
fn comes_back(protocol: &Protocol, state: &State) -> bool {
    let removed = protocol.configuration.removed;
    KNOWN.with_borrow_mut(|known| {
        *known.entry((state.table, removed)).or_insert_with(|| would_grant(state.table, removed))
    })
}

/// By the rule, and by the write that it leads to.
fn would_grant(mut table: Table, removed: Removed) -> bool {
    // A pool that drains grants nothing, until its operator has it go on.
    table.draining = false;
    let (class, newcomer) = (Class::Standard, Lease::of_a_stranger());
    let pool = table.pool();
    let last = pool.leases.values().max().copied();
    let now = last.unwrap_or(Expiry(0).into()).plus(SKEW_ALLOWANCE);
    match pool.plan_acquire(newcomer.id(), class, now) {
        AcquirePlan::Add => table.add(newcomer, now.into(), class, removed),
        AcquirePlan::TakeOver { expired } if !removed.guard(Guard::Takeover) => {
            let (expired, limit) = (Leases::collect(expired), table.limit(class));
            let plan = TakeOver { expired, expiry: now.into(), limit };
            table.take_over(newcomer, &plan, class, removed)
        }
        _ => false,
    }
}
