//! A pool, or a shard of one, as somebody saw it.

use std::collections::BTreeMap;

use super::Tuning;
use crate::pool::{Class, LeaseId, Pool};
use crate::time::UnixSeconds;

/// What a look, a grant or a refused write shows to one class.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Slots that the class could take: free ones, and those whose lease has expired.
    pub free: u32,
    /// Slots that the class may have out at once.
    pub limit: u32,
    /// The leases that were out.
    pub leases: &'a BTreeMap<LeaseId, UnixSeconds>,
}

impl<'a> Sighting<'a> {
    /// What `pool` shows to `class` at `now`. A pool that drains has nothing free.
    #[must_use]
    pub fn of(pool: &'a Pool, class: Class, now: UnixSeconds) -> Self {
        let limit = pool.size.limit(class);
        let expired = u32::try_from(pool.expired(now).count()).unwrap_or(u32::MAX);
        let live = pool.in_use().saturating_sub(expired);
        let free = if pool.draining { 0 } else { limit.saturating_sub(live) };
        Self { free, limit, leases: &pool.leases }
    }

    /// Whether it is as good as full.
    pub(super) fn is_tight(&self, tuning: &Tuning) -> bool {
        tuning.is_tight(self.free, self.limit)
    }

    /// Whether there is room for all who see it.
    pub(super) fn is_ample(&self, tuning: &Tuning) -> bool {
        self.free > 1 && self.free.saturating_mul(tuning.ample) >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::PoolSize;

    #[test]
    fn expired_leases_are_free_slots_and_a_pool_that_drains_has_none() {
        let mut pool = Pool::new(PoolSize::divide(5, 0, 1).expect("a size"));
        for (id, expires_at) in [("lease000", 10), ("lease001", 99), ("lease002", 99)] {
            pool.leases.insert(id.parse().expect("an id"), UnixSeconds(expires_at));
        }
        let free = |pool: &Pool, class, now| Sighting::of(pool, class, UnixSeconds(now)).free;
        assert_eq!(free(&pool, Class::Standard, 11), 1);
        assert_eq!(free(&pool, Class::Standard, 12), 2);
        assert_eq!(free(&pool, Class::Priority, 12), 3);
        pool.draining = true;
        assert_eq!(free(&pool, Class::Priority, 12), 0);
    }
}
