//! Metrics of a request.

use rds_admission::backend::BackendKind;
use rds_admission::client::{Admission, Reported};
use rds_admission::pool::PoolName;
use rds_admission::telemetry::{Metric, Metrics};

use crate::Failure;

/// Returns the metrics of a count in `pool`.
pub(crate) fn metrics(
    pool: &PoolName,
    count: &Reported<u64, Failure>,
    backend: BackendKind,
) -> Metrics {
    let refusal = match &count.result {
        Err(Failure::Session(session)) => session.refusal(),
        _ => None,
    };
    let error = match &count.result {
        Err(Failure::Admission(error)) => Some(error),
        _ => None,
    };
    Metrics::new(pool.clone()).refused(refusal).admission(backend, count.slot.as_ref(), error)
}

/// Returns the metrics of a request that panicked: only whether it bypassed admission.
pub(crate) fn metrics_of_panic(admission: &Admission) -> Metrics {
    let bypassed = u32::from(admission.backend() == BackendKind::Bypass);
    Metrics::new(admission.pool().clone()).count(Metric::BypassedRequests, bypassed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use mysql_async::{Error, ServerError};
    use rds_admission::backend::BackendError;
    use rds_admission::client::{AdmissionError, Phase, ReleaseOutcome, Resumed, SlotReport};
    use rds_admission::session::SessionError;
    use rds_admission::telemetry::Source;
    use rds_admission::time::UnixSeconds;
    use rds_admission::wire::{Granted, Reason, Refused};

    use super::*;

    type Count = Reported<u64, Failure>;

    fn slot(outcome: ReleaseOutcome) -> SlotReport {
        let granted = Granted {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            expires_at: UnixSeconds(1_764_000_000),
            shard: None,
            in_use: 1,
            max_connections: 62,
            taken_over: 0,
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

    fn taking_over(taken_over: u32, report: SlotReport) -> SlotReport {
        SlotReport { granted: Granted { taken_over, ..report.granted.clone() }, ..report }
    }

    fn admitted(result: Result<u64, Failure>, outcome: ReleaseOutcome) -> Count {
        reported(result, slot(outcome))
    }

    fn reported(result: Result<u64, Failure>, slot: SlotReport) -> Count {
        Reported { result, slot: Some(slot) }
    }

    fn without_a_slot(error: AdmissionError) -> Count {
        Reported { result: Err(error.into()), slot: None }
    }

    fn refused_by_server(code: u16) -> Result<u64, Failure> {
        let said = ServerError { code, message: String::new(), state: "08004".to_owned() };
        Err(SessionError::Connect { source: Error::Server(said) }.into())
    }

    fn of(count: &Count, backend: BackendKind) -> Vec<(&'static str, f64)> {
        let metrics = metrics(&"Prod_MySQL".parse().expect("a name"), count, backend);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    #[test]
    fn a_slot_is_held_from_its_grant_until_it_is_back() {
        let time = ("SlotHoldTime", 40.0);
        assert_eq!(of(&admitted(Ok(3), ReleaseOutcome::Released), BackendKind::Counter), [time]);
        let late = ("ReleaseFailures", 1.0);
        assert_eq!(
            of(&admitted(Ok(3), ReleaseOutcome::Failed(None)), BackendKind::Counter),
            [time, late]
        );
        let error = AdmissionError::OutOfTime { phase: Phase::Work };
        let out_of_time = reported(Err(error.into()), slot(ReleaseOutcome::Failed(None)));
        assert_eq!(of(&out_of_time, BackendKind::Counter), [time, late]);
    }

    #[test]
    fn the_servers_own_refusal_is_counted() {
        let count = admitted(refused_by_server(1040), ReleaseOutcome::Released);
        assert_eq!(
            of(&count, BackendKind::Counter),
            [("SlotHoldTime", 40.0), ("TooManyConnections", 1.0)]
        );
        let past = [("TooManyConnections", 1.0), ("BypassedRequests", 1.0)];
        assert_eq!(of(&count, BackendKind::Bypass), past);
        let blocked = admitted(refused_by_server(1129), ReleaseOutcome::Released);
        let host_blocked = [("SlotHoldTime", 40.0), ("HostBlocked", 1.0)];
        assert_eq!(of(&blocked, BackendKind::Counter), host_blocked);
    }

    #[test]
    fn a_rejection_is_the_counters_and_silence_is_ours() {
        let (reason, retry_after) = (Reason::Full, Duration::from_secs(1));
        let refused = Refused { reason, retry_after, in_use: None, max_connections: None };
        assert_eq!(
            of(&without_a_slot(AdmissionError::Rejected(refused)), BackendKind::Counter),
            []
        );
        let source = BackendError::Throttled { source: "Rate Exceeded".into() };
        let unavailable = [("AdmissionUnavailable", 1.0)];
        assert_eq!(
            of(&without_a_slot(AdmissionError::Unavailable { source }), BackendKind::Counter),
            unavailable
        );
        let late = AdmissionError::OutOfTime { phase: Phase::Acquire };
        assert_eq!(of(&without_a_slot(late), BackendKind::Counter), unavailable);
    }

    #[test]
    fn a_request_past_the_controller_held_no_slot() {
        let count = admitted(Ok(3), ReleaseOutcome::Released);
        assert_eq!(of(&count, BackendKind::Bypass), [("BypassedRequests", 1.0)]);
    }

    #[test]
    fn who_decides_itself_measures_what_the_counter_would_have() {
        let refused = Refused {
            reason: Reason::Full,
            retry_after: Duration::from_secs(1),
            in_use: Some(31),
            max_connections: Some(62),
        };
        let filling = [("SlotsInUse", 31.0), ("PoolSize", 62.0), ("SlotUtilisation", 50.0)];
        let rejected = [&[("RejectedFull", 1.0)], &filling[..]].concat();
        assert_eq!(
            of(&without_a_slot(AdmissionError::Rejected(refused)), BackendKind::Table),
            rejected
        );
        let granted = of(&admitted(Ok(3), ReleaseOutcome::Released), BackendKind::Table);
        for metric in [("SlotsGranted", 1.0), ("SlotsReleased", 1.0), ("DecisionLatency", 20.0)] {
            assert!(granted.contains(&metric), "{granted:?}");
        }
        assert!(granted.contains(&("SlotHoldTime", 40.0)), "{granted:?}");
    }

    #[test]
    fn leases_that_ended_are_counted_by_who_decided() {
        let slot = SlotReport { lost: true, ..slot(ReleaseOutcome::Released) };
        let count = reported(Ok(3), taking_over(2, slot));
        let ended = [("LeasesTakenOver", 2.0), ("LeasesLost", 1.0)];
        let here = of(&count, BackendKind::Table);
        assert!(ended.iter().all(|metric| here.contains(metric)), "{here:?}");
        assert_eq!(of(&count, BackendKind::Counter), [("SlotHoldTime", 40.0)]);
    }

    #[test]
    fn a_request_on_a_kept_slot_was_decided_by_nobody() {
        let warm = |renewed| {
            let resumed = Some(Resumed { renewed, replaced: false });
            let slot = SlotReport { resumed, ..slot(ReleaseOutcome::Kept) };
            reported(Ok(3), taking_over(2, slot))
        };
        let expected = [("SlotHoldTime", 40.0), ("WarmRequests", 1.0)];
        assert_eq!(of(&warm(false), BackendKind::Counter), expected);
        assert_eq!(of(&warm(false), BackendKind::Table), expected);
        let renewed = [&[("LeasesRenewed", 1.0)], &expected[..]].concat();
        assert_eq!(of(&warm(true), BackendKind::Table), renewed);
    }

    /// One request of each kind.
    fn counts() -> Vec<Count> {
        let refused = |reason| {
            let (in_use, max_connections) = (Some(1), Some(62));
            let retry_after = Duration::from_secs(1);
            without_a_slot(AdmissionError::Rejected(Refused {
                reason,
                retry_after,
                in_use,
                max_connections,
            }))
        };
        let late = SlotReport { lost: true, ..slot(ReleaseOutcome::LeftToLapse) };
        let late = taking_over(1, late);
        let resumed = Some(Resumed { renewed: true, replaced: false });
        let warm = SlotReport { resumed, ..slot(ReleaseOutcome::Kept) };
        let source = BackendError::Throttled { source: "Rate Exceeded".into() };
        vec![
            admitted(Ok(3), ReleaseOutcome::Released),
            reported(Ok(3), late),
            reported(Ok(3), warm),
            admitted(refused_by_server(1203), ReleaseOutcome::Failed(None)),
            admitted(refused_by_server(1129), ReleaseOutcome::Released),
            refused(Reason::Full),
            refused(Reason::Throttled),
            refused(Reason::Draining),
            without_a_slot(AdmissionError::Unavailable { source }),
        ]
    }

    /// Names of the metrics that these requests write.
    fn written(backends: &[BackendKind]) -> BTreeSet<&'static str> {
        let of_all = |backend| counts().into_iter().flat_map(move |count| of(&count, backend));
        backends.iter().flat_map(|backend| of_all(*backend)).map(|(name, _)| name).collect()
    }

    #[test]
    fn the_query_measures_what_is_listed_as_the_querys() {
        let querys = Metric::ALL.iter().filter(|metric| metric.source() == Source::Holder);
        let listed: BTreeSet<_> = querys.map(|metric| metric.name()).collect();
        assert_eq!(written(&[BackendKind::Counter, BackendKind::Bypass]), listed);
    }

    #[test]
    fn who_decides_itself_leaves_none_of_the_counters_out() {
        let all: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(written(&[BackendKind::Table, BackendKind::Bypass]), all);
    }
}
