//! The query behind API Gateway.

use std::str::FromStr;
use std::time::Duration;

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::lambda_runtime;
use lambda_http::request::LambdaRequest;
use lambda_http::{Error, LambdaEvent, service_fn};
use rds_admission::backend::BackendKind;
use rds_admission::client::{Admission, AdmissionError, ReleaseOutcome, Reported, SlotReport};
use rds_admission::telemetry::{Panicked, catch_panic, chain};
use rds_admission::time::{Deadline, Seconds};
use thiserror::Error as ThisError;

use crate::answer::{Answer, Problem};
use crate::event::{Asked, told};
use crate::metrics::{cut_off, metrics};
use crate::{Employees, Failure, Route};

/// How long a request may hold the database by `HOLD_SECONDS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hold(Duration);

/// A text that is no [`Hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("must be a number of seconds from 0 to {}", MAX_HOLD.0)]
pub struct InvalidHold;

/// What API Gateway waits at the most
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
const MAX_HOLD: Seconds = Seconds(29);

impl FromStr for Hold {
    type Err = InvalidHold;

    fn from_str(text: &str) -> Result<Self, InvalidHold> {
        let hold = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        hold.filter(|hold| *hold <= Duration::from(MAX_HOLD)).map(Self).ok_or(InvalidHold)
    }
}

impl From<Hold> for Duration {
    fn from(hold: Hold) -> Self {
        hold.0
    }
}

/// Serves invocations until Lambda ends the instance. Says so at once when admission is bypassed.
///
/// # Errors
/// When the Runtime API can't be reached.
pub async fn run(employees: Employees) -> Result<(), Error> {
    let employees = &employees;
    if employees.admission().backend() == BackendKind::Bypass {
        tracing::warn!(
            admission = BYPASS,
            "admission is bypassed: nothing keeps the database from running out of connections. \
             ADMISSION=on brings it back"
        );
    }
    // Boxed: the nested futures of the SDKs are deeper than the compiler follows by default.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(employees, event)))).await
}

/// One invocation, and the one line that is logged of it: all of the function but the Runtime API.
///
/// # Errors
/// When the event is not one of API Gateway's.
pub async fn invocation(
    employees: &Employees,
    event: LambdaEvent<LambdaRequest>,
) -> Result<ApiGatewayProxyResponse, Error> {
    let LambdaEvent { payload, context } = event;
    let request_id = context.request_id.as_str();
    let asked = Asked::read(payload).ok_or("the event is not one of API Gateway's")?;
    let answer = match asked.route() {
        Route::Employees => {
            let deadline = Deadline::at_epoch_ms(context.deadline);
            match catch_panic(employees.count(deadline)).await {
                Ok(count) => {
                    let answer = Answer::of(&count.result);
                    log(request_id, answer.outcome(), &count, employees.admission());
                    answer
                }
                Err(panicked) => broke_down(request_id, &panicked, employees.admission()),
            }
        }
        Route::NotFound => no_such(request_id, Problem::NotFound),
        Route::MethodNotAllowed => no_such(request_id, Problem::MethodNotAllowed),
    };
    Ok(told(answer.response(&asked.headers)?))
}

/// A request that panicked. Its slot is back already: [`count`](Employees::count) gives it back first.
fn broke_down(request_id: &str, panicked: &Panicked, by: &Admission) -> Answer {
    let admission = (by.backend() == BackendKind::Bypass).then_some(BYPASS);
    let (outcome, cause) = (Panicked::OUTCOME, panicked.to_string());
    let metrics = cut_off(by);
    tracing::error!(request_id, admission, outcome, cause, %metrics, "request");
    Answer::Problem(Problem::Internal)
}

fn no_such(request_id: &str, problem: Problem) -> Answer {
    tracing::info!(request_id, outcome = problem.slug(), "request");
    Answer::Problem(problem)
}

/// What a log line says of a request that took no slot, because admission is bypassed.
const BYPASS: &str = "bypass";

/// Logs a request; as a warning when admission is bypassed, so that nobody forgets it.
macro_rules! log_request {
    ($bypassed:expr, $($field:tt)*) => {
        if $bypassed {
            tracing::warn!(admission = BYPASS, $($field)*, "request");
        } else {
            tracing::info!($($field)*, "request");
        }
    };
}

fn log(
    request_id: &str,
    outcome: &'static str,
    count: &Reported<u64, Failure>,
    admission: &Admission,
) {
    let bypassed = admission.backend() == BackendKind::Bypass;
    let metrics = metrics(admission.pool(), count, admission.backend());
    let cause = match &count.result {
        Ok(_) | Err(Failure::Admission(AdmissionError::Rejected(_))) => None,
        Err(Failure::Admission(AdmissionError::OutOfTime { phase })) => {
            Some(format!("out of time in phase {phase:?}"))
        }
        Err(failure) => Some(chain(failure)),
    };
    let Some(slot) = &count.slot else {
        log_request!(bypassed, request_id, outcome, cause, %metrics);
        return;
    };
    let SlotReport { granted, acquire, refusals, work, release, outcome: released, woken, .. } =
        slot;
    let release_failure = match released {
        ReleaseOutcome::Failed(Some(error)) => Some(chain(&**error)),
        _ => None,
    };
    log_request!(
        bypassed,
        request_id,
        outcome,
        cause,
        lease = granted.lease.as_str(),
        acquire_ms = millis(*acquire),
        refusals,
        warm = woken.is_some(),
        renewed = woken.is_some_and(|woken| woken.renewed),
        replaced = woken.is_some_and(|woken| woken.replaced),
        work_ms = millis(*work),
        release_ms = millis(*release),
        given_back = released.as_str(),
        release_failure,
        // The grant of a kept slot is out of date.
        in_use = woken.is_none().then_some(granted.in_use),
        max_connections = woken.is_none().then_some(granted.max_connections),
        %metrics
    );
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_a_number_of_seconds_within_what_a_client_waits() {
        assert_eq!("0".parse(), Ok(Hold(Duration::ZERO)));
        assert_eq!("2.5".parse(), Ok(Hold(Duration::from_millis(2_500))));
        for text in ["", "-1", "29.1", "x", "NaN", "inf", "1e99"] {
            assert_eq!(text.parse::<Hold>(), Err(InvalidHold), "{text}");
        }
    }
}
