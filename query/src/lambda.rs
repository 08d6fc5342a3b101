//! Lambda handler: serves API Gateway events and logs one line for each.

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
use crate::event::{HttpRequest, Route, into_response};
use crate::metrics::{metrics, metrics_of_panic};
use crate::{Employees, Failure};

/// How long each request holds its connection in addition (`HOLD_SECONDS`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hold(Duration);

/// A text that is not a valid [`Hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("must be a number of seconds from 0 to {}", MAX_HOLD.0)]
pub struct InvalidHold;

/// Longest time that API Gateway waits for a function
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

/// Serves invocations until Lambda ends the instance. Logs a warning first when admission is bypassed.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn run(employees: Employees) -> Result<(), Error> {
    let employees = &employees;
    if employees.admission().backend() == BackendKind::Bypass {
        tracing::warn!(
            admission = BYPASS,
            "admission is bypassed: the database can run out of connections. \
             Set ADMISSION=on to restore it"
        );
    }
    // Boxed: the nested futures of the SDKs are deeper than the compiler follows by default.
    lambda_runtime::run(service_fn(move |event| Box::pin(invocation(employees, event)))).await
}

/// Handles one invocation and logs one line.
///
/// # Errors
/// When the event is not an API Gateway event.
pub async fn invocation(
    employees: &Employees,
    event: LambdaEvent<LambdaRequest>,
) -> Result<ApiGatewayProxyResponse, Error> {
    let LambdaEvent { payload, context } = event;
    let request_id = context.request_id.as_str();
    let request =
        HttpRequest::from_event(payload).ok_or("the event is not an API Gateway event")?;
    let answer = match request.route() {
        Route::Employees => {
            let deadline = Deadline::at_epoch_ms(context.deadline);
            match catch_panic(employees.count(deadline)).await {
                Ok(count) => {
                    let answer = Answer::of(&count.result);
                    log(request_id, answer.outcome(), &count, employees.admission());
                    answer
                }
                Err(panicked) => respond_to_panic(request_id, &panicked, employees.admission()),
            }
        }
        Route::NotFound => respond_without_work(request_id, Problem::NotFound),
        Route::MethodNotAllowed => respond_without_work(request_id, Problem::MethodNotAllowed),
    };
    Ok(into_response(answer.response(&request.headers)?))
}

/// Logs and answers a request that panicked. [`Employees::count`] has released its slot before.
fn respond_to_panic(request_id: &str, panicked: &Panicked, admission: &Admission) -> Answer {
    let metrics = metrics_of_panic(admission);
    let admission = (admission.backend() == BackendKind::Bypass).then_some(BYPASS);
    let (outcome, cause) = (Panicked::OUTCOME, panicked.to_string());
    tracing::error!(request_id, admission, outcome, cause, %metrics, "request");
    Answer::Problem(Problem::Internal)
}

/// Logs and answers a request for an unknown path or method.
fn respond_without_work(request_id: &str, problem: Problem) -> Answer {
    tracing::info!(request_id, outcome = problem.slug(), "request");
    Answer::Problem(problem)
}

/// Log field `admission` of a request without a slot, because admission is bypassed.
const BYPASS: &str = "bypass";

/// Logs a request, at level WARN while admission is bypassed.
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
    let SlotReport {
        granted, acquire, refusals, work, release, outcome: released, resumed, ..
    } = slot;
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
        warm = resumed.is_some(),
        renewed = resumed.is_some_and(|resumed| resumed.renewed),
        replaced = resumed.is_some_and(|resumed| resumed.replaced),
        work_ms = millis(*work),
        release_ms = millis(*release),
        given_back = released.as_str(),
        release_failure,
        // The grant of a kept slot is out of date.
        in_use = resumed.is_none().then_some(granted.in_use),
        max_connections = resumed.is_none().then_some(granted.max_connections),
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
