//! What an operator does who gives the pool another size: `PoolAdmin::resize` and `pool::split`.
//!
//! The shares are planned from what was read, then written one by one in the order of `split::writes`. Each
//! write is refused, and the rest dropped, where the item does not drain as it did, or is not empty where it
//! has to be. An operator who stops in the middle leaves the rest undone; the next one plans from what it
//! finds, and meanwhile the pool may be resumed.

use std::num::NonZeroU32;

use rds_admission::pool::{PoolSize, split};

use crate::configuration::Configuration;
use crate::removed::Guard;
use crate::state::{Share, State};
use crate::step::Step;

/// The steps that an operator may take.
pub(crate) fn steps(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    if !state.shares.is_empty() {
        steps.push(Step::GiveShare);
    }
    if next(configuration, state).is_some() {
        steps.push(Step::Resize);
    }
}

/// Plans the shares of the next size. An item that is the whole pool is given it at once.
pub(crate) fn resize(configuration: &Configuration, state: &mut State) {
    let Some(slots) = next(configuration, state) else { return };
    let mut current = state.pool.held();
    if configuration.removed.guard(Guard::CoversWhatIsOut) {
        for shard in &mut current {
            shard.in_use = 0;
        }
    }
    if configuration.removed.guard(Guard::OneWay) {
        current.reverse();
    }
    let count = u32::try_from(configuration.shards.len())
        .ok()
        .and_then(NonZeroU32::new)
        .unwrap_or(NonZeroU32::MIN);
    let drained = state.pool.iter().any(|item| item.draining);
    let moves = state.pool.iter().all(|item| item.draining && item.leases.is_empty());
    let asked = size(slots, configuration.kept);
    let shares =
        if moves { split::divide(asked, count) } else { split::change(&current, asked, count) };
    let shares = shares.unwrap_or_else(|never| unreachable!("a configuration's size: {never}"));
    let seen: Vec<_> =
        state.pool.iter().map(|item| split::Share { size: item.size(), shards: count }).collect();
    let mut writes = split::writes(&seen, &shares);
    if configuration.removed.guard(Guard::TakesBeforeGiving) {
        writes.reverse();
    }
    let share = |write: split::ShareWrite| {
        let size = write.share.size;
        Share {
            shard: small(write.number),
            slots: small(size.max_connections()),
            kept: small(size.max_connections() - size.standard_limit()),
            drained,
            moves,
        }
    };
    state.shares = writes.into_iter().map(share).collect();
    state.resized += 1;
    if !configuration.is_split() {
        give_share(configuration, state);
    }
}

/// Gives the next shard its share: `expression::change`.
pub(crate) fn give_share(configuration: &Configuration, state: &mut State) {
    if state.shares.is_empty() {
        return;
    }
    let Share { shard, slots, kept, drained, moves } = state.shares.remove(0);
    let item = &mut state.pool[shard];
    let empty = item.leases.is_empty() || configuration.removed.guard(Guard::MovesWhenEmpty);
    if item.draining == drained && (empty || !moves) {
        (item.slots, item.kept) = (slots, kept);
    } else {
        state.shares.clear();
    }
}

/// The size that the pool was given last.
pub(crate) fn asked(configuration: &Configuration, state: &State) -> u8 {
    let last = usize::from(state.resized).checked_sub(1);
    let last = last.and_then(|last| configuration.resizes.get(last).copied());
    last.unwrap_or_else(|| configuration.shards.iter().sum())
}

fn next(configuration: &Configuration, state: &State) -> Option<u8> {
    configuration.resizes.get(usize::from(state.resized)).copied()
}

fn size(slots: u8, kept: u8) -> PoolSize {
    let slots = NonZeroU32::new(slots.into()).unwrap_or(NonZeroU32::MIN);
    PoolSize::new(slots, kept.into())
        .unwrap_or_else(|never| unreachable!("a configuration's size: {never}"))
}

fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
