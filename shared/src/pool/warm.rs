//! Warm slots: who may keep a slot and its connection between two requests, and for how long.
//!
//! A holder that is called again and again saves two decisions and a connection each time if it keeps its slot. The
//! slot is then missing in the pool, so it is kept only
//!
//! - while the pool has room, by the write that last granted or renewed the lease ([`FillLevel`]);
//! - by a holder that is called often: its last idle time was no longer than it would keep the slot;
//! - for that time.
//!
//! **The lease** covers the request, the grace, and [`FILL_LEVEL_MAX_AGE`]. A request within that time reuses the slot
//! without a decision. Later ones renew the lease with one write, which returns the current fill level. A holder thus
//! learns within this time that the pool fills, and the slot of one that is frozen is lost for no longer.
//!
//! **Slots kept at once** are fewer than [`Warm::below`] of those of class `standard`. Proof: take the one whose last
//! write came last. At that write all the others were in use, and fewer than that were.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{GRACE, MAX_LEASE, lease_covering};
use crate::time::Seconds;

/// Longest time that an unused slot is kept.
pub const LONGEST: Seconds = Seconds(60);

/// How long a fill level counts as current: a lease is longer than its work and the grace by this.
///
/// With a shorter one a steady flow renews more often; with a longer one more slots idle in a rush (simulated:
/// `warm-surge` in `docs/simulation.md`).
pub const FILL_LEVEL_MAX_AGE: Seconds = Seconds(2);

/// Fill level of a pool, or of the shard that holds the lease, when the lease was granted or renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FillLevel {
    /// Leases in use, that one included.
    pub in_use: u32,
    /// Slots that class `standard` may use.
    pub standard_limit: NonZeroU32,
}

/// A share above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

/// A number that is not above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a number above 0, and at most 1")]
pub struct InvalidShare;

impl Share {
    /// Creates a share.
    ///
    /// # Errors
    /// [`InvalidShare`] when it is not above 0 and at most 1.
    pub fn new(share: f64) -> Result<Self, InvalidShare> {
        if share > 0.0 && share <= 1.0 { Ok(Self(share)) } else { Err(InvalidShare) }
    }

    /// Returns this share of `whole`.
    #[must_use]
    pub fn of(self, whole: u32) -> f64 {
        self.0 * f64::from(whole)
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, InvalidShare> {
        Self::new(text.parse().map_err(|_| InvalidShare)?)
    }
}

/// The rule by which slots are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warm {
    keep: Seconds,
    below: Share,
}

/// A keep time out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a number of seconds from 1 to {}", LONGEST.0)]
pub struct InvalidKeep;

/// What a holder does with a kept slot when the next request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// The lease covers the new work: uses it.
    Reuse,
    /// Too little of the lease is left: renews it first.
    Renew,
    /// The lease may have expired: the connection must not be used.
    Discard,
}

impl Warm {
    /// Default share of the standard slots below which slots are kept.
    pub const BELOW: Share = Share(0.7);

    /// Keeps slots for at most `keep`, while fewer than `below` of the standard slots are in use.
    ///
    /// # Errors
    /// [`InvalidKeep`] when `keep` is 0 or longer than [`LONGEST`].
    pub fn new(keep: Seconds, below: Share) -> Result<Self, InvalidKeep> {
        if (Seconds(1)..=LONGEST).contains(&keep) {
            Ok(Self { keep, below })
        } else {
            Err(InvalidKeep)
        }
    }

    /// Sets the share of the standard slots below which slots are kept.
    #[must_use]
    pub fn while_below(self, below: Share) -> Self {
        Self { below, ..self }
    }

    /// Longest time that a slot is kept.
    #[must_use]
    pub fn keep(&self) -> Seconds {
        self.keep
    }

    /// Share of the standard slots below which slots are kept.
    #[must_use]
    pub fn below(&self) -> Share {
        self.below
    }

    /// Returns whether a slot may be kept whose lease was granted or last renewed at this fill level.
    #[must_use]
    pub fn may_keep(&self, fill_level: FillLevel) -> bool {
        f64::from(fill_level.in_use) < self.below.of(fill_level.standard_limit.get())
    }

    /// Returns whether a holder that was idle for this long before its request may keep its slot.
    #[must_use]
    pub fn is_often_called(&self, idle: Duration) -> bool {
        idle <= Duration::from(self.keep)
    }

    /// Returns the lease for work of this length: with the grace and [`FILL_LEVEL_MAX_AGE`] on top.
    #[must_use]
    pub fn lease_for(&self, work_left: Duration) -> Seconds {
        Seconds(lease_covering(work_left).0.saturating_add(FILL_LEVEL_MAX_AGE.min(self.keep).0))
            .min(MAX_LEASE)
    }

    /// Returns the idle limit of a kept connection, in whole seconds, `None` when too little of the lease is left and
    /// the slot must be released. A server may end an idle session up to a second late.
    #[must_use]
    pub fn kept_for(&self, lease_left: Duration) -> Option<Seconds> {
        let covered = lease_left.as_secs().saturating_sub(u64::from(GRACE.0) + 1);
        let keep = Seconds(u32::try_from(covered).unwrap_or(u32::MAX)).min(self.keep);
        (keep > Seconds(0)).then_some(keep)
    }

    /// Returns what to do with a kept slot for new work.
    #[must_use]
    pub fn resume(&self, lease_left: Duration, work_left: Duration) -> Resume {
        if lease_left <= Duration::from(GRACE) {
            Resume::Discard
        } else if lease_left < Duration::from(lease_covering(work_left)) {
            Resume::Renew
        } else {
            Resume::Reuse
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn warm(keep: u32) -> Warm {
        Warm::new(Seconds(keep), Warm::BELOW).expect("a time")
    }

    fn fill_level(in_use: u32, standard: u32) -> FillLevel {
        FillLevel { in_use, standard_limit: NonZeroU32::new(standard).expect("not 0") }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_slot_is_kept_while_the_pool_has_room() {
        assert!(warm(10).may_keep(fill_level(41, 60)));
        assert!(!warm(10).may_keep(fill_level(42, 60)));
        assert!(!warm(10).may_keep(fill_level(1, 1)));
        let always = Warm::new(Seconds(1), Share::new(1.0).expect("a share")).expect("a time");
        assert!(always.may_keep(fill_level(59, 60)));
        assert!(!always.may_keep(fill_level(60, 60)));
    }

    #[test]
    fn who_is_called_often_may_keep_its_slot() {
        assert!(warm(10).is_often_called(seconds(10)));
        assert!(!warm(10).is_often_called(Duration::from_millis(10_001)));
    }

    #[test]
    fn a_lease_covers_the_work_a_grace_and_a_moment() {
        assert_eq!(warm(20).lease_for(seconds(30)), Seconds(37));
        assert_eq!(warm(1).lease_for(seconds(30)), Seconds(36));
        assert_eq!(warm(60).lease_for(seconds(955)), MAX_LEASE);
        assert_eq!(warm(60).lease_for(Duration::MAX), MAX_LEASE);
    }

    #[test]
    fn a_connection_is_kept_for_no_longer_than_its_lease_covers() {
        assert_eq!(warm(20).kept_for(seconds(55)), Some(Seconds(20)));
        assert_eq!(warm(20).kept_for(Duration::from_millis(16_900)), Some(Seconds(10)));
        assert_eq!(warm(20).kept_for(seconds(7)), Some(Seconds(1)));
        assert_eq!(warm(20).kept_for(Duration::from_millis(6_999)), None);
        assert_eq!(warm(20).kept_for(Duration::ZERO), None);
    }

    #[test]
    fn a_holder_that_wakes_goes_by_what_is_left_of_its_lease() {
        let resume = |left| warm(20).resume(seconds(left), seconds(30));
        assert_eq!(resume(35), Resume::Reuse);
        assert_eq!(resume(34), Resume::Renew);
        assert_eq!(resume(6), Resume::Renew);
        assert_eq!(resume(5), Resume::Discard);
        assert_eq!(resume(0), Resume::Discard);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for keep in [0, 61] {
            assert_eq!(Warm::new(Seconds(keep), Warm::BELOW), Err(InvalidKeep));
        }
        for text in ["0", "-0.1", "1.01", "NaN", "", "x", "inf"] {
            assert_eq!(text.parse::<Share>(), Err(InvalidShare), "{text}");
        }
        assert_eq!("0.7".parse(), Ok(Warm::BELOW));
    }

    proptest! {
        /// For any order of grants, renewals and releases.
        #[test]
        fn fewer_than_the_share_are_kept_at_once(
            standard in 1_u32..40,
            below in 0.01_f64..=1.0,
            steps in prop::collection::vec((0_usize..40, 0_u8..3), 1..200),
        ) {
            let warm = Warm::new(Seconds(10), Share::new(below).expect("a share")).expect("a time");
            // The last fill level of each lease in use.
            let mut out: Vec<FillLevel> = Vec::new();
            for (which, step) in steps {
                let at = which % out.len().max(1);
                match step {
                    0 if out.len() < standard as usize => {
                        let in_use = u32::try_from(out.len()).expect("few") + 1;
                        out.push(fill_level(in_use, standard));
                    }
                    1 if !out.is_empty() => {
                        let in_use = u32::try_from(out.len()).expect("few");
                        out[at] = fill_level(in_use, standard);
                    }
                    2 if !out.is_empty() => {
                        out.swap_remove(at);
                    }
                    _ => {}
                }
                let kept = out.iter().filter(|level| warm.may_keep(**level)).count();
                let kept = u32::try_from(kept).expect("few");
                prop_assert!(kept == 0 || f64::from(kept) < warm.below().of(standard));
            }
        }

        #[test]
        fn a_kept_connection_ends_before_its_lease_and_a_lease_before_it_is_too_long(
            keep in 1_u32..=60, work in 0_u64..2_000, spent in 0_u64..2_000_000,
        ) {
            let warm = warm(keep);
            let lease = Duration::from(warm.lease_for(seconds(work)));
            let left = lease.saturating_sub(Duration::from_millis(spent));
            if let Some(kept) = warm.kept_for(left) {
                prop_assert!(kept <= warm.keep());
                prop_assert!(Duration::from(kept) + Duration::from(GRACE) + seconds(1) <= left);
                prop_assert!(warm.resume(left, Duration::ZERO) != Resume::Discard);
            }
        }
    }
}
