//! How long slots are held, as far as sightings tell.

use std::time::Duration;

use super::{Sighting, Tuning};
use crate::pool::LeaseId;
use crate::time::saturating_seconds;

/// An estimate of the mean time for which a slot is held, from the leases that were there at one sighting
/// and are gone at a later one. Instances that see the pool seldom learn it too, if some of these are still there.
/// Where none is, or after a minute and more, and nothing was seen for most of the time between, they may have been
/// gone for hours: that only tells that slots are not held longer.
///
/// The expiry of a lease says nothing about it: a lease lasts as long as its holder may live, and is given
/// back as soon as the query is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Turnover {
    base: Option<(Duration, Vec<LeaseId>)>,
    seen_at: Duration,
    hold: Option<Duration>,
}

impl Turnover {
    /// The share of leases that has to be gone before two sightings make an estimate: of 60 leases 15,
    /// which is known to a quarter.
    const GONE: f64 = 0.25;

    /// The longest hold that is told from another one: any pause is at its bound long before.
    const LONGEST: Duration = Duration::from_secs(3_600);

    /// Compares this sighting with an earlier one.
    pub(super) fn saw(&mut self, now: Duration, seen: &Sighting<'_>) {
        let last_seen = std::mem::replace(&mut self.seen_at, now);
        let Some((at, before)) = self.base.as_ref().filter(|(_, before)| !before.is_empty()) else {
            self.rebase(now, seen);
            return;
        };
        let survivors = before.iter().filter(|lease| seen.leases.contains_key(lease)).count();
        // Half a survivor where there is none: all that is known is that they are gone.
        let surviving = count(survivors).max(0.5) / count(before.len());
        if surviving > 1.0 - Self::GONE {
            return;
        }
        // Slots are given back at the same rate all the time, so that survivors become fewer exponentially.
        let mean = now.saturating_sub(*at).as_secs_f64() / -surviving.ln();
        let mean = saturating_seconds(mean).min(Self::LONGEST);
        let gap = now.saturating_sub(last_seen);
        let only_a_bound =
            gap > last_seen.saturating_sub(*at) && (survivors == 0 || gap >= Tuning::LULL);
        self.hold = match self.hold {
            None => (!only_a_bound).then_some(mean),
            Some(known) if only_a_bound && mean > known => Some(known),
            Some(known) => Some((known + mean) / 2),
        };
        self.rebase(now, seen);
    }

    /// The mean time for which a slot is held; `None` before enough was seen.
    pub(super) fn hold(&self) -> Option<Duration> {
        self.hold
    }

    fn rebase(&mut self, now: Duration, seen: &Sighting<'_>) {
        self.base = Some((now, seen.leases.keys().copied().collect()));
    }
}

fn count(leases: usize) -> f64 {
    f64::from(u32::try_from(leases).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::time::UnixSeconds;

    #[test]
    fn the_hold_is_known_from_who_is_gone() {
        let mut turnover = Turnover::default();
        let mut leases: BTreeMap<LeaseId, _> = (0..60)
            .map(|n| (format!("lease{n:03}").parse().expect("an id"), UnixSeconds(9)))
            .collect();
        let mut saw = |seconds, leases: &BTreeMap<_, _>| {
            turnover.saw(Duration::from_secs(seconds), &Sighting { free: 0, limit: 60, leases });
            turnover.hold().map(|hold| hold.as_secs_f64())
        };
        assert_eq!(saw(0, &leases), None);
        assert_eq!(saw(1, &leases), None);
        // Of an exponential with a mean of 5 s, half is gone after 5 s * ln 2.
        for n in 0..30 {
            leases.remove(&format!("lease{n:03}").parse().expect("an id"));
        }
        let hold = saw(3, &leases).expect("half of them are gone");
        assert!((4.0..5.0).contains(&hold), "{hold}");
    }

    #[test]
    fn who_sees_the_pool_seldom_learns_it_from_those_that_are_left_and_not_from_a_gap() {
        let leases = |ids: std::ops::Range<u32>| -> BTreeMap<LeaseId, _> {
            ids.map(|n| (format!("lease{n:03}").parse().expect("an id"), UnixSeconds(9))).collect()
        };
        let learnt = |seconds: u64, left: u32| {
            let mut turnover = Turnover::default();
            for (seconds, leases) in [(1, leases(0..60)), (1 + seconds, leases(60 - left..70))] {
                turnover.saw(
                    Duration::from_secs(seconds),
                    &Sighting { free: 0, limit: 60, leases: &leases },
                );
            }
            turnover.hold().map(|hold| hold.as_secs())
        };
        assert_eq!(learnt(8, 12), Some(4));
        assert_eq!(learnt(59, 1), Some(14));
        for (gap, left) in [(8, 0), (59, 0), (60, 1), (3_600, 0), (3_600, 20)] {
            assert_eq!(learnt(gap, left), None, "{left} left after {gap} s");
        }
    }

    #[test]
    fn a_gap_tells_that_slots_are_not_held_longer() {
        let lease = |id: &str| BTreeMap::from([(id.parse().expect("an id"), UnixSeconds(9))]);
        let mut turnover = Turnover::default();
        let mut saw = |seconds, id: &str| {
            let sighting = Sighting { free: 0, limit: 1, leases: &lease(id) };
            turnover.saw(Duration::from_secs(seconds), &sighting);
            turnover.hold().map(|hold| hold.as_secs())
        };
        assert_eq!(
            [saw(0, "lease000"), saw(100, "lease000"), saw(139, "lease001")],
            [None, None, Some(200)]
        );
        assert_eq!(saw(3_739, "lease002"), Some(200));
        assert_eq!(saw(3_740, "lease003"), Some(100));
    }
}
