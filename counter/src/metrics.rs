//! What an answered request measures.

use std::time::Duration;

use rds_admission::controller::{Answered, Outcome};
use rds_admission::pool::PoolName;
use rds_admission::telemetry::{Metric, Metrics};
use rds_admission::wire::{Reason, Request};

use crate::known::KnownPools;

/// What `request` measures that was `answered` after `took`, of a pool that is `known` to exist. It is
/// remembered as such when the table has told.
pub(crate) fn metrics(
    request: &Request,
    answered: &Answered,
    took: Duration,
    known: &KnownPools,
) -> Metrics {
    let pool = request.pool();
    let metrics = Metrics::new(pool.clone());
    if answered.outcome == Outcome::Refused(Reason::Throttled) {
        return throttled(metrics, pool, known);
    }
    known.remember(pool);
    let metrics = metrics.count(Metric::LeasesTakenOver, answered.taken_over);
    let metrics = match counted(answered.outcome) {
        Some(metric) => metrics.count(metric, 1),
        None => metrics,
    };
    let metrics = match answered.outcome {
        // Nobody waits for these.
        Outcome::Status | Outcome::Swept => metrics,
        _ => metrics.fraction(Metric::DecisionLatency, took.as_secs_f64() * 1_000.0),
    };
    metrics.filled(answered.in_use, answered.max_connections)
}

fn throttled(metrics: Metrics, pool: &PoolName, known: &KnownPools) -> Metrics {
    metrics.count(Metric::RejectedThrottled, u32::from(known.contains(pool)))
}

fn counted(outcome: Outcome) -> Option<Metric> {
    match outcome {
        Outcome::Granted => Some(Metric::SlotsGranted),
        Outcome::Refused(reason) => Some(Metric::of_refusal(reason)),
        Outcome::Released => Some(Metric::SlotsReleased),
        Outcome::Renewed => Some(Metric::LeasesRenewed),
        Outcome::Lost => Some(Metric::LeasesLost),
        Outcome::AlreadyBack | Outcome::Status | Outcome::Swept => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rds_admission::controller::{Answer, Spent};
    use rds_admission::pool::Class;
    use rds_admission::telemetry::Source;
    use rds_admission::time::Seconds;

    use super::*;

    const TOOK: Duration = Duration::from_micros(4_250);

    fn acquire() -> Request {
        Request::Acquire {
            pool: "Prod_MySQL".parse().expect("a name"),
            lease: "Zk3v9Qa1".parse().expect("an id"),
            ttl: Seconds(30),
            class: Class::Standard,
            attempt: None,
        }
    }

    fn answered(outcome: Outcome) -> Answered {
        Answered {
            answer: Answer::Bare(true),
            outcome,
            taken_over: 0,
            in_use: None,
            max_connections: None,
            spent: Spent::default(),
        }
    }

    /// What is measured of an acquire, by names.
    fn of(answered: &Answered, known: &KnownPools) -> Vec<(&'static str, f64)> {
        let metrics = metrics(&acquire(), answered, TOOK, known);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    #[test]
    fn a_grant_is_counted_with_what_it_took_over_and_how_full_the_pool_is() {
        let granted = Answered {
            taken_over: 2,
            in_use: Some(31),
            max_connections: Some(62),
            ..answered(Outcome::Granted)
        };
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
        let swept = Answered {
            taken_over: 1,
            in_use: Some(0),
            max_connections: Some(62),
            ..answered(Outcome::Swept)
        };
        let expected = [
            ("LeasesTakenOver", 1.0),
            ("SlotsInUse", 0.0),
            ("PoolSize", 62.0),
            ("SlotUtilisation", 0.0),
        ];
        assert_eq!(of(&swept, &KnownPools::default()), expected);
    }

    #[test]
    fn every_outcome_but_a_look_has_a_metric_of_its_own() {
        let known = KnownPools::default();
        let names = |outcome| of(&answered(outcome), &known);
        let latency = ("DecisionLatency", 4.25);
        assert_eq!(names(Outcome::Released), [("SlotsReleased", 1.0), latency]);
        assert_eq!(names(Outcome::AlreadyBack), [latency]);
        assert_eq!(names(Outcome::Renewed), [("LeasesRenewed", 1.0), latency]);
        assert_eq!(names(Outcome::Lost), [("LeasesLost", 1.0), latency]);
        let refused = |reason| names(Outcome::Refused(reason));
        assert_eq!(refused(Reason::Full), [("RejectedFull", 1.0), latency]);
        assert_eq!(refused(Reason::Draining), [("RejectedDraining", 1.0), latency]);
        assert_eq!(refused(Reason::Throttled), [("RejectedThrottled", 1.0)]);
        assert_eq!(names(Outcome::Status), []);
    }

    #[test]
    fn a_pool_that_the_table_has_not_told_of_is_not_measured() {
        let known = KnownPools::default();
        let throttled = answered(Outcome::Refused(Reason::Throttled));
        assert_eq!(of(&throttled, &known), []);
        of(&answered(Outcome::Granted), &known);
        assert_eq!(of(&throttled, &known), [("RejectedThrottled", 1.0)]);
    }

    #[test]
    fn the_counter_measures_what_is_listed_as_the_counters() {
        let outcomes = [
            Outcome::Granted,
            Outcome::Refused(Reason::Full),
            Outcome::Refused(Reason::Throttled),
            Outcome::Refused(Reason::Draining),
            Outcome::Released,
            Outcome::AlreadyBack,
            Outcome::Renewed,
            Outcome::Lost,
            Outcome::Status,
            Outcome::Swept,
        ];
        let known = KnownPools::default();
        let seen = |outcome| {
            let (in_use, max_connections) = (Some(1), Some(62));
            of(&Answered { taken_over: 1, in_use, max_connections, ..answered(outcome) }, &known)
        };
        let measured: BTreeSet<_> =
            outcomes.into_iter().flat_map(seen).map(|(name, _)| name).collect();
        let counters = Metric::ALL.iter().filter(|metric| metric.source() == Source::Counter);
        let listed: BTreeSet<_> = counters.map(|metric| metric.name()).collect();
        assert_eq!(measured, listed);
    }
}
