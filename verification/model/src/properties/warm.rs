//! What has to hold where slots are kept.

use rds_admission::pool::warm::Warm;
use stateright::Property;

use crate::item::Item;
use crate::lease::Lease;
use crate::protocol::Protocol;
use crate::state::State;

/// Of an item's slots, fewer than the share are under leases whose holders may keep them, so that the rest
/// always circulates.
pub(super) const WITHIN_THE_SHARE: &str = "fewer slots than the share may be kept";
/// The first word to a session that was kept is said under its lease, and before its last seconds.
pub(super) const LIVE: &str = "a kept session is used only under a live lease";
/// What may have run is left to whoever asked for it.
pub(super) const ONCE: &str = "no statement that may have run is sent again";

/// The properties of a configuration in which slots are kept.
pub(super) fn properties() -> [Property<Protocol>; 3] {
    [
        Property::always(WITHIN_THE_SHARE, within_the_share),
        Property::always(LIVE, |_, state: &State| !state.misused),
        Property::always(ONCE, |_, state: &State| !state.resent),
    ]
}

fn within_the_share(protocol: &Protocol, state: &State) -> bool {
    let warm = protocol.configuration.warm.as_ref();
    warm.is_none_or(|warm| state.pool.iter().all(|item| is_within_the_share(warm, state, item)))
}

/// Of the largest limit that one of them was told, where the item has had several.
fn is_within_the_share(warm: &Warm, state: &State, item: &Item) -> bool {
    let told = |(at, holder): (usize, &crate::state::Holder)| {
        let out = item.leases.get(Lease::of(at, false)).is_some();
        holder.keeping.told.filter(|_| out)
    };
    let told: Vec<_> = state.holders.iter().enumerate().filter_map(told).collect();
    let count = u32::try_from(told.len()).unwrap_or(u32::MAX);
    told.iter().max().is_none_or(|limit| f64::from(count) < warm.below().of((*limit).into()))
}
