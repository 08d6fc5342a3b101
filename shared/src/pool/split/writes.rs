//! The order in which a pool's items are written when its size changes.
//!
//! A change may stop after any write, and the pool may then be resumed or resized as it is. So slots and items
//! are removed first and added after that. At every point the pool has at most as many slots as before or as
//! requested, whichever is more; the same holds for its standard slots.

use std::num::NonZeroU32;

use crate::pool::{Pool, PoolSize};

/// The content of an item: its share of the slots, and the number of items of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its share of the slots.
    pub size: PoolSize,
    /// The number of items of the pool.
    pub shards: NonZeroU32,
}

impl From<&Pool> for Share {
    fn from(item: &Pool) -> Self {
        Self { size: item.size, shards: item.shards }
    }
}

/// A write of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareWrite {
    /// The number of the item.
    pub number: u32,
    /// Its new content.
    pub share: Share,
}

/// The writes, in order, that turn a pool of the `current` items into one whose items have these `sizes`.
///
/// Other instances learn the number of items from the first one. It is written first when the number falls, and
/// last when it rises. Items beyond the new number are not written.
#[must_use]
pub fn writes(current: &[Share], sizes: &[PoolSize]) -> Vec<ShareWrite> {
    let count = |items: usize| {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        NonZeroU32::new(items).unwrap_or(NonZeroU32::MIN)
    };
    let (before, after) = (count(current.len()), count(sizes.len()));
    let taking = (0..).zip(current.iter().zip(sizes)).filter_map(|(number, (seen, size))| {
        let share =
            Share { size: seen.size.at_most(*size), shards: seen.shards.min(before).min(after) };
        (share != *seen).then_some(ShareWrite { number, share })
    });
    let mut writes: Vec<_> = taking.collect();
    let giving = (0..after.get())
        .zip(sizes)
        .rev()
        .map(|(number, size)| ShareWrite { number, share: Share { size: *size, shards: after } });
    let giving: Vec<_> = giving.filter(|write| !writes.contains(write)).collect();
    writes.extend(giving);
    writes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::pool::split::divide;

    fn count(items: u32) -> NonZeroU32 {
        NonZeroU32::new(items).expect("not 0")
    }

    fn size(slots: u32) -> PoolSize {
        PoolSize::divide(slots, 0, 0).expect("a size")
    }

    fn items(slots: &[u32]) -> Vec<Share> {
        let shards = count(u32::try_from(slots.len().max(1)).expect("a few"));
        slots.iter().map(|slots| Share { size: size(*slots), shards }).collect()
    }

    /// Number, slots and number of items of each write.
    fn planned(from: &[u32], to: &[u32]) -> Vec<(u32, u32, u32)> {
        let sizes: Vec<_> = to.iter().copied().map(size).collect();
        let writes = writes(&items(from), &sizes).into_iter();
        writes
            .map(|ShareWrite { number, share }| {
                (number, share.size.max_connections(), share.shards.get())
            })
            .collect()
    }

    #[test]
    fn what_shrinks_is_written_before_what_grows() {
        assert_eq!(planned(&[62, 38], &[50, 50]), [(0, 50, 2), (1, 50, 2)]);
        assert_eq!(planned(&[38, 62], &[50, 50]), [(1, 50, 2), (0, 50, 2)]);
    }

    #[test]
    fn an_item_is_written_once_where_one_write_will_do() {
        assert_eq!(planned(&[62], &[14]), [(0, 14, 1)]);
        assert_eq!(planned(&[14], &[62]), [(0, 62, 1)]);
        assert_eq!(planned(&[62], &[62]), [(0, 62, 1)]);
        assert_eq!(planned(&[], &[31, 31]), [(1, 31, 2), (0, 31, 2)]);
    }

    #[test]
    fn the_first_item_is_first_to_say_that_there_are_fewer_and_last_that_there_are_more() {
        assert_eq!(
            planned(&[25, 25, 25, 25], &[50, 50]),
            [(0, 25, 2), (1, 25, 2), (1, 50, 2), (0, 50, 2)]
        );
        assert_eq!(planned(&[100], &[50, 50]), [(0, 50, 1), (1, 50, 2), (0, 50, 2)]);
    }

    fn pool() -> impl Strategy<Value = Vec<PoolSize>> {
        prop::collection::vec((1..50_u32, 0..50_u32), 1..6).prop_map(|shares| {
            let share = |(slots, kept): (u32, u32)| PoolSize::divide(slots, 0, kept % slots);
            shares.into_iter().map(|numbers| share(numbers).expect("a size")).collect()
        })
    }

    /// The slots and standard slots of a pool with these items.
    fn in_force(items: &BTreeMap<u32, Share>) -> (u32, u32) {
        let shards = items.get(&0).map_or(0, |first| first.shards.get());
        let there = items.range(..shards).map(|(_, share)| share.size);
        there.fold((0, 0), |(slots, standard), size| {
            (slots + size.max_connections(), standard + size.standard_limit())
        })
    }

    fn larger(one: (u32, u32), other: (u32, u32)) -> (u32, u32) {
        (one.0.max(other.0), one.1.max(other.1))
    }

    proptest! {
        /// Each change stops after any of its writes.
        #[test]
        fn no_stop_leaves_more_than_before_or_than_asked_for(
            first in pool(),
            changes in prop::collection::vec((pool(), 0..12_usize), 1..4),
        ) {
            let shards = count(u32::try_from(first.len()).expect("a few"));
            let mut items: BTreeMap<_, _> =
                (0..).zip(first).map(|(n, size)| (n, Share { size, shards })).collect();
            for (sizes, stop) in changes {
                let before = in_force(&items);
                let shards = items[&0].shards.get();
                let current: Vec<_> = items.range(..shards).map(|(_, share)| *share).collect();
                let planned = writes(&current, &sizes);
                let whole = planned.len() <= stop;
                let after = sizes.iter().fold((0, 0), |(slots, standard), size| {
                    (slots + size.max_connections(), standard + size.standard_limit())
                });
                for ShareWrite { number, share } in planned.into_iter().take(stop) {
                    items.insert(number, share);
                    let now = in_force(&items);
                    prop_assert_eq!(larger(now, larger(before, after)), larger(before, after));
                }
                if whole {
                    prop_assert_eq!(in_force(&items), after);
                }
            }
        }

        #[test]
        fn an_even_division_is_what_it_says(slots in 1..400_u32, shards in 1..8_u32) {
            let Ok(sizes) = divide(size(slots), count(shards)) else { return Ok(()) };
            let mut items = BTreeMap::new();
            for ShareWrite { number, share } in writes(&[], &sizes) {
                prop_assert_eq!(in_force(&items), (0, 0));
                items.insert(number, share);
            }
            prop_assert_eq!(in_force(&items), (slots, slots));
        }
    }
}
