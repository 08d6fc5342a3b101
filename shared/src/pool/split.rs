//! Dividing a pool's slots among its shards.
//!
//! Resizing a pool takes one write for each shard, and leases are granted and released in between. The leases of
//! all shards together must never exceed the larger of the two sizes. So no shard grows when the pool shrinks,
//! and none shrinks when it grows: a slot that moved to another shard could be granted there before it is
//! released here. After a pool has shrunk, a shard may hold more leases than its new share; when the pool then
//! grows, such shards get the new slots first.

mod writes;

pub use writes::{Share, ShareWrite, writes};

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;

use thiserror::Error;

use super::{InvalidSize, PoolName, PoolSize};

/// Bytes of an item that one write unit covers
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>).
const WRITE_UNIT: usize = 1_024;

/// Bytes that an item of a split pool has in addition: `Shards` with its number, and `#999` in its key.
const SPLIT_OVERHEAD: usize = 6 + 3 + 4;

/// Why slots can't be divided as requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSplit {
    /// Each shard needs a slot for class standard.
    #[error(
        "{standard} standard slots can't be split over {shards} items: each needs at least one"
    )]
    TooFew {
        /// Slots of the pool for class standard.
        standard: u32,
        /// The requested number of items.
        shards: NonZeroU32,
    },
    /// Slots would have to move from one shard to another.
    #[error(
        "the number of items can change from {from} to {to} only while the pool is drained and holds no lease: \
         drain it first, wait until it is empty, and resume it afterwards"
    )]
    InUse {
        /// The current number of items.
        from: NonZeroU32,
        /// The requested number of items.
        to: NonZeroU32,
    },
    /// A shard's share is not a valid size.
    #[error(transparent)]
    Size(#[from] InvalidSize),
}

/// The default number of shards for a pool of this size and name: as few as keep every item within one write
/// unit, even when all slots are taken.
#[must_use]
pub fn shards_for(size: PoolSize, name: &PoolName) -> NonZeroU32 {
    if size.item_bytes(name) <= WRITE_UNIT {
        return NonZeroU32::MIN;
    }
    let fits = |slots: &NonZeroU32| {
        let item = PoolSize::new(*slots, 0).map(|size| size.item_bytes(name) + SPLIT_OVERHEAD);
        item.is_ok_and(|bytes| bytes <= WRITE_UNIT)
    };
    let most = (1..100).rev().filter_map(NonZeroU32::new).find(fits).unwrap_or(NonZeroU32::MIN);
    let shards = size.max_connections().div_ceil(most.get());
    NonZeroU32::new(shards).unwrap_or(NonZeroU32::MIN)
}

/// Divides `size` evenly over new or unused shards.
///
/// # Errors
/// [`InvalidSplit::TooFew`].
pub fn divide(size: PoolSize, shards: NonZeroU32) -> Result<Vec<PoolSize>, InvalidSplit> {
    let ones = vec![1; shards.get() as usize];
    shares(&ones, &ones, size, shards)
}

/// A shard's share of the slots, and the number of leases that it holds: more than its share only after the
/// pool has shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardUsage {
    /// Its share of the slots.
    pub size: PoolSize,
    /// Leases held.
    pub in_use: u32,
}

/// Divides `size` over the `current` shards, and over new ones up to the number `shards`.
///
/// # Errors
/// [`InvalidSplit::InUse`] when slots would have to move between shards, [`InvalidSplit::TooFew`] when there
/// are more shards than standard slots.
pub fn change(
    current: &[ShardUsage],
    size: PoolSize,
    shards: NonZeroU32,
) -> Result<Vec<PoolSize>, InvalidSplit> {
    let from = u32::try_from(current.len()).ok().and_then(NonZeroU32::new);
    let Some(from) = from else { return divide(size, shards) };
    let more = shards.get().saturating_sub(from.get());
    // Each added shard needs a new slot that covers no lease of another shard.
    if shards < from || more > new_slots(current, size) {
        return Err(InvalidSplit::InUse { from, to: shards });
    }
    let with_new = |share: fn(&PoolSize) -> u32| -> Vec<u32> {
        current.iter().map(|shard| share(&shard.size)).chain((0..more).map(|_| 1)).collect()
    };
    let mut slots = with_new(PoolSize::max_connections);
    cover(&mut slots, current, size.max_connections());
    shares(&slots, &with_new(PoolSize::standard_limit), size, shards)
}

/// The slots that `size` adds and that no lease above some shard's share needs.
#[must_use]
pub fn new_slots(current: &[ShardUsage], size: PoolSize) -> u32 {
    let most = |shard: &ShardUsage| shard.size.max_connections().max(shard.in_use);
    size.max_connections().saturating_sub(current.iter().map(most).sum())
}

/// Raises the shares of shards that hold more leases, until the sum is `target`.
fn cover(slots: &mut [u32], current: &[ShardUsage], target: u32) {
    let mut left = target.saturating_sub(slots.iter().sum());
    for (share, shard) in slots.iter_mut().zip(current) {
        let more = shard.in_use.saturating_sub(*share).min(left);
        *share += more;
        left -= more;
    }
}

/// Turns these shares into shares of `size` with as little change as possible.
fn shares(
    slots: &[u32],
    standard: &[u32],
    size: PoolSize,
    shards: NonZeroU32,
) -> Result<Vec<PoolSize>, InvalidSplit> {
    if size.standard_limit() < shards.get() {
        return Err(InvalidSplit::TooFew { standard: size.standard_limit(), shards });
    }
    let mut slots = slots.to_vec();
    let no_limit = vec![u32::MAX; slots.len()];
    level(&mut slots, &no_limit, size.max_connections());
    let mut standard: Vec<_> = standard.iter().zip(&slots).map(|(s, max)| *s.min(max)).collect();
    level(&mut standard, &slots, size.standard_limit());
    let share = |(max, standard): (u32, u32)| {
        let slots = NonZeroU32::new(max).unwrap_or(NonZeroU32::MIN);
        Ok(PoolSize::new(slots, max - standard)?)
    };
    slots.into_iter().zip(standard).map(share).collect()
}

/// Raises the smallest, or lowers the largest, one by one until the sum is `target`; none above its limit,
/// none below 1.
fn level(values: &mut [u32], limits: &[u32], target: u32) {
    let sum: u32 = values.iter().sum();
    let mut rising: BinaryHeap<_> = (0..values.len()).map(|at| Reverse((values[at], at))).collect();
    for _ in sum..target {
        while let Some(Reverse((value, at))) = rising.pop() {
            if value < limits[at] {
                values[at] += 1;
                rising.push(Reverse((values[at], at)));
                break;
            }
        }
    }
    let mut falling: BinaryHeap<_> = (0..values.len()).map(|at| (values[at], at)).collect();
    for _ in target..sum {
        if let Some((value, at)) = falling.pop()
            && value > 1
        {
            values[at] -= 1;
            falling.push((values[at], at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(slots: u32, priority: u32) -> PoolSize {
        PoolSize::divide(slots, 0, priority).expect("a size")
    }

    fn shards(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).expect("not 0")
    }

    /// Shards that hold no lease.
    fn within(sizes: &[PoolSize]) -> Vec<ShardUsage> {
        sizes.iter().map(|size| ShardUsage { size: *size, in_use: 0 }).collect()
    }

    fn limits(sizes: &[PoolSize]) -> Vec<(u32, u32)> {
        sizes.iter().map(|size| (size.max_connections(), size.standard_limit())).collect()
    }

    #[test]
    fn a_t2_micro_is_not_split_and_a_thousand_slots_are() {
        let longest: PoolName = "x".repeat(32).parse().expect("a name");
        assert_eq!(shards_for(size(62, 2), &longest), shards(1));
        let name = "Prod_MySQL".parse().expect("a name");
        let over = shards_for(size(1_000, 0), &name);
        assert_eq!(over, shards(17));
        let shares = divide(size(1_000, 0), over).expect("shares");
        assert!(shares.iter().all(|share| share.item_bytes(&name) <= 1_024), "{shares:?}");
    }

    #[test]
    fn slots_are_divided_evenly_and_so_are_those_that_are_kept() {
        assert_eq!(
            limits(&divide(size(11, 2), shards(4)).expect("shares")),
            [(3, 3), (3, 2), (3, 2), (2, 2)]
        );
        let few = divide(size(4, 2), shards(3));
        assert_eq!(few, Err(InvalidSplit::TooFew { standard: 2, shards: shards(3) }));
    }

    #[test]
    fn a_pool_that_grows_keeps_what_its_shards_have() {
        let grown = change(&within(&[size(62, 2)]), size(100, 2), shards(2)).expect("shares");
        assert_eq!(limits(&grown), [(62, 60), (38, 38)]);
        let again = change(&within(&grown), size(102, 2), shards(2)).expect("shares");
        assert_eq!(limits(&again), [(62, 60), (40, 40)]);
    }

    #[test]
    fn no_slot_moves() {
        let one = within(&[size(62, 2)]);
        let refused = InvalidSplit::InUse { from: shards(1), to: shards(2) };
        assert_eq!(change(&one, size(62, 2), shards(2)), Err(refused));
        let two = within(&divide(size(62, 2), shards(2)).expect("shares"));
        let refused = InvalidSplit::InUse { from: shards(2), to: shards(1) };
        assert_eq!(change(&two, size(62, 2), shards(1)), Err(refused));
    }

    #[test]
    fn shards_with_leases_above_their_share_get_the_new_slots() {
        let shrunk: Vec<_> = [(2, 3), (1, 1)]
            .map(|(slots, in_use)| ShardUsage { size: size(slots, 0), in_use })
            .into();
        let grown = change(&shrunk, size(4, 0), shards(2)).expect("shares");
        assert_eq!(limits(&grown), [(3, 3), (1, 1)]);
        let more = change(&shrunk, size(6, 0), shards(2)).expect("shares");
        assert_eq!(limits(&more), [(3, 3), (3, 3)]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_change_one_way(
            (first, kept, count) in (1_u32..400, 0_u32..20, 1_u32..8),
            (second, kept_then, more) in (1_u32..400, 0_u32..20, 0_u32..4),
            out in prop::collection::vec(0_u32..100, 8),
        ) {
            let Ok(before) = PoolSize::divide(first, 0, kept) else { return Ok(()) };
            let Ok(after) = PoolSize::divide(second, 0, kept_then) else { return Ok(()) };
            let Ok(current) = divide(before, shards(count)) else { return Ok(()) };
            let held: Vec<_> = current
                .iter()
                .zip(out)
                .map(|(size, in_use)| ShardUsage { size: *size, in_use })
                .collect();
            let Ok(changed) = change(&held, after, shards(count + more)) else { return Ok(()) };
            // The most leases that may be held: each shard's share, or what it holds above that.
            let most = |sizes: &[PoolSize]| -> u32 {
                let out = held.iter().map(|held| held.in_use).chain(std::iter::repeat(0));
                sizes.iter().zip(out).map(|(size, out)| size.max_connections().max(out)).sum()
            };
            prop_assert!(most(&changed) <= most(&current).max(second));
            for (of, sizes) in [(before, &current), (after, &changed)] {
                let sum = |share: fn(&PoolSize) -> u32| sizes.iter().map(share).sum::<u32>();
                prop_assert_eq!(sum(PoolSize::max_connections), of.max_connections());
                prop_assert_eq!(sum(PoolSize::standard_limit), of.standard_limit());
            }
            let (from, to) = (limits(&current), limits(&changed));
            let mut pairs = from.iter().zip(&to);
            if first <= second {
                prop_assert!(pairs.all(|(from, to)| from.0 <= to.0));
            } else {
                prop_assert!(pairs.all(|(from, to)| from.0 >= to.0));
            }
        }
    }
}
