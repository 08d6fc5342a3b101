//! The utilisation of the slots while there were more requests than slots.

use crate::report::{SlotSamples, Timeline, Utilisation};

/// The utilisation of `standard` slots; `None` without a sample that counts.
///
/// Samples count in intervals with rejections after an interval with rejections: in the first one, the slots still fill.
pub(crate) fn utilisation(
    samples: &SlotSamples,
    timeline: &Timeline,
    standard: u32,
) -> Option<Utilisation> {
    let crowded: Vec<bool> = std::iter::once(false)
        .chain(timeline.rejected.windows(2).map(|pair| pair[0] > 0 && pair[1] > 0))
        .collect();
    let bucket = f64::from(timeline.bucket_seconds);
    let is_crowded = |at: f64| {
        let intervals = crowded.iter().zip(0_u32..);
        intervals
            .filter(|(crowded, _)| **crowded)
            .any(|(_, index)| (f64::from(index)..f64::from(index + 1)).contains(&(at / bucket)))
    };
    let mut live = 0.0;
    let mut count = 0_u32;
    for ((at, in_use), expired) in samples.at.iter().zip(&samples.in_use).zip(&samples.expired) {
        if is_crowded(*at) {
            live += f64::from(in_use.saturating_sub(*expired));
            count += 1;
        }
    }
    let intervals = u32::try_from(crowded.iter().filter(|crowded| **crowded).count()).ok()?;
    (count > 0 && standard > 0).then(|| Utilisation {
        mean: rounded_down(live / f64::from(count) / f64::from(standard)),
        samples: count.into(),
        seconds: intervals * timeline.bucket_seconds,
    })
}

/// Rounds down to a hundredth of a percent.
fn rounded_down(share: f64) -> f64 {
    (share * 10_000.0).floor() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(rejected: &[u64]) -> Timeline {
        Timeline { bucket_seconds: 2, rejected: rejected.to_vec(), ..Timeline::default() }
    }

    fn samples(taken: &[(f64, u32, u32)]) -> SlotSamples {
        SlotSamples {
            at: taken.iter().map(|sample| sample.0).collect(),
            in_use: taken.iter().map(|sample| sample.1).collect(),
            expired: taken.iter().map(|sample| sample.2).collect(),
        }
    }

    #[test]
    fn only_crowded_intervals_count() {
        let taken = samples(&[
            (-0.5, 0, 0),
            (1.0, 0, 0),
            // The first interval with a rejection: the slots still fill.
            (2.5, 10, 0),
            (4.0, 60, 0),
            (5.9, 30, 0),
            (6.1, 1, 0),
            (99.0, 0, 0),
        ]);
        let seen = utilisation(&taken, &timeline(&[0, 3, 9, 0]), 60).unwrap();
        assert_eq!(seen, Utilisation { mean: 0.75, samples: 2, seconds: 2 });
    }

    #[test]
    fn an_expired_lease_is_not_a_used_slot() {
        let taken = samples(&[(2.5, 60, 30)]);
        let seen = utilisation(&taken, &timeline(&[1, 1]), 60).unwrap();
        assert!((seen.mean - 0.5).abs() < 1e-9);
    }

    #[test]
    fn without_rejections_there_is_no_utilisation() {
        let taken = samples(&[(0.5, 60, 0), (2.5, 60, 0)]);
        assert_eq!(utilisation(&taken, &timeline(&[0, 0]), 60), None);
        assert_eq!(utilisation(&taken, &timeline(&[]), 60), None);
        assert_eq!(utilisation(&samples(&[]), &timeline(&[1, 1]), 60), None);
    }
}
