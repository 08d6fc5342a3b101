//! The metrics of an answered request.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rds_admission::controller::Decision;
use rds_admission::pool::PoolName;
use rds_admission::telemetry::{Metric, Metrics};
use rds_admission::wire::{AcquireAnswer, Answer, Reason, RenewAnswer};

/// The pools that the table is known to have, as far as this instance has seen.
#[derive(Debug, Default)]
pub(crate) struct KnownPools(Mutex<HashSet<PoolName>>);

impl KnownPools {
    fn remember(&self, pool: &PoolName) {
        let mut known = self.lock();
        if !known.contains(pool) {
            known.insert(pool.clone());
        }
    }

    fn contains(&self, pool: &PoolName) -> bool {
        self.lock().contains(pool)
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<PoolName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the metrics of a decision about `pool` that took `took`.
///
/// Metrics are billed by pool name, and callers choose the names. An acquire that is throttled is therefore only
/// counted for a pool in `known`; any other decision shows that the table has the pool, and adds it.
pub(crate) fn metrics(
    pool: &PoolName,
    decision: &Decision<Answer>,
    took: Duration,
    known: &KnownPools,
) -> Metrics {
    let metrics = Metrics::new(pool.clone());
    let answer = &decision.answer;
    let metric = match answer {
        Answer::LegacyAcquire(AcquireAnswer::Granted(_))
        | Answer::Acquire(AcquireAnswer::Granted(_)) => Some(Metric::SlotsGranted),
        Answer::LegacyAcquire(AcquireAnswer::Refused(refused))
        | Answer::Acquire(AcquireAnswer::Refused(refused)) => {
            if refused.reason == Reason::Throttled {
                return metrics.count(Metric::RejectedThrottled, u32::from(known.contains(pool)));
            }
            Some(Metric::of_refusal(refused.reason))
        }
        Answer::LegacyRelease(release) | Answer::Release(release) => {
            release.released.then_some(Metric::SlotsReleased)
        }
        Answer::Renew(RenewAnswer { renewed: true, .. }) => Some(Metric::LeasesRenewed),
        Answer::Renew(RenewAnswer { renewed: false, .. }) => Some(Metric::LeasesLost),
        Answer::Status(_) | Answer::Sweep(_) => None,
    };
    known.remember(pool);
    let metrics = metrics.count(Metric::LeasesTakenOver, answer.taken_over());
    let metrics = match metric {
        Some(metric) => metrics.count(metric, 1),
        None => metrics,
    };
    let metrics = match answer {
        // No caller waits for these.
        Answer::Status(_) | Answer::Sweep(_) => metrics,
        _ => metrics.fraction(Metric::DecisionLatency, took.as_secs_f64() * 1_000.0),
    };
    metrics.filled(decision.in_use, decision.max_connections)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rds_admission::controller::RequestCounts;
    use rds_admission::telemetry::Source;
    use rds_admission::time::UnixSeconds;
    use rds_admission::wire::{Granted, Refused, ReleaseAnswer, StatusAnswer, SweepAnswer};

    use super::*;

    const TOOK: Duration = Duration::from_micros(4_250);

    fn decision(answer: Answer) -> Decision<Answer> {
        Decision { answer, in_use: None, max_connections: None, requests: RequestCounts::default() }
    }

    /// A decision that saw `in_use` of 62 slots in use.
    fn seen(in_use: u32, answer: Answer) -> Decision<Answer> {
        Decision { in_use: Some(in_use), max_connections: Some(62), ..decision(answer) }
    }

    fn granted(taken_over: u32) -> Answer {
        Answer::Acquire(AcquireAnswer::Granted(Granted {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            expires_at: UnixSeconds(1_764_000_000),
            shard: None,
            in_use: 31,
            max_connections: 62,
            taken_over,
            fill_level: None,
        }))
    }

    fn refused(reason: Reason) -> Answer {
        let (in_use, max_connections) = (None, None);
        let retry_after = Duration::from_millis(250);
        Answer::Acquire(AcquireAnswer::Refused(Refused {
            reason,
            retry_after,
            in_use,
            max_connections,
        }))
    }

    fn release(released: bool) -> Answer {
        Answer::Release(ReleaseAnswer { released, in_use: 1 })
    }

    fn renewal(renewed: bool) -> Answer {
        Answer::Renew(RenewAnswer { renewed, ..RenewAnswer::LOST })
    }

    fn status() -> Answer {
        let (in_use, max_connections, standard_limit) = (1, 62, 60);
        let (expired, draining) = (0, false);
        Answer::Status(StatusAnswer { in_use, max_connections, standard_limit, expired, draining })
    }

    fn sweep(expired: u32) -> Answer {
        let (in_use, max_connections, standard_limit, draining) = (0, 62, 60, false);
        Answer::Sweep(SweepAnswer { expired, in_use, max_connections, standard_limit, draining })
    }

    /// Returns a decision's metrics by name.
    fn of(decision: &Decision<Answer>, known: &KnownPools) -> Vec<(&'static str, f64)> {
        let pool = "Prod_MySQL".parse().expect("a name");
        let metrics = metrics(&pool, decision, TOOK, known);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    #[test]
    fn a_grant_counts_takeovers_and_the_pools_utilisation() {
        let granted = seen(31, granted(2));
        let expected = [
            ("SlotsGranted", 1.0),
            ("LeasesTakenOver", 2.0),
            ("DecisionLatency", 4.25),
            ("SlotsInUse", 31.0),
            ("PoolSize", 62.0),
            ("SlotUtilisation", 50.0),
        ];
        assert_eq!(of(&granted, &KnownPools::default()), expected);
    }

    #[test]
    fn a_sweep_measures_the_pool_and_no_latency() {
        let swept = seen(0, sweep(1));
        let expected = [
            ("LeasesTakenOver", 1.0),
            ("SlotsInUse", 0.0),
            ("PoolSize", 62.0),
            ("SlotUtilisation", 0.0),
        ];
        assert_eq!(of(&swept, &KnownPools::default()), expected);
    }

    #[test]
    fn every_outcome_but_a_status_has_its_own_metric() {
        let known = KnownPools::default();
        let names = |answer| of(&decision(answer), &known);
        let latency = ("DecisionLatency", 4.25);
        assert_eq!(names(release(true)), [("SlotsReleased", 1.0), latency]);
        assert_eq!(names(release(false)), [latency]);
        assert_eq!(names(renewal(true)), [("LeasesRenewed", 1.0), latency]);
        assert_eq!(names(renewal(false)), [("LeasesLost", 1.0), latency]);
        let refused = |reason| names(refused(reason));
        assert_eq!(refused(Reason::Full), [("RejectedFull", 1.0), latency]);
        assert_eq!(refused(Reason::Draining), [("RejectedDraining", 1.0), latency]);
        assert_eq!(refused(Reason::Throttled), [("RejectedThrottled", 1.0)]);
        assert_eq!(names(status()), []);
    }

    #[test]
    fn a_throttled_pool_that_the_table_may_not_have_is_not_counted() {
        let known = KnownPools::default();
        let throttled = decision(refused(Reason::Throttled));
        assert_eq!(of(&throttled, &known), []);
        of(&decision(granted(0)), &known);
        assert_eq!(of(&throttled, &known), [("RejectedThrottled", 1.0)]);
    }

    #[test]
    fn the_counter_emits_exactly_the_metrics_listed_as_its_own() {
        let answers = [
            granted(1),
            refused(Reason::Full),
            refused(Reason::Throttled),
            refused(Reason::Draining),
            release(true),
            release(false),
            renewal(true),
            renewal(false),
            status(),
            sweep(1),
        ];
        let known = KnownPools::default();
        let seen = |answer| of(&seen(1, answer), &known);
        let measured: BTreeSet<_> =
            answers.into_iter().flat_map(seen).map(|(name, _)| name).collect();
        let counters = Metric::ALL.iter().filter(|metric| metric.source() == Source::Counter);
        let listed: BTreeSet<_> = counters.map(|metric| metric.name()).collect();
        assert_eq!(measured, listed);
    }
}
