//! A resize by an operator: `PoolAdmin::resize` and `pool::split`.
//!
//! The shares are planned from a read, then written one by one in the order of `split::writes`. If an item no
//! longer drains as it did, or is not empty where that is required, its write fails and the rest is dropped. The
//! next operator plans from what it reads; meanwhile the pool may be resumed.

use std::num::NonZeroU32;

use rds_admission::pool::{PoolSize, split};

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::state::{Share, State};
use crate::step::Step;

/// An operator's possible steps.
pub(crate) fn steps(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    if !state.shares.is_empty() {
        steps.push(Step::WriteShare);
    }
    if next(configuration, state).is_some() {
        steps.push(Step::Resize);
    }
}

/// Plans the shares of the next size, and writes the only one of a pool of one item.
pub(crate) fn resize(configuration: &Configuration, state: &mut State) {
    let Some(slots) = next(configuration, state) else { return };
    let mut current = state.pool.held();
    if configuration.lacks(Ablation::OverfullShardsFirst) {
        for shard in &mut current {
            shard.in_use = 0;
        }
    }
    if configuration.lacks(Ablation::OneWay) {
        current.reverse();
    }
    let count = u32::try_from(configuration.shards.len())
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN);
    let drained = state.pool.iter().any(|item| item.draining);
    let moves = state.pool.iter().all(|item| item.draining && item.leases.is_empty());
    let requested = size(slots, configuration.reserved);
    let shares = if moves {
        split::divide(requested, count)
    } else {
        split::change(&current, requested, count)
    };
    let shares = shares.unwrap_or_else(|never| unreachable!("a configuration's size: {never}"));
    let seen: Vec<_> =
        state.pool.iter().map(|item| split::Share { size: item.size(), shards: count }).collect();
    let mut writes = split::writes(&seen, &shares);
    if configuration.lacks(Ablation::ShrinkBeforeGrow) {
        writes.reverse();
    }
    let share = |write: split::ShareWrite| {
        let size = write.share.size;
        Share {
            shard: small(write.number),
            slots: small(size.max_connections()),
            reserved: small(size.max_connections() - size.standard_limit()),
            drained,
            moves,
        }
    };
    state.shares = writes.into_iter().map(share).collect();
    state.resized += 1;
    if !configuration.is_split() {
        write_share(configuration, state);
    }
}

/// Writes the next share: `expression::change`.
pub(crate) fn write_share(configuration: &Configuration, state: &mut State) {
    if state.shares.is_empty() {
        return;
    }
    let Share { shard, slots, reserved, drained, moves } = state.shares.remove(0);
    let item = &mut state.pool[shard];
    let empty = item.leases.is_empty() || configuration.lacks(Ablation::MovesWhenEmpty);
    if item.draining == drained && (empty || !moves) {
        (item.slots, item.reserved) = (slots, reserved);
    } else {
        state.shares.clear();
    }
}

/// The last requested size.
pub(crate) fn requested(configuration: &Configuration, state: &State) -> u8 {
    let last = usize::from(state.resized).checked_sub(1);
    let last = last.and_then(|last| configuration.resizes.get(last).copied());
    last.unwrap_or_else(|| configuration.shards.iter().sum())
}

fn next(configuration: &Configuration, state: &State) -> Option<u8> {
    configuration.resizes.get(usize::from(state.resized)).copied()
}

fn size(slots: u8, reserved: u8) -> PoolSize {
    let slots = NonZeroU32::new(slots.into()).unwrap_or(NonZeroU32::MIN);
    PoolSize::new(slots, reserved.into())
        .unwrap_or_else(|never| unreachable!("a configuration's size: {never}"))
}

fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
