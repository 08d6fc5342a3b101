//! The size of a pool.

use std::num::NonZeroU32;

use serde::Serialize;
use thiserror::Error;

use super::{Class, PoolName};

/// Why numbers are not a valid pool size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSize {
    /// The slots kept for class `priority` leave none for the rest.
    #[error("{priority} priority slots leave none of {slots} for class standard")]
    NoStandardSlot {
        /// Slots of the pool.
        slots: u32,
        /// Slots of them kept for class `priority`.
        priority: u32,
    },
    /// The reserved connections leave no slot.
    #[error("{reserved} reserved connections leave no slot of {connections}")]
    NoSlot {
        /// Connections that the server allows.
        connections: u32,
        /// Connections of them outside the pool.
        reserved: u32,
    },
}

/// The size of a pool. At least one slot, and at least one of them for class `standard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolSize {
    max_connections: NonZeroU32,
    standard_limit: NonZeroU32,
}

impl PoolSize {
    /// A pool of `slots` slots, `priority` of them kept for class [`Class::Priority`].
    ///
    /// # Errors
    /// [`InvalidSize::NoStandardSlot`] when `priority` leaves nothing for the rest.
    pub fn new(slots: NonZeroU32, priority: u32) -> Result<Self, InvalidSize> {
        let standard = slots.get().checked_sub(priority).and_then(NonZeroU32::new);
        match standard {
            Some(standard_limit) => Ok(Self { max_connections: slots, standard_limit }),
            None => Err(InvalidSize::NoStandardSlot { slots: slots.get(), priority }),
        }
    }

    /// Divides the connections that a server allows: `reserved` of `connections` stay outside the pool (for
    /// the server's own needs and for people), the rest are slots, `priority` of them for that class.
    ///
    /// # Errors
    /// [`InvalidSize`] when no standard slot is left.
    pub fn divide(connections: u32, reserved: u32, priority: u32) -> Result<Self, InvalidSize> {
        let slots = connections.checked_sub(reserved).and_then(NonZeroU32::new);
        let slots = slots.ok_or(InvalidSize::NoSlot { connections, reserved })?;
        Self::new(slots, priority)
    }

    /// Leases that may be held at once, of all classes.
    #[must_use]
    pub fn max_connections(&self) -> u32 {
        self.max_connections.get()
    }

    /// The number of held leases from which class `standard` is rejected.
    #[must_use]
    pub fn standard_limit(&self) -> u32 {
        self.standard_limit.get()
    }

    /// [`standard_limit`](Self::standard_limit), typed as not zero.
    pub(crate) fn standard_slots(self) -> NonZeroU32 {
        self.standard_limit
    }

    /// The number of held leases from which `class` is rejected.
    #[must_use]
    pub fn limit(&self, class: Class) -> u32 {
        match class {
            Class::Standard => self.standard_limit(),
            Class::Priority => self.max_connections(),
        }
    }

    /// The sum of this size and another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            max_connections: self.max_connections.saturating_add(other.max_connections()),
            standard_limit: self.standard_limit.saturating_add(other.standard_limit()),
        }
    }

    /// The smaller of this size and another one, in each of the two numbers.
    #[must_use]
    pub fn at_most(self, other: Self) -> Self {
        Self {
            max_connections: self.max_connections.min(other.max_connections),
            standard_limit: self.standard_limit.min(other.standard_limit),
        }
    }

    /// The largest size of the item of such a pool, in bytes: with every slot taken, and draining.
    ///
    /// DynamoDB bills a write by started kilobytes, of the item with its attribute names
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>):
    /// a number has a byte for two digits and one more, a map 3 bytes and one for each entry, a Boolean one
    /// byte.
    #[must_use]
    pub fn item_bytes(&self, name: &PoolName) -> usize {
        let number = |digits: usize| digits.div_ceil(2) + 1;
        let count = number(self.max_connections.ilog10() as usize + 1);
        let key = "RDBMSName".len() + name.as_str().len();
        let counts = "MaxConnections".len() + "StandardLimit".len() + "InUse".len() + 3 * count;
        let lease = 8 + number(10) + 1;
        let leases = "Leases".len() + 3 + lease * self.max_connections() as usize;
        let draining = "Drain".len() + 1;
        key + counts + leases + draining
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_t2_micro_is_divided_as_the_template_says() {
        let size = PoolSize::divide(66, 4, 2).expect("it fits");
        assert_eq!((size.max_connections(), size.standard_limit()), (62, 60));
        assert_eq!(size.limit(Class::Standard), 60);
        assert_eq!(size.limit(Class::Priority), 62);
    }

    #[test]
    fn what_leaves_nothing_is_refused() {
        assert_eq!(
            PoolSize::divide(4, 4, 0),
            Err(InvalidSize::NoSlot { connections: 4, reserved: 4 })
        );
        assert_eq!(
            PoolSize::divide(6, 4, 2),
            Err(InvalidSize::NoStandardSlot { slots: 2, priority: 2 })
        );
        assert!(PoolSize::divide(3, 4, 0).is_err());
    }

    #[test]
    fn a_t2_micro_stays_in_one_write_unit_with_the_longest_name_the_template_allows() {
        let size = PoolSize::divide(66, 4, 2).expect("it fits");
        let longest = "x".repeat(32).parse().expect("a name");
        assert!(size.item_bytes(&longest) <= 1024, "{}", size.item_bytes(&longest));
    }
}
