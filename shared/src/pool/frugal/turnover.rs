//! How long slots are held, as far as sightings tell.

use std::time::Duration;

use super::Sighting;
use crate::pool::LeaseId;

/// An estimate of the mean time for which a slot is held, from the leases that were there at one sighting
/// and are gone at a later one. Instances that see the pool seldom learn it too.
///
/// The expiry of a lease says nothing about it: a lease lasts as long as its holder may live, and is given
/// back as soon as the query is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Turnover {
    base: Option<(Duration, Vec<LeaseId>)>,
    hold: Option<Duration>,
}

impl Turnover {
    /// The share of leases that has to be gone before two sightings make an estimate: of 60 leases 15,
    /// which is known to a quarter.
    const GONE: f64 = 0.25;

    /// Compares this sighting with an earlier one.
    pub(super) fn saw(&mut self, now: Duration, seen: &Sighting<'_>) {
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
        self.hold = Some(match self.hold {
            Some(known) => known.mul_f64(0.5) + Duration::from_secs_f64(mean * 0.5),
            None => Duration::from_secs_f64(mean),
        });
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
}
