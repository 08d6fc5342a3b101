//! Leases in a compact form for millions of states, and their real ids.

use std::sync::LazyLock;

use rds_admission::pool::LeaseId;
use rds_admission::time::UnixSeconds;

use crate::timing::Expiry;

/// The most holders in a configuration.
pub const HOLDERS: usize = 5;

/// The most anonymous leases, which a counter names for callers of the article's protocol.
pub const ANONYMOUS: usize = 6;

/// All possible leases: two for each holder, the second for an ablation that repeats a call with a new id; the
/// anonymous ones; and a stranger's.
const LEASES: usize = 2 * HOLDERS + ANONYMOUS + 1;

/// A lease's id, as an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(u8);

impl Lease {
    /// The lease of a holder; `other` is its second one.
    #[must_use]
    pub fn of(holder: usize, other: bool) -> Self {
        Self::at(holder + if other { HOLDERS } else { 0 })
    }

    /// The `nth` anonymous lease.
    #[must_use]
    pub fn anonymous(nth: u8) -> Self {
        Self::at(2 * HOLDERS + usize::from(nth))
    }

    /// A lease of none of the holders.
    #[must_use]
    pub fn of_a_stranger() -> Self {
        Self::at(LEASES - 1)
    }

    /// Its holder, and whether it is the second one; `None` if it is anonymous.
    #[must_use]
    pub fn holder(self) -> Option<(usize, bool)> {
        let index = usize::from(self.0);
        (index < 2 * HOLDERS).then_some((index % HOLDERS, index >= HOLDERS))
    }

    /// Its first shard of `shards`.
    #[must_use]
    pub fn first(self, shards: usize) -> usize {
        self.id().home_shard(shards)
    }

    /// Whether a counter named it.
    #[must_use]
    pub fn is_anonymous(self) -> bool {
        self.id().is_anonymous()
    }

    /// The real id.
    #[must_use]
    pub fn id(self) -> LeaseId {
        IDS[usize::from(self.0)]
    }

    fn at(index: usize) -> Self {
        Self(u8::try_from(index).unwrap_or(u8::MAX))
    }

    fn with_id(id: LeaseId) -> Option<Self> {
        IDS.iter().position(|known| *known == id).map(Self::at)
    }
}

/// The real ids. In a pool of two shards, two holders begin with the first, the next two with the second, etc.
static IDS: LazyLock<[LeaseId; LEASES]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        if index >= 2 * HOLDERS {
            return id('~', index);
        }
        let begins = |id: &LeaseId| id.home_shard(2) == index % HOLDERS / 2 % 2;
        (index..ID_NUMBERS)
            .step_by(LEASES)
            .map(|number| id('A', number))
            .find(begins)
            .unwrap_or_else(|| unreachable!("half of all ids begin with either shard"))
    })
});

/// Numbers in an id.
const ID_NUMBERS: usize = 10_000;

fn id(mark: char, number: usize) -> LeaseId {
    LeaseId::from_stored(&format!("{mark}---{number:04}"))
        .unwrap_or_else(|never| unreachable!("an id of the alphabet: {never}"))
}

/// A set of leases with their expiries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Leases([Option<Expiry>; LEASES]);

impl Leases {
    /// The expiry of a lease in the set.
    #[must_use]
    pub fn get(&self, lease: Lease) -> Option<Expiry> {
        self.0[usize::from(lease.0)]
    }

    /// The leases.
    pub fn iter(&self) -> impl Iterator<Item = (Lease, Expiry)> {
        (0..LEASES).filter_map(|index| Some((Lease::at(index), self.0[index]?)))
    }

    /// The number of leases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn set(&mut self, lease: Lease, expiry: Option<Expiry>) {
        self.0[usize::from(lease.0)] = expiry;
    }

    /// The leases with these ids.
    pub(crate) fn collect(ids: impl IntoIterator<Item = (LeaseId, UnixSeconds)>) -> Self {
        let mut leases = Self::default();
        for (id, expiry) in ids {
            if let Some(lease) = Lease::with_id(id) {
                leases.set(lease, Some(expiry.into()));
            }
        }
        leases
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_lease_has_an_id_of_its_own_and_its_kind() {
        let distinct: BTreeSet<_> = IDS.iter().map(LeaseId::as_str).collect();
        assert_eq!(distinct.len(), LEASES);
        for index in 0..LEASES {
            let lease = Lease::at(index);
            assert_eq!(Lease::with_id(lease.id()), Some(lease));
            assert_eq!(lease.is_anonymous(), lease.holder().is_none());
            if let Some((holder, _)) = lease.holder() {
                assert_eq!(lease.first(2), holder / 2 % 2);
            }
        }
    }
}
