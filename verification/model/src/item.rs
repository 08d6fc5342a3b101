//! An item of the pool, one for each shard, and its conditional writes.
//!
//! Each method is the function of the same name in `store::expression`: condition and update are one step, as in
//! DynamoDB.

use std::num::NonZeroU32;

use rds_admission::pool::{Class, Pool, PoolSize};
use rds_admission::time::UnixSeconds;

use crate::ablations::Ablation;
use crate::lease::{Lease, Leases};
use crate::timing::Expiry;

/// A planned takeover: the arguments of `store::expression::take_over`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TakeOver {
    /// The expired leases, with the expiries read.
    pub expired: Leases,
    /// The expiry of the new lease.
    pub expiry: Expiry,
    /// The limit read.
    pub limit: u8,
}

/// An item of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    /// `Leases`.
    pub leases: Leases,
    /// `InUse`, which every write must keep equal to the number of `Leases`.
    pub in_use: i8,
    /// `MaxConnections`.
    pub slots: u8,
    /// Slots reserved for class priority: `MaxConnections` minus `StandardLimit`.
    pub reserved: u8,
    /// `Drain`.
    pub draining: bool,
    /// Whether a lease was ever added above the limit, which is 0 in a draining pool.
    pub over_limit: bool,
}

impl Item {
    /// An item without leases.
    #[must_use]
    pub fn new(slots: u8, reserved: u8) -> Self {
        let (leases, draining, over_limit) = (Leases::default(), false, false);
        Self { leases, in_use: 0, slots, reserved, draining, over_limit }
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> PoolSize {
        let slots = NonZeroU32::new(self.slots.into()).unwrap_or(NonZeroU32::MIN);
        PoolSize::new(slots, self.reserved.into())
            .unwrap_or_else(|never| unreachable!("a configuration's size: {never}"))
    }

    /// The limit for `class`.
    #[must_use]
    pub fn limit(&self, class: Class) -> u8 {
        u8::try_from(self.size().limit(class)).unwrap_or(u8::MAX)
    }

    /// The pool that a counter reads from it: `store::item::pool`.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let mut pool = Pool { draining: self.draining, ..Pool::new(self.size()) };
        pool.leases.extend(self.leases.iter().map(|(lease, at)| (lease.id(), at.into())));
        pool
    }

    /// Adds a lease. Returns whether the condition held.
    pub fn add(
        &mut self,
        lease: Lease,
        expiry: Expiry,
        class: Class,
        ablation: Option<Ablation>,
    ) -> bool {
        let limit = self.limit(class);
        let below = self.in_use < i8::try_from(limit).unwrap_or(i8::MAX);
        let new = self.leases.get(lease).is_none();
        let open = !self.draining || ablation == Some(Ablation::DrainInTheWrite);
        if !open
            || !(below || ablation == Some(Ablation::LimitInTheWrite))
            || !(new || ablation == Some(Ablation::KnownLease))
        {
            return false;
        }
        self.leases.set(lease, Some(expiry));
        self.in_use = self.in_use.saturating_add(1);
        self.check_limit(limit);
        true
    }

    /// Replaces expired leases by a new one. Returns whether the condition held.
    pub fn take_over(
        &mut self,
        lease: Lease,
        plan: &TakeOver,
        class: Class,
        ablation: Option<Ablation>,
    ) -> bool {
        let exact = plan.expired.iter().all(|(old, seen)| self.leases.get(old) == Some(seen));
        let gone = i8::try_from(plan.expired.len()).unwrap_or(i8::MAX);
        let limit = self.limit(class);
        let bound = i8::try_from(plan.limit).unwrap_or(i8::MAX).saturating_add(gone);
        let fits = (limit == plan.limit && self.in_use < bound)
            || ablation == Some(Ablation::LimitInTheTakeover);
        let new = plan.expired.get(lease).is_some() || self.leases.get(lease).is_none();
        let open = !self.draining || ablation == Some(Ablation::DrainInTheTakeover);
        if !open || !(exact || ablation == Some(Ablation::ExactTakeover)) || !fits || !new {
            return false;
        }
        for (old, _) in plan.expired.iter() {
            self.leases.set(old, None);
        }
        self.leases.set(lease, Some(plan.expiry));
        self.in_use = (self.in_use - gone).saturating_add(1);
        self.check_limit(limit);
        true
    }

    /// Removes expired leases. Returns whether the condition held.
    pub fn sweep(&mut self, expired: &Leases, ablation: Option<Ablation>) -> bool {
        let exact = expired.iter().all(|(old, seen)| self.leases.get(old) == Some(seen));
        if !(exact || ablation == Some(Ablation::ExactSweep)) {
            return false;
        }
        for (old, _) in expired.iter() {
            self.leases.set(old, None);
        }
        self.in_use -= i8::try_from(expired.len()).unwrap_or(i8::MAX);
        true
    }

    /// Removes a lease. Returns whether the condition held.
    pub fn remove(&mut self, lease: Lease, ablation: Option<Ablation>) -> bool {
        if self.leases.get(lease).is_none() && ablation != Some(Ablation::ReleaseOfHeldLease) {
            return false;
        }
        self.leases.set(lease, None);
        self.in_use = self.in_use.saturating_sub(1);
        true
    }

    /// Extends a lease to `expiry`. Returns false if it is not held, or has expired `now` and does not fit the
    /// limit.
    pub fn renew(
        &mut self,
        lease: Lease,
        expiry: Expiry,
        now: UnixSeconds,
        ablation: Option<Ablation>,
    ) -> bool {
        let current = self.leases.get(lease);
        if current.is_none() && ablation != Some(Ablation::RenewalOfHeldLease) {
            return false;
        }
        if current.is_some_and(|current| Pool::has_expired(current.into(), now)) {
            let limit = self.limit(Class::Priority);
            let fits = self.in_use <= i8::try_from(limit).unwrap_or(i8::MAX);
            if (self.draining || !fits) && ablation != Some(Ablation::RenewalWithinTheLimit) {
                return false;
            }
            self.check_limit(limit);
        }
        if current <= Some(expiry) || ablation == Some(Ablation::RenewalNeverShortens) {
            self.leases.set(lease, Some(expiry));
        }
        true
    }

    fn check_limit(&mut self, limit: u8) {
        self.over_limit |= self.draining || self.in_use > i8::try_from(limit).unwrap_or(i8::MAX);
    }
}
