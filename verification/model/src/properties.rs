//! What has to hold in every state.

mod warm;

use std::cell::RefCell;
use std::collections::HashMap;

use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::SKEW_ALLOWANCE;
use stateright::Property;

use crate::configuration::Configuration;
use crate::item::{Item, TakeOver};
use crate::lease::{Lease, Leases};
use crate::protocol::Protocol;
use crate::removed::{Guard, Removed};
use crate::script::Kind;
use crate::session::believed;
use crate::state::{Connection, Holder, State};
use crate::timing::Expiry;

/// Every connection that is open on the server belongs to a lease that is out, each to one of its own.
pub const UNDER_A_LEASE: &str = "every connection is under a lease that is out";
/// There are no more connections, and no more leases, than slots: in all shards together, than the largest
/// size that the pool has had since each shard was last within its share.
pub const WITHIN_THE_SLOTS: &str = "no more connections, and no more leases, than slots";
/// No lease comes in beyond the limit in force, which is 0 while the pool drains.
pub const WITHIN_THE_LIMIT: &str = "no lease comes in above the limit";
/// `InUse` is what it says.
pub const COUNTED: &str = "InUse is the number of leases";
/// A live holder keeps its lease.
pub const KEPT: &str = "a live holder has its lease until it is over";
/// A call that is repeated is one call. Where it is repeated to a pool that is split, in each shard: a
/// first try that is late may find room in one when a repeated one was granted a slot of another.
pub const ONE_EACH: &str = "an invocation has one lease at most";
/// A repeated call whose lease has been out since it arrived is answered with that lease: it is neither
/// refused, which would leave a lease that nobody gives back, nor granted another slot.
pub const KNOWN_AGAIN: &str = "a repeated call is answered with its lease that is out";
/// Nothing is lost for good.
pub const COMES_BACK: &str = "every slot comes back";

/// The properties of a configuration.
#[must_use]
pub fn of(configuration: &Configuration) -> Vec<Property<Protocol>> {
    let always = [
        Property::always(UNDER_A_LEASE, under_a_lease),
        Property::always(WITHIN_THE_SLOTS, within_the_slots),
        Property::always(WITHIN_THE_LIMIT, |_, state: &State| {
            !state.pool.iter().any(|item| item.overfilled)
        }),
        Property::always(COUNTED, |_, state: &State| {
            let counted = |item: &Item| usize::try_from(item.in_use) == Ok(item.leases.len());
            state.pool.iter().all(counted)
        }),
        Property::always(KEPT, kept),
        Property::always(ONE_EACH, one_each),
        Property::always(KNOWN_AGAIN, |_, state: &State| !state.disowned),
        Property::always(COMES_BACK, comes_back),
    ];
    let warm = configuration.warm.is_some().then(warm::properties);
    always
        .into_iter()
        .chain(warm.into_iter().flatten())
        .chain(configuration.reached.iter().map(|reached| reached.property()))
        .collect()
}

/// A connection of a lease that its holder named: that lease. Connections of the article's protocol
/// can't be told apart, and neither can their leases: as many as there are connections.
fn under_a_lease(_: &Protocol, state: &State) -> bool {
    let out = |lease| state.pool.have(lease);
    let mut anonymous = 0;
    for (at, holder) in state.holders.iter().enumerate() {
        let leases = [false, true].map(|other| usize::from(out(Lease::of(at, other))));
        match holder.connection {
            Connection::Trusted(_) => anonymous += 1,
            _ if holder.connections() <= leases.iter().sum() => {}
            _ => return false,
        }
    }
    let leases = state.pool.iter().flat_map(|item| item.leases.iter());
    anonymous == 0 || anonymous <= leases.filter(|(lease, _)| lease.is_anonymous()).count()
}

fn within_the_slots(_: &Protocol, state: &State) -> bool {
    let slots = usize::from(state.most);
    state.connections() <= slots && state.pool.leases() <= slots
}

fn kept(protocol: &Protocol, state: &State) -> bool {
    let configuration = &protocol.configuration;
    // Where the holder will look for it.
    let out = |holder: &Holder, lease| match holder.shard {
        Some(shard) => state.pool[shard].leases.get(lease).is_some(),
        None => state.pool.have(lease),
    };
    let lost = |at: usize| {
        let holder = &state.holders[at];
        holder.has_slot()
            && configuration.holders[at].kind != Kind::Anonymous
            && believed(holder, state.now) < configuration.lease_ends(at, holder.asked)
            && !out(holder, Lease::of(at, false))
            && !out(holder, Lease::of(at, true))
    };
    !(0..state.holders.len()).any(lost)
}

fn one_each(protocol: &Protocol, state: &State) -> bool {
    let Configuration { holders, .. } = &protocol.configuration;
    let split = protocol.configuration.is_split();
    holders.iter().enumerate().all(|(at, script)| {
        let in_shard = |item: &Item| {
            let out = |other| usize::from(item.leases.get(Lease::of(at, other)).is_some());
            out(false) + out(true)
        };
        let mut leases = state.pool.iter().map(in_shard);
        if split && script.copies > 1 {
            leases.all(|out| out <= 1)
        } else {
            leases.sum::<usize>() <= 1
        }
    })
}

thread_local! {
    /// What [`would_grant`] found for the items of this thread's check: there are few of them, and
    /// very many states.
    static KNOWN: RefCell<HashMap<(Item, Removed), bool>> = RefCell::default();
}

/// Whatever came before: when every lease that is out is over, a newcomer gets a slot, of each shard that it
/// asks. A behaviour may stop in any state for ever, so this holds at the end of each if it holds in each state.
fn comes_back(protocol: &Protocol, state: &State) -> bool {
    let removed = protocol.configuration.removed;
    KNOWN.with_borrow_mut(|known| {
        let mut would = |item: &Item| {
            *known.entry((*item, removed)).or_insert_with(|| would_grant(*item, removed))
        };
        state.pool.iter().all(&mut would)
    })
}

/// By the rule, and by the write that it leads to.
fn would_grant(mut item: Item, removed: Removed) -> bool {
    // A pool that drains grants nothing, until its operator has it go on.
    item.draining = false;
    let (class, newcomer) = (Class::Standard, Lease::of_a_stranger());
    let pool = item.pool();
    let last = pool.leases.values().max().copied();
    let now = last.unwrap_or(Expiry(0).into()).plus(SKEW_ALLOWANCE);
    match pool.plan_acquire(newcomer.id(), class, now) {
        AcquirePlan::Add => item.add(newcomer, now.into(), class, removed),
        AcquirePlan::TakeOver { expired } if !removed.guard(Guard::Takeover) => {
            let (expired, limit) = (Leases::collect(expired), item.limit(class));
            let plan = TakeOver { expired, expiry: now.into(), limit };
            item.take_over(newcomer, &plan, class, removed)
        }
        _ => false,
    }
}
