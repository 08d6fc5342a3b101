//! What a request measures.

use rds_admission::backend::BackendKind;
use rds_admission::client::{Admission, AdmissionError, Admitted};
use rds_admission::pool::PoolName;
use rds_admission::session::Refusal;
use rds_admission::telemetry::{Metric, Metrics};

use crate::Failure;

/// What a `count` measures under `pool`.
pub(crate) fn metrics(
    pool: &PoolName,
    count: &Result<Admitted<Result<u64, Failure>>, AdmissionError>,
    backend: BackendKind,
) -> Metrics {
    let metrics = Metrics::new(pool.clone()).refused(refusal(count));
    let metrics = match backend {
        BackendKind::Counter => metrics,
        BackendKind::Table => metrics.decided(count),
        BackendKind::Bypass => return metrics.count(Metric::BypassedRequests, 1),
    };
    metrics.wanted(count)
}

/// What is known of a request that panicked: that it was let past, where it was.
pub(crate) fn cut_off(admission: &Admission) -> Metrics {
    let bypassed = u32::from(admission.backend() == BackendKind::Bypass);
    Metrics::new(admission.pool().clone()).count(Metric::BypassedRequests, bypassed)
}

fn refusal(count: &Result<Admitted<Result<u64, Failure>>, AdmissionError>) -> Option<Refusal> {
    match count {
        Ok(Admitted { value: Err(Failure::Session(session)), .. }) => session.refusal(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use mysql_async::{Error, ServerError};
    use rds_admission::backend::BackendError;
    use rds_admission::client::{Held, Phase, ReleaseOutcome, Woken};
    use rds_admission::session::SessionError;
    use rds_admission::telemetry::Source;
    use rds_admission::wire::{Reason, Refused};

    use super::*;

    type Count = Result<Admitted<Result<u64, Failure>>, AdmissionError>;

    fn held(given_back: ReleaseOutcome) -> Held {
        Held {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            acquire: Duration::from_millis(25),
            decision: Duration::from_millis(20),
            refusals: 0,
            work: Duration::from_millis(30),
            release: Duration::from_millis(10),
            given_back,
            in_use: 1,
            max_connections: 62,
            taken_over: 0,
            woken: None,
            lost: false,
        }
    }

    fn admitted(
        value: Result<u64, Failure>,
        given_back: ReleaseOutcome,
    ) -> Admitted<Result<u64, Failure>> {
        Admitted { value, held: held(given_back) }
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
        assert_eq!(
            of(&Ok(admitted(Ok(3), ReleaseOutcome::Released)), BackendKind::Counter),
            [time]
        );
        let late = ("ReleaseFailures", 1.0);
        assert_eq!(
            of(&Ok(admitted(Ok(3), ReleaseOutcome::Failed(None))), BackendKind::Counter),
            [time, late]
        );
        let held = Some(held(ReleaseOutcome::Failed(None)));
        let out_of_time = Err(AdmissionError::OutOfTime { phase: Phase::Work, held });
        assert_eq!(of(&out_of_time, BackendKind::Counter), [time, late]);
    }

    #[test]
    fn the_servers_own_refusal_is_counted() {
        let count = Ok(admitted(refused_by_server(1040), ReleaseOutcome::Released));
        assert_eq!(
            of(&count, BackendKind::Counter),
            [("SlotHoldTime", 40.0), ("TooManyConnections", 1.0)]
        );
        let past = [("TooManyConnections", 1.0), ("BypassedRequests", 1.0)];
        assert_eq!(of(&count, BackendKind::Bypass), past);
        let blocked = Ok(admitted(refused_by_server(1129), ReleaseOutcome::Released));
        let host_blocked = [("SlotHoldTime", 40.0), ("HostBlocked", 1.0)];
        assert_eq!(of(&blocked, BackendKind::Counter), host_blocked);
    }

    #[test]
    fn a_rejection_is_the_counters_and_silence_is_ours() {
        let (reason, retry_after) = (Reason::Full, Duration::from_secs(1));
        let refused = Refused { reason, retry_after, in_use: None, max_connections: None };
        assert_eq!(of(&Err(AdmissionError::Rejected(refused)), BackendKind::Counter), []);
        let source = BackendError::Throttled { source: "Rate Exceeded".into() };
        let unavailable = [("AdmissionUnavailable", 1.0)];
        assert_eq!(
            of(&Err(AdmissionError::Unavailable { source }), BackendKind::Counter),
            unavailable
        );
        let late = AdmissionError::OutOfTime { phase: Phase::Acquire, held: None };
        assert_eq!(of(&Err(late), BackendKind::Counter), unavailable);
    }

    #[test]
    fn a_request_past_the_controller_held_no_slot() {
        let count = Ok(admitted(Ok(3), ReleaseOutcome::Released));
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
        assert_eq!(of(&Err(AdmissionError::Rejected(refused)), BackendKind::Table), rejected);
        let granted = of(&Ok(admitted(Ok(3), ReleaseOutcome::Released)), BackendKind::Table);
        for metric in [("SlotsGranted", 1.0), ("SlotsReleased", 1.0), ("DecisionLatency", 20.0)] {
            assert!(granted.contains(&metric), "{granted:?}");
        }
        assert!(granted.contains(&("SlotHoldTime", 40.0)), "{granted:?}");
    }

    #[test]
    fn leases_that_ended_are_counted_by_who_decided() {
        let held = Held { taken_over: 2, lost: true, ..held(ReleaseOutcome::Released) };
        let count = Ok(Admitted { value: Ok(3), held });
        let ended = [("LeasesTakenOver", 2.0), ("LeasesLost", 1.0)];
        let here = of(&count, BackendKind::Table);
        assert!(ended.iter().all(|metric| here.contains(metric)), "{here:?}");
        assert_eq!(of(&count, BackendKind::Counter), [("SlotHoldTime", 40.0)]);
    }

    #[test]
    fn a_request_on_a_kept_slot_was_decided_by_nobody() {
        let warm = |renewed| {
            let woken = Some(Woken { renewed, replaced: false });
            let held = Held { woken, taken_over: 2, ..held(ReleaseOutcome::Kept) };
            Ok(Admitted { value: Ok(3), held })
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
            Err(AdmissionError::Rejected(Refused { reason, retry_after, in_use, max_connections }))
        };
        let late = Held { taken_over: 1, lost: true, ..held(ReleaseOutcome::LeftToLapse) };
        let woken = Some(Woken { renewed: true, replaced: false });
        let warm = Held { woken, ..held(ReleaseOutcome::Kept) };
        let source = BackendError::Throttled { source: "Rate Exceeded".into() };
        vec![
            Ok(admitted(Ok(3), ReleaseOutcome::Released)),
            Ok(Admitted { value: Ok(3), held: late }),
            Ok(Admitted { value: Ok(3), held: warm }),
            Ok(admitted(refused_by_server(1203), ReleaseOutcome::Failed(None))),
            Ok(admitted(refused_by_server(1129), ReleaseOutcome::Released)),
            refused(Reason::Full),
            refused(Reason::Throttled),
            refused(Reason::Draining),
            Err(AdmissionError::Unavailable { source }),
        ]
    }

    /// What they measure.
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
