//! What a request measures.

use rds_admission::client::{AdmissionError, Admitted};
use rds_admission::pool::PoolName;
use rds_admission::telemetry::{Metric, Metrics};

use crate::Failure;

/// What a `count` measures under `pool`. One that is not `protected` held no slot: it was let past.
pub(crate) fn measured(
    pool: &PoolName,
    count: &Result<Admitted<Result<u64, Failure>>, AdmissionError>,
    protected: bool,
) -> Metrics {
    let metrics = Metrics::new(pool.clone())
        .count(Metric::TooManyConnections, u32::from(is_too_many_connections(count)));
    if !protected {
        return metrics.count(Metric::BypassedRequests, 1);
    }
    match count {
        Ok(Admitted { held, .. }) | Err(AdmissionError::OutOfTime { held: Some(held), .. }) => {
            metrics.held(held)
        }
        Err(AdmissionError::Unavailable { .. } | AdmissionError::OutOfTime { held: None, .. }) => {
            metrics.count(Metric::AdmissionUnavailable, 1)
        }
        // The counter has counted it.
        Err(AdmissionError::Rejected(_)) => metrics,
    }
}

fn is_too_many_connections(count: &Result<Admitted<Result<u64, Failure>>, AdmissionError>) -> bool {
    matches!(count, Ok(Admitted { value: Err(Failure::Session(session)), .. })
        if session.is_too_many_connections())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mysql_async::{Error, ServerError};
    use rds_admission::client::{CounterError, GivenBack, Held, Phase};
    use rds_admission::session::SessionError;
    use rds_admission::wire::{Reason, Refused};

    use super::*;

    type Count = Result<Admitted<Result<u64, Failure>>, AdmissionError>;

    fn held(given_back: GivenBack) -> Held {
        Held {
            lease: "Zk3v9Qa1".parse().expect("an id"),
            acquire: Duration::from_millis(20),
            work: Duration::from_millis(30),
            release: Duration::from_millis(10),
            given_back,
            in_use: 1,
            max_connections: 62,
        }
    }

    fn admitted(
        value: Result<u64, Failure>,
        given_back: GivenBack,
    ) -> Admitted<Result<u64, Failure>> {
        Admitted { value, held: held(given_back) }
    }

    fn refused_by_server() -> Result<u64, Failure> {
        let said = ServerError { code: 1040, message: String::new(), state: "08004".to_owned() };
        Err(SessionError::Connect { source: Error::Server(said) }.into())
    }

    fn of(count: &Count, protected: bool) -> Vec<(&'static str, f64)> {
        let metrics = measured(&"Prod_MySQL".parse().expect("a name"), count, protected);
        let value = |metric: &Metric| Some((metric.name(), metrics.get(*metric)?));
        Metric::ALL.iter().filter_map(value).collect()
    }

    #[test]
    fn a_slot_is_held_from_its_grant_until_it_is_back() {
        let time = ("SlotHoldTime", 40.0);
        assert_eq!(of(&Ok(admitted(Ok(3), GivenBack::Released)), true), [time]);
        let late = ("ReleaseFailures", 1.0);
        assert_eq!(of(&Ok(admitted(Ok(3), GivenBack::Failed(None))), true), [time, late]);
        let held = Some(held(GivenBack::Failed(None)));
        let out_of_time = Err(AdmissionError::OutOfTime { phase: Phase::Work, held });
        assert_eq!(of(&out_of_time, true), [time, late]);
    }

    #[test]
    fn the_servers_own_refusal_is_counted() {
        let count = Ok(admitted(refused_by_server(), GivenBack::Released));
        assert_eq!(of(&count, true), [("SlotHoldTime", 40.0), ("TooManyConnections", 1.0)]);
        let past = [("TooManyConnections", 1.0), ("BypassedRequests", 1.0)];
        assert_eq!(of(&count, false), past);
    }

    #[test]
    fn a_rejection_is_the_counters_and_silence_is_ours() {
        let (reason, retry_after) = (Reason::Full, Duration::from_secs(1));
        let refused = Refused { reason, retry_after, in_use: None, max_connections: None };
        assert_eq!(of(&Err(AdmissionError::Rejected(refused)), true), []);
        let source = CounterError::Throttled { source: "Rate Exceeded".into() };
        let unavailable = [("AdmissionUnavailable", 1.0)];
        assert_eq!(of(&Err(AdmissionError::Unavailable { source }), true), unavailable);
        let late = AdmissionError::OutOfTime { phase: Phase::Acquire, held: None };
        assert_eq!(of(&Err(late), true), unavailable);
    }

    #[test]
    fn a_request_past_the_controller_held_no_slot() {
        let count = Ok(admitted(Ok(3), GivenBack::Released));
        assert_eq!(of(&count, false), [("BypassedRequests", 1.0)]);
    }
}
