//! What a step of a rotation measures of its slot.

use rds_admission::backend::BackendKind;
use rds_admission::client::{AdmissionError, Admitted};
use rds_admission::pool::PoolName;
use rds_admission::session::Refusal;
use rds_admission::telemetry::Metrics;

use super::{AccountError, Done, RotateError};

/// What became of a step that wanted a slot.
type Came = Result<Admitted<Result<Done, RotateError>>, AdmissionError>;

/// What a step measures under `pool`. A process that decides itself counts its decisions
/// too, which otherwise stand in the counter's log.
pub(super) fn metrics(pool: &PoolName, came: &Came, backend: BackendKind) -> Metrics {
    let metrics = Metrics::new(pool.clone()).refused(refusal(came));
    let metrics = if backend == BackendKind::Table { metrics.decided(came) } else { metrics };
    metrics.wanted(came)
}

fn refusal(came: &Came) -> Option<Refusal> {
    match came {
        Ok(Admitted { value: Err(RotateError::Account(AccountError::Login(error))), .. }) => {
            error.refusal()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mysql_async::{Error, ServerError};
    use rds_admission::backend::BackendError;
    use rds_admission::client::{Held, Phase, ReleaseOutcome};
    use rds_admission::session::SessionError;
    use rds_admission::telemetry::Metric;
    use rds_admission::wire::{Reason, Refused};

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

    fn held(given_back: ReleaseOutcome) -> Held {
        Held {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            acquire: Duration::from_millis(25),
            decision: Duration::from_millis(20),
            refusals: 0,
            work: Duration::from_millis(30),
            release: Duration::from_millis(10),
            given_back,
            in_use: 31,
            max_connections: 62,
            taken_over: 2,
            woken: None,
            lost: false,
        }
    }

    fn under_a_slot(
        value: Result<Done, RotateError>,
        given_back: ReleaseOutcome,
    ) -> Admitted<Result<Done, RotateError>> {
        Admitted { value, held: held(given_back) }
    }

    fn refused_with(code: u16) -> RotateError {
        let said = ServerError { code, message: String::new(), state: "08004".to_owned() };
        let session = SessionError::Connect { source: Error::Server(said) };
        AccountError::Login(session).into()
    }

    /// What is measured, by names, in the list's order.
    fn of(came: &Came, backend: BackendKind) -> Vec<(&'static str, f64)> {
        let metrics = metrics(&"Prod_MySQL".parse().expect("a name"), came, backend);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    /// The same, in any order.
    fn sorted(mut metrics: Vec<(&'static str, f64)>) -> Vec<(&'static str, f64)> {
        metrics.sort_by_key(|(name, _)| *name);
        metrics
    }

    #[test]
    fn a_slot_is_held_from_its_grant_until_it_is_back() {
        assert_eq!(
            of(&Ok(under_a_slot(Ok(Done::Now), ReleaseOutcome::Released)), BackendKind::Counter),
            [TIME]
        );
        let failed = [TIME, ("ReleaseFailures", 1.0)];
        for result in [Ok(Done::Before), Err(RotateError::NobodyLetIn)] {
            assert_eq!(
                of(&Ok(under_a_slot(result, ReleaseOutcome::Failed(None))), BackendKind::Counter),
                failed
            );
        }
        let held = Some(held(ReleaseOutcome::Failed(None)));
        let late = AdmissionError::OutOfTime { phase: Phase::Work, held };
        assert_eq!(of(&Err(late), BackendKind::Counter), failed);
    }

    #[test]
    fn the_servers_own_refusal_is_counted() {
        let full = Ok(under_a_slot(Err(refused_with(1040)), ReleaseOutcome::Released));
        assert_eq!(of(&full, BackendKind::Counter), [TIME, ("TooManyConnections", 1.0)]);
        let blocked = Ok(under_a_slot(Err(refused_with(1129)), ReleaseOutcome::Released));
        assert_eq!(of(&blocked, BackendKind::Counter), [TIME, ("HostBlocked", 1.0)]);
        let denied = Ok(under_a_slot(Err(refused_with(1045)), ReleaseOutcome::Released));
        assert_eq!(of(&denied, BackendKind::Counter), [TIME]);
    }

    #[test]
    fn a_refusal_is_the_deciders_and_silence_is_ours() {
        let refused = || Refused {
            reason: Reason::Full,
            retry_after: Duration::from_secs(1),
            in_use: Some(31),
            max_connections: Some(62),
        };
        assert_eq!(of(&Err(AdmissionError::Rejected(refused())), BackendKind::Counter), []);
        let here = of(&Err(AdmissionError::Rejected(refused())), BackendKind::Table);
        assert_eq!(here, [&[("RejectedFull", 1.0)], &GRANTED[3..]].concat());
        for backend in [BackendKind::Counter, BackendKind::Table] {
            let source = BackendError::Throttled { source: "Rate Exceeded".into() };
            let late = AdmissionError::OutOfTime { phase: Phase::Acquire, held: None };
            for silence in [AdmissionError::Unavailable { source }, late] {
                assert_eq!(of(&Err(silence), backend), [("AdmissionUnavailable", 1.0)]);
            }
        }
    }

    #[test]
    fn who_decides_itself_measures_what_the_counter_would_have() {
        let here = |given_back| {
            sorted(of(&Ok(under_a_slot(Ok(Done::Now), given_back)), BackendKind::Table))
        };
        let released = [&GRANTED[..], &[("SlotsReleased", 1.0), TIME]].concat();
        assert_eq!(here(ReleaseOutcome::Released), sorted(released));
        let lapses = [&GRANTED[..], &[TIME]].concat();
        assert_eq!(here(ReleaseOutcome::LeftToLapse), sorted(lapses));
    }
}
