//! What has to happen in some behaviour of slots that are kept.

use crate::lease::Lease;
use crate::phase::Phase;
use crate::protocol::Protocol;
use crate::state::{Holder, State};
use crate::warm::Origin;

pub(super) fn ended_while_kept(_: &Protocol, state: &State) -> bool {
    let ended = |holder: &Holder| holder.phase == Phase::Kept && !holder.connection.is_open();
    state.holders.iter().any(ended)
}

/// By all the other work.
pub(super) fn used_again(_: &Protocol, state: &State) -> bool {
    let done = |holder: &Holder| {
        holder.phase == Phase::Ready
            && holder.keeping.session == Origin::Kept
            && holder.statements == 0
    };
    state.holders.iter().any(done)
}

pub(super) fn kept_again(_: &Protocol, state: &State) -> bool {
    let again = |holder: &Holder| {
        holder.phase == Phase::Kept
            && holder.keeping.session != Origin::First
            && holder.connection.is_open()
    };
    state.holders.iter().any(again)
}

pub(super) fn lost_while_kept(_: &Protocol, state: &State) -> bool {
    let lost = |(at, holder): (usize, &Holder)| {
        holder.phase == Phase::Kept && !state.pool.have(Lease::of(at, false))
    };
    state.pool.leases() > 0 && state.holders.iter().enumerate().any(lost)
}

pub(super) fn woken_in_time(_: &Protocol, state: &State) -> bool {
    let renewed = |holder: &Holder| holder.phase == Phase::Renewing && holder.mail.renewed;
    state.holders.iter().any(renewed)
}

pub(super) fn woken_too_late(_: &Protocol, state: &State) -> bool {
    let lost = |holder: &Holder| holder.phase == Phase::Renewing && holder.mail.lost;
    state.holders.iter().any(lost)
}

/// And does all the work.
pub(super) fn replaced(_: &Protocol, state: &State) -> bool {
    let done = |holder: &Holder| {
        holder.phase == Phase::Ready
            && holder.keeping.session == Origin::Replaced
            && holder.connection.is_open()
            && holder.statements == 0
    };
    state.holders.iter().any(done)
}

/// As many may be kept as ever may, and the pool is full.
pub(super) fn share_kept(_: &Protocol, state: &State) -> bool {
    let told = state.holders.iter().filter(|holder| holder.keeping.told.is_some()).count();
    told == state.pool.slots() - 1 && state.pool.leases() == state.pool.slots()
}
