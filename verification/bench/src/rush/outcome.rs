//! What a run came to.

use std::time::Duration;

use crate::latencies::Latencies;
use crate::meter::Used;

/// What a run came to, while it was measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How long it was measured.
    pub lasted: Duration,
    /// From the question to the slot.
    pub grants: Latencies,
    /// From the question to the refusal.
    pub refusals: Latencies,
    /// What giving a slot back took.
    pub releases: Latencies,
    /// The part of the slots that callers had, from the answer to their acquire to the answer to their
    /// release.
    pub utilisation: f64,
    /// What was used of the table.
    pub used: Used,
}

impl Outcome {
    /// Read units used in vain, by the callers that were refused.
    ///
    /// All looks count and all writes that were refused, also those of callers that got a slot after that.
    #[must_use]
    pub fn units_a_rejection(&self) -> f64 {
        self.used.in_vain() / count(&self.refusals)
    }

    /// Slots granted a second.
    #[must_use]
    pub fn granted_per_second(&self) -> f64 {
        count(&self.grants) / self.lasted.as_secs_f64()
    }

    /// Callers that asked a second.
    #[must_use]
    pub fn asked_per_second(&self) -> f64 {
        (count(&self.grants) + count(&self.refusals)) / self.lasted.as_secs_f64()
    }
}

fn count(latencies: &Latencies) -> f64 {
    f64::from(u32::try_from(latencies.count()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_in_vain_is_shared_out_among_the_refused() {
        let mut refusals = Latencies::default();
        (0..100).for_each(|_| refusals.record(Duration::from_millis(1)));
        let mut grants = Latencies::default();
        (0..10).for_each(|_| grants.record(Duration::from_millis(1)));
        let outcome = Outcome {
            lasted: Duration::from_secs(2),
            grants,
            refusals,
            releases: Latencies::default(),
            utilisation: 1.0,
            // 20 looks, 4 refused writes, and the two writes of each of ten admitted.
            used: Used { requests: 44, writes: 20.0, refused: 4.0, reads: 10.0 },
        };
        assert!((outcome.units_a_rejection() - 0.3).abs() < 1e-9);
        assert!((outcome.granted_per_second() - 5.0).abs() < 1e-9);
        assert!((outcome.asked_per_second() - 55.0).abs() < 1e-9);
    }
}
