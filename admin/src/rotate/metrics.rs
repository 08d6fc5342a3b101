//! Metrics of a step that needs a slot.

use rds_admission::backend::BackendKind;
use rds_admission::client::Reported;
use rds_admission::pool::PoolName;
use rds_admission::telemetry::Metrics;

use super::account::AccountError;
use super::outcome::{Done, RotateError};

/// The result of a step that needs a slot.
type Step = Reported<Done, RotateError>;

/// Returns the metrics of a step. Without the counter they include the decisions, which the counter would log.
pub(super) fn metrics(pool: &PoolName, step: &Step, backend: BackendKind) -> Metrics {
    let refusal = match &step.result {
        Err(RotateError::Account(AccountError::Login(error))) => error.refusal(),
        _ => None,
    };
    let error = match &step.result {
        Err(RotateError::Admission(error)) => Some(error),
        _ => None,
    };
    Metrics::new(pool.clone()).refused(refusal).admission(backend, step.slot.as_ref(), error)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mysql_async::{Error, ServerError};
    use rds_admission::backend::BackendError;
    use rds_admission::client::{AdmissionError, Phase, ReleaseOutcome, SlotReport};
    use rds_admission::session::SessionError;
    use rds_admission::telemetry::Metric;
    use rds_admission::time::UnixSeconds;
    use rds_admission::wire::{Granted, Reason, Refused};

    use super::*;

    const TIME: (&str, f64) = ("SlotHoldTime", 40.0);
    const GRANTED: [(&str, f64); 6] = [
        ("SlotsGranted", 1.0),
        ("LeasesTakenOver", 2.0),
        ("DecisionLatency", 20.0),
        ("SlotsInUse", 31.0),
        ("PoolSize", 62.0),
        ("SlotUtilisation", 50.0),
    ];

    fn slot(outcome: ReleaseOutcome) -> SlotReport {
        let granted = Granted {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            expires_at: UnixSeconds(1_764_000_000),
            shard: None,
            in_use: 31,
            max_connections: 62,
            taken_over: 2,
            fill_level: None,
        };
        SlotReport {
            granted,
            acquire: Duration::from_millis(25),
            decision: Duration::from_millis(20),
            refusals: 0,
            work: Duration::from_millis(30),
            release: Duration::from_millis(10),
            outcome,
            resumed: None,
            lost: false,
        }
    }

    fn under_a_slot(result: Result<Done, RotateError>, outcome: ReleaseOutcome) -> Step {
        Reported { result, slot: Some(slot(outcome)) }
    }

    fn without_a_slot(error: AdmissionError) -> Step {
        Reported { result: Err(error.into()), slot: None }
    }

    fn refused_with(code: u16) -> RotateError {
        let answer = ServerError { code, message: String::new(), state: "08004".to_owned() };
        let session = SessionError::Connect { source: Error::Server(answer) };
        AccountError::Login(session).into()
    }

    /// Returns the names and values, in the order of the list.
    fn of(step: &Step, backend: BackendKind) -> Vec<(&'static str, f64)> {
        let metrics = metrics(&"Prod_MySQL".parse().expect("a name"), step, backend);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    /// The same, sorted by name.
    fn sorted(mut metrics: Vec<(&'static str, f64)>) -> Vec<(&'static str, f64)> {
        metrics.sort_by_key(|(name, _)| *name);
        metrics
    }

    #[test]
    fn the_hold_time_lasts_from_grant_to_release() {
        assert_eq!(
            of(&under_a_slot(Ok(Done::Now), ReleaseOutcome::Released), BackendKind::Counter),
            [TIME]
        );
        let failed = [TIME, ("ReleaseFailures", 1.0)];
        for result in [Ok(Done::Before), Err(RotateError::NoPasswordAccepted)] {
            assert_eq!(
                of(&under_a_slot(result, ReleaseOutcome::Failed(None)), BackendKind::Counter),
                failed
            );
        }
        let late = AdmissionError::OutOfTime { phase: Phase::Work };
        let late = under_a_slot(Err(late.into()), ReleaseOutcome::Failed(None));
        assert_eq!(of(&late, BackendKind::Counter), failed);
    }

    #[test]
    fn refusals_of_the_server_are_counted() {
        let full = under_a_slot(Err(refused_with(1040)), ReleaseOutcome::Released);
        assert_eq!(of(&full, BackendKind::Counter), [TIME, ("TooManyConnections", 1.0)]);
        let blocked = under_a_slot(Err(refused_with(1129)), ReleaseOutcome::Released);
        assert_eq!(of(&blocked, BackendKind::Counter), [TIME, ("HostBlocked", 1.0)]);
        let denied = under_a_slot(Err(refused_with(1045)), ReleaseOutcome::Released);
        assert_eq!(of(&denied, BackendKind::Counter), [TIME]);
    }

    #[test]
    fn rejections_are_counted_by_the_decider_and_failures_by_the_caller() {
        let refused = || Refused {
            reason: Reason::Full,
            retry_after: Duration::from_secs(1),
            in_use: Some(31),
            max_connections: Some(62),
        };
        assert_eq!(
            of(&without_a_slot(AdmissionError::Rejected(refused())), BackendKind::Counter),
            []
        );
        let here = of(&without_a_slot(AdmissionError::Rejected(refused())), BackendKind::Table);
        assert_eq!(here, [&[("RejectedFull", 1.0)], &GRANTED[3..]].concat());
        for backend in [BackendKind::Counter, BackendKind::Table] {
            let source = BackendError::Throttled { source: "Rate Exceeded".into() };
            let late = AdmissionError::OutOfTime { phase: Phase::Acquire };
            for failure in [AdmissionError::Unavailable { source }, late] {
                assert_eq!(of(&without_a_slot(failure), backend), [("AdmissionUnavailable", 1.0)]);
            }
        }
    }

    #[test]
    fn without_the_counter_the_decision_is_measured() {
        let here =
            |given_back| sorted(of(&under_a_slot(Ok(Done::Now), given_back), BackendKind::Table));
        let released = [&GRANTED[..], &[("SlotsReleased", 1.0), TIME]].concat();
        assert_eq!(here(ReleaseOutcome::Released), sorted(released));
        let lapses = [&GRANTED[..], &[TIME]].concat();
        assert_eq!(here(ReleaseOutcome::LeftToLapse), sorted(lapses));
    }
}
