//! What has to happen in some behaviour of a pool that is split, or that is refused from memory.

use crate::lease::Lease;
use crate::phase::Phase;
use crate::protocol::Protocol;
use crate::state::{Holder, State};
use crate::task::Task;

pub(super) fn another_shard(_: &Protocol, state: &State) -> bool {
    leases(state).any(|(shard, lease)| state.pool.first(lease) != shard)
}

pub(super) fn both_beginnings(_: &Protocol, state: &State) -> bool {
    let at_home = |shard| leases(state).any(|at| at.0 == shard && state.pool.first(at.1) == shard);
    at_home(0) && at_home(1)
}

pub(super) fn in_two_shards(_: &Protocol, state: &State) -> bool {
    leases(state).any(|(_, lease)| state.pool.with(lease).len() > 1)
}

pub(super) fn found_by_release(_: &Protocol, state: &State) -> bool {
    let found = |task: &Task| match *task {
        Task::Release { lease, shard } => state.pool[shard].leases.get(lease).is_some(),
        _ => false,
    };
    state.tasks.iter().any(found)
}

pub(super) fn found_by_renewal(_: &Protocol, state: &State) -> bool {
    let found = |task: &Task| match *task {
        Task::Renew { holder, shard, named: false, .. } => {
            let lease = Lease::of(holder, false);
            state.pool.first(lease) != shard && state.pool[shard].leases.get(lease).is_some()
        }
        _ => false,
    };
    state.tasks.iter().any(found)
}

/// While nobody else has asked.
pub(super) fn refused_from_memory(_: &Protocol, state: &State) -> bool {
    let refused = |at: usize| {
        let idle = |other: usize| other == at || state.holders[other].phase == Phase::Idle;
        let Holder { mail, .. } = state.holders[at];
        mail.refused && (0..state.holders.len()).all(idle)
    };
    (0..state.holders.len()).any(refused)
}

pub(super) fn grown_again(protocol: &Protocol, state: &State) -> bool {
    let all_sizes = usize::from(state.resized) == protocol.configuration.resizes.len();
    all_sizes && state.resized > 1 && state.shares.is_empty() && state.pool.leases() > 0
}

pub(super) fn moved(protocol: &Protocol, state: &State) -> bool {
    let before = protocol.configuration.shards;
    (0..).zip(before).any(|(shard, slots)| state.pool[shard].leases.len() > usize::from(*slots))
}

pub(super) fn half_moved(protocol: &Protocol, state: &State) -> bool {
    let before: u8 = protocol.configuration.shards.iter().sum();
    state.pool.slots() < usize::from(before)
        && state.pool.leases() > 0
        && state.pool.iter().all(|item| !item.draining)
}

/// The leases that are out, each with its shard.
fn leases(state: &State) -> impl Iterator<Item = (u8, Lease)> {
    let in_shard = |(shard, item): (u8, &crate::item::Item)| {
        item.leases
            .iter()
            .map(|(lease, _)| lease)
            .map(move |lease| (shard, lease))
            .collect::<Vec<_>>()
    };
    (0..).zip(state.pool.iter()).flat_map(in_shard)
}
