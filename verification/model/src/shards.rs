//! The pool: an item for each shard.

use std::ops::{Index, IndexMut};

use rds_admission::pool::split::ShardUsage;

use crate::item::Item;
use crate::lease::Lease;

/// The items of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shards(Vec<Item>);

impl Shards {
    /// A pool without leases. The reserved slots are in the first shard.
    #[must_use]
    pub fn new(shares: &[u8], reserved: u8) -> Self {
        let reserved = |at| if at == 0 { reserved } else { 0 };
        Self(shares.iter().enumerate().map(|(at, slots)| Item::new(*slots, reserved(at))).collect())
    }

    /// The number of shards.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The items.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// The items, mutable.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.0.iter_mut()
    }

    /// The size and the number of leases of each shard.
    #[must_use]
    pub fn held(&self) -> Vec<ShardUsage> {
        let in_use = |item: &Item| u32::try_from(item.leases.len()).unwrap_or(u32::MAX);
        self.iter().map(|item| ShardUsage { size: item.size(), in_use: in_use(item) }).collect()
    }

    /// The sum of the slots.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.iter().map(|item| usize::from(item.slots)).sum()
    }

    /// The sum of the leases.
    #[must_use]
    pub fn leases(&self) -> usize {
        self.iter().map(|item| item.leases.len()).sum()
    }

    /// Whether no shard has more leases than slots.
    #[must_use]
    pub fn are_within(&self) -> bool {
        self.iter().all(|item| item.leases.len() <= usize::from(item.slots))
    }

    /// The shards that hold a lease.
    #[must_use]
    pub fn with(&self, lease: Lease) -> ShardSet {
        let mut set = ShardSet::default();
        for (at, item) in (0..).zip(&self.0) {
            if item.leases.get(lease).is_some() {
                set.insert(at);
            }
        }
        set
    }

    /// Whether a shard holds a lease.
    #[must_use]
    pub fn holds(&self, lease: Lease) -> bool {
        self.iter().any(|item| item.leases.get(lease).is_some())
    }

    /// The first shard of a lease.
    #[must_use]
    pub fn first(&self, lease: Lease) -> u8 {
        u8::try_from(lease.first(self.count())).unwrap_or(u8::MAX)
    }

    /// The shard after `shard`; `None` after all of them, beginning with the first of `lease`.
    #[must_use]
    pub fn after(&self, shard: u8, lease: Lease) -> Option<u8> {
        let next = if usize::from(shard) + 1 < self.count() { shard + 1 } else { 0 };
        (next != self.first(lease)).then_some(next)
    }
}

impl Index<u8> for Shards {
    type Output = Item;

    fn index(&self, shard: u8) -> &Item {
        &self.0[usize::from(shard)]
    }
}

impl IndexMut<u8> for Shards {
    fn index_mut(&mut self, shard: u8) -> &mut Item {
        &mut self.0[usize::from(shard)]
    }
}

/// A set of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ShardSet(u8);

impl ShardSet {
    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The shards in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..8).filter(move |shard| self.0 & (1 << shard) != 0)
    }

    /// The intersection.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The number of shards.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(crate) fn insert(&mut self, shard: u8) {
        self.0 |= 1 << shard;
    }

    pub(crate) fn remove(&mut self, shard: u8) {
        self.0 &= !(1 << shard);
    }
}
