//! An item of the pool in the table, one for each shard, and the conditional writes on it.
//!
//! Each method is the function of the same name in `store::expression`: its condition, then its
//! update. What a condition sees and what an update does is one step, as in DynamoDB.

use std::num::NonZeroU32;

use rds_admission::pool::{Class, Pool, PoolSize};
use rds_admission::time::UnixSeconds;

use crate::lease::{Lease, Leases};
use crate::removed::{Guard, Removed};
use crate::timing::Expiry;

/// A takeover as it was planned: `store::expression::take_over`'s arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TakeOver {
    /// The leases that were seen expired, with the expiry that was seen.
    pub expired: Leases,
    /// When the new lease expires.
    pub expiry: Expiry,
    /// The limit that was seen.
    pub limit: u8,
}

/// An item of the pool: all of it, or a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    /// `Leases`.
    pub leases: Leases,
    /// `InUse`: an attribute of its own, that every write must keep in step with `Leases`.
    pub in_use: i8,
    /// `MaxConnections`.
    pub slots: u8,
    /// Slots kept for class priority: `MaxConnections` less `StandardLimit`.
    pub kept: u8,
    /// Whether it drains: `Drain`.
    pub draining: bool,
    /// Whether a lease ever came in while more were out than the limit in force allows, or while the pool
    /// drained, when that is none.
    pub overfilled: bool,
}

impl Item {
    /// An item of `slots` slots without a lease, `kept` of them for class priority.
    #[must_use]
    pub fn new(slots: u8, kept: u8) -> Self {
        let (leases, draining, overfilled) = (Leases::default(), false, false);
        Self { leases, in_use: 0, slots, kept, draining, overfilled }
    }

    /// The size in force.
    #[must_use]
    pub fn size(&self) -> PoolSize {
        let slots = NonZeroU32::new(self.slots.into()).unwrap_or(NonZeroU32::MIN);
        PoolSize::new(slots, self.kept.into())
            .unwrap_or_else(|never| unreachable!("a configuration's size: {never}"))
    }

    /// The limit in force for `class`.
    #[must_use]
    pub fn limit(&self, class: Class) -> u8 {
        u8::try_from(self.size().limit(class)).unwrap_or(u8::MAX)
    }

    /// The item as the counter reads it: `store::item::pool`.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let mut pool = Pool { draining: self.draining, ..Pool::new(self.size()) };
        pool.leases.extend(self.leases.iter().map(|(lease, at)| (lease.id(), at.into())));
        pool
    }

    /// Takes a free slot. False when the condition refuses.
    pub fn add(&mut self, lease: Lease, expiry: Expiry, class: Class, removed: Removed) -> bool {
        let limit = self.limit(class);
        let below = self.in_use < i8::try_from(limit).unwrap_or(i8::MAX);
        let new = self.leases.get(lease).is_none();
        let open = !self.draining || removed.guard(Guard::DrainInTheWrite);
        if !open
            || !(below || removed.guard(Guard::LimitInTheWrite))
            || !(new || removed.guard(Guard::KnownLease))
        {
            return false;
        }
        self.leases.set(lease, Some(expiry));
        self.in_use = self.in_use.saturating_add(1);
        self.came_in(limit);
        true
    }

    /// Replaces expired leases by a new one. False when the condition refuses.
    pub fn take_over(
        &mut self,
        lease: Lease,
        plan: &TakeOver,
        class: Class,
        removed: Removed,
    ) -> bool {
        let exact = plan.expired.iter().all(|(old, seen)| self.leases.get(old) == Some(seen));
        let gone = i8::try_from(plan.expired.len()).unwrap_or(i8::MAX);
        let limit = self.limit(class);
        let bound = i8::try_from(plan.limit).unwrap_or(i8::MAX).saturating_add(gone);
        let fits = (limit == plan.limit && self.in_use < bound)
            || removed.guard(Guard::LimitInTheTakeover);
        let new = plan.expired.get(lease).is_some() || self.leases.get(lease).is_none();
        let open = !self.draining || removed.guard(Guard::DrainInTheTakeover);
        if !open || !(exact || removed.guard(Guard::ExactTakeover)) || !fits || !new {
            return false;
        }
        for (old, _) in plan.expired.iter() {
            self.leases.set(old, None);
        }
        self.leases.set(lease, Some(plan.expiry));
        self.in_use = (self.in_use - gone).saturating_add(1);
        self.came_in(limit);
        true
    }

    /// Takes expired leases away. False when the condition refuses.
    pub fn sweep(&mut self, expired: &Leases, removed: Removed) -> bool {
        let exact = expired.iter().all(|(old, seen)| self.leases.get(old) == Some(seen));
        if !(exact || removed.guard(Guard::ExactSweep)) {
            return false;
        }
        for (old, _) in expired.iter() {
            self.leases.set(old, None);
        }
        self.in_use -= i8::try_from(expired.len()).unwrap_or(i8::MAX);
        true
    }

    /// Gives a slot back. False when the condition refuses.
    pub fn remove(&mut self, lease: Lease, removed: Removed) -> bool {
        if self.leases.get(lease).is_none() && !removed.guard(Guard::ReleaseOfALease) {
            return false;
        }
        self.leases.set(lease, None);
        self.in_use = self.in_use.saturating_sub(1);
        true
    }

    /// Makes a lease last until `expiry`, if it does not last longer already. False when it is not out, or
    /// has expired `now` and is no longer within the limit.
    pub fn renew(
        &mut self,
        lease: Lease,
        expiry: Expiry,
        now: UnixSeconds,
        removed: Removed,
    ) -> bool {
        let current = self.leases.get(lease);
        if current.is_none() && !removed.guard(Guard::RenewalOfALease) {
            return false;
        }
        if current.is_some_and(|current| Pool::has_expired(current.into(), now)) {
            let limit = self.limit(Class::Priority);
            let fits = self.in_use <= i8::try_from(limit).unwrap_or(i8::MAX);
            if (self.draining || !fits) && !removed.guard(Guard::RenewalWithinTheLimit) {
                return false;
            }
            self.came_in(limit);
        }
        if current <= Some(expiry) || removed.guard(Guard::LongerByARenewal) {
            self.leases.set(lease, Some(expiry));
        }
        true
    }

    fn came_in(&mut self, limit: u8) {
        self.overfilled |= self.draining || self.in_use > i8::try_from(limit).unwrap_or(i8::MAX);
    }
}
