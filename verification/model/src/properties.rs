//! The properties that must hold in every state.

use std::cell::RefCell;
use std::collections::HashMap;

use rds_admission::pool::warm::Warm;
use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::SKEW_ALLOWANCE;
use stateright::Property;

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::item::{Item, TakeOver};
use crate::lease::{Lease, Leases};
use crate::script::Kind;
use crate::state::{Connection, Holder, State};
use crate::timing::Expiry;

/// The properties of a configuration.
#[must_use]
pub fn of(configuration: &Configuration) -> Vec<Property<Configuration>> {
    let always = [
        Property::always("every connection has a held lease", under_a_lease),
        Property::always("no more connections, and no more leases, than slots", within_the_slots),
        // The limit is 0 in a draining pool.
        Property::always("no lease is added above the limit", |_, state: &State| {
            !state.pool.iter().any(|item| item.over_limit)
        }),
        Property::always("InUse is the number of leases", |_, state: &State| {
            let counted = |item: &Item| usize::try_from(item.in_use) == Ok(item.leases.len());
            state.pool.iter().all(counted)
        }),
        Property::always("a live holder has its lease until its end", keeps_its_lease),
        Property::always("an invocation has at most one lease", one_each),
        // A rejection would leave a lease that no holder releases.
        Property::always("a repeated call returns its held lease", |_, state: &State| {
            !state.disowned
        }),
        Property::always("every slot becomes free again", becomes_free),
    ];
    let warm = [
        Property::always("fewer slots than the share may be kept", within_the_share),
        Property::always("a kept session is used only under a held lease", |_, state: &State| {
            !state.misused
        }),
        Property::always("no statement that may have run is sent again", |_, state: &State| {
            !state.resent
        }),
    ];
    let warm = configuration.warm.is_some().then_some(warm);
    let coverage = configuration.coverage.iter();
    let coverage = coverage.map(|covered| Property::sometimes(covered.name, covered.reached));
    always.into_iter().chain(warm.into_iter().flatten()).chain(coverage).collect()
}

/// A holder with a lease id has that lease for its connection. Anonymous connections and leases are only counted,
/// because they are indistinguishable.
fn under_a_lease(_: &Configuration, state: &State) -> bool {
    let held = |lease| state.pool.holds(lease);
    let mut anonymous = 0;
    for (at, holder) in state.holders.iter().enumerate() {
        let leases = [false, true].map(|other| usize::from(held(Lease::of(at, other))));
        match holder.connection {
            Connection::Trusted(_) => anonymous += 1,
            _ if holder.connections() <= leases.iter().sum() => {}
            _ => return false,
        }
    }
    let leases = state.pool.iter().flat_map(|item| item.leases.iter());
    anonymous == 0 || anonymous <= leases.filter(|(lease, _)| lease.is_anonymous()).count()
}

/// The slots are the largest size of the pool since each shard was last within its share.
fn within_the_slots(_: &Configuration, state: &State) -> bool {
    let slots = usize::from(state.most);
    state.connections() <= slots && state.pool.leases() <= slots
}

fn keeps_its_lease(configuration: &Configuration, state: &State) -> bool {
    let has = |holder: &Holder, lease| match holder.shard {
        Some(shard) => state.pool[shard].leases.get(lease).is_some(),
        None => state.pool.holds(lease),
    };
    let lost = |at: usize| {
        let holder = &state.holders[at];
        holder.has_slot()
            && configuration.holders[at].kind != Kind::Anonymous
            && holder.clock(state.now) < configuration.lease_ends(at, holder.requested)
            && !has(holder, Lease::of(at, false))
            && !has(holder, Lease::of(at, true))
    };
    !(0..state.holders.len()).any(lost)
}

/// In a split pool, one in each shard: a late first try may be granted in one shard after the repeated call was
/// granted in another.
fn one_each(configuration: &Configuration, state: &State) -> bool {
    let Configuration { holders, .. } = configuration;
    let split = configuration.is_split();
    holders.iter().enumerate().all(|(at, script)| {
        let in_shard = |item: &Item| {
            let held = |other| usize::from(item.leases.get(Lease::of(at, other)).is_some());
            held(false) + held(true)
        };
        let mut leases = state.pool.iter().map(in_shard);
        if split && script.copies > 1 {
            leases.all(|held| held <= 1)
        } else {
            leases.sum::<usize>() <= 1
        }
    })
}

thread_local! {
    /// A cache of [`would_grant`]: there are few items and very many states.
    static KNOWN: RefCell<HashMap<(Item, Option<Ablation>), bool>> = RefCell::default();
}

/// After the end of all leases a newcomer gets a slot of each shard. A behaviour may stop in any state, so this
/// holds at the end of each if it holds in each state.
fn becomes_free(configuration: &Configuration, state: &State) -> bool {
    let ablation = configuration.ablation;
    KNOWN.with_borrow_mut(|known| {
        let mut would = |item: &Item| {
            *known.entry((*item, ablation)).or_insert_with(|| would_grant(*item, ablation))
        };
        state.pool.iter().all(&mut would)
    })
}

/// Applies the real rule and the write that it plans.
fn would_grant(mut item: Item, ablation: Option<Ablation>) -> bool {
    // A draining pool grants nothing until it is resumed.
    item.draining = false;
    let (class, newcomer) = (Class::Standard, Lease::of_a_stranger());
    let pool = item.pool();
    let last = pool.leases.values().max().copied();
    let now = last.unwrap_or(Expiry(0).into()).plus(SKEW_ALLOWANCE);
    match pool.plan_acquire(newcomer.id(), class, now) {
        AcquirePlan::Add => item.add(newcomer, now.into(), class, ablation),
        AcquirePlan::TakeOver { expired } if ablation != Some(Ablation::Takeover) => {
            let (expired, limit) = (Leases::collect(expired), item.limit(class));
            let plan = TakeOver { expired, expiry: now.into(), limit };
            item.take_over(newcomer, &plan, class, ablation)
        }
        _ => false,
    }
}

fn within_the_share(configuration: &Configuration, state: &State) -> bool {
    let warm = configuration.warm.as_ref();
    warm.is_none_or(|warm| state.pool.iter().all(|item| is_within_the_share(warm, state, item)))
}

/// By the largest limit that one of the holders has received.
fn is_within_the_share(warm: &Warm, state: &State, item: &Item) -> bool {
    let limit = |(at, holder): (usize, &Holder)| {
        let held = item.leases.get(Lease::of(at, false)).is_some();
        holder.keeping.limit.filter(|_| held)
    };
    let limits: Vec<_> = state.holders.iter().enumerate().filter_map(limit).collect();
    let count = u32::try_from(limits.len()).unwrap_or(u32::MAX);
    limits.iter().max().is_none_or(|limit| f64::from(count) < warm.below().of((*limit).into()))
}
