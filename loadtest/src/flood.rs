//! The flood: users in a closed loop, run by goose.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goose::{
    client::GooseClientBuilder, config::GooseConfiguration, is_killswitch_triggered, prelude::*,
};
use reqwest::{Response, Url};

use crate::{
    outcome::{self, Judgement, Outcome},
    tally::Tally,
};

/// Bytes read of an answer; the service's are far smaller, another host's may not be.
const BODY: usize = 64 * 1024;
/// The part of the run in which the users come, one after the other.
const RAMP: f64 = 1.0 / 6.0;
/// Pause of a user whose request got no answer, so that a dead host is not met with a busy loop.
const NO_ANSWER: Duration = Duration::from_millis(100);
/// Longest sleep without a look at whether the run was interrupted.
const NAP: Duration = Duration::from_millis(250);

/// How to flood.
pub struct Flood {
    /// The resource asked for.
    pub url: Url,
    /// Users asking at the same time.
    pub users: u32,
    /// How long users start requests, from the first on.
    pub duration: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// Whether a user stays away as long as a 503's `Retry-After` says.
    pub honour_retry_after: bool,
    /// Where goose writes its HTML report.
    pub report: Option<PathBuf>,
}

impl Flood {
    /// Floods, and returns when every request has its answer. Says whether it was interrupted.
    ///
    /// Goose's own run ends a moment after [`Flood::duration`], since it counts from the last
    /// user's start. Users start no request in that moment; goose then waits for those in flight,
    /// so none is cut off.
    ///
    /// # Errors
    /// What goose says when it cannot run, or cannot write its report.
    pub async fn run(self, tally: Arc<Tally>) -> Result<bool, Box<GooseError>> {
        let configuration = self.configuration();
        let client = GooseClientBuilder::new()
            .without_cookies()
            .timeout(self.timeout)
            .user_agent(concat!("loadtest/", env!("CARGO_PKG_VERSION")));
        let flood = Arc::new(self);
        let ask: goose::goose::TransactionFunction = Arc::new(move |user| {
            let (flood, tally) = (flood.clone(), tally.clone());
            Box::pin(async move { flood.ask(user, &tally).await })
        });
        let scenario = scenario!("Employees").register_transaction(Transaction::new(ask));
        let attack = GooseAttack::initialize_with_config(configuration)?
            .set_client_builder_without_cookies(client)?
            .register_scenario(scenario);
        // Goose's future is large; on the heap it does not weigh on every caller's.
        Box::pin(attack.execute()).await?;
        Ok(is_killswitch_triggered())
    }

    /// Goose, quiet: this crate shows its own numbers.
    fn configuration(&self) -> GooseConfiguration {
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some(self.url.to_string());
        configuration.users = usize::try_from(self.users).ok();
        let ramp = self.duration.as_secs_f64() * RAMP;
        configuration.increase_rate = Some(format!("{:.2}", f64::from(self.users) / ramp));
        configuration.run_time = Some(self.duration.as_secs().to_string());
        configuration.quiet = 1;
        configuration.no_print_metrics = true;
        configuration.no_reset_metrics = true;
        configuration.no_transaction_metrics = true;
        configuration.no_scenario_metrics = true;
        configuration.no_telnet = true;
        configuration.report_file =
            self.report.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        configuration
    }

    /// One turn of a user: ask, count the answer, stay away as long as that calls for.
    async fn ask(&self, user: &mut GooseUser, tally: &Tally) -> TransactionResult {
        let start = Instant::now();
        let deadline = tally.first(start) + self.duration;
        if start >= deadline {
            tokio::time::sleep(NAP).await;
            return Ok(());
        }
        tally.begin(start);
        let answer = self.fetch(user).await;
        let took = start.elapsed();
        let (status, judgement) = answer;
        tally.end(&judgement.outcome, took, Instant::now());
        record(user, status, &judgement.outcome, took).await?;
        let pause = match judgement.retry_after {
            Some(wait) if self.honour_retry_after => wait,
            None if status.is_none() => NO_ANSWER,
            _ => Duration::ZERO,
        };
        stay_away(pause, deadline).await;
        Ok(())
    }

    /// Sends the request and judges what comes back; the status is missing when nothing did.
    async fn fetch(&self, user: &GooseUser) -> (Option<u16>, Judgement) {
        let request = match user.get_request_builder(&GooseMethod::Get, self.url.as_str()) {
            Ok(request) => request,
            Err(error) => {
                return (None, outcome::no_answer("request not built", &error.to_string()));
            }
        };
        match answer(request.send().await).await {
            Ok((response, body)) => {
                let body = String::from_utf8_lossy(&body);
                let judgement =
                    outcome::judge(response.status(), response.headers(), &body, SystemTime::now());
                (Some(response.status().as_u16()), judgement)
            }
            Err(error) => {
                let reason = if error.is_timeout() {
                    "no answer in time"
                } else if error.is_connect() {
                    "could not connect"
                } else {
                    "connection lost"
                };
                (None, outcome::no_answer(reason, &crate::show::chain(&error.without_url())))
            }
        }
    }
}

/// Reads the body of an answer, up to [`BODY`] bytes.
async fn answer(
    sent: Result<Response, reqwest::Error>,
) -> Result<(Response, Vec<u8>), reqwest::Error> {
    let mut response = sent?;
    let mut body = Vec::new();
    while body.len() < BODY {
        match response.chunk().await? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok((response, body))
}

/// Tells goose, for its report: a line for each kind of answer. Goose's own `request` would list
/// every rejection as an error, since it judges by the status alone.
async fn record(
    user: &mut GooseUser,
    status: Option<u16>,
    outcome: &Outcome,
    took: Duration,
) -> TransactionResult {
    let (name, error) = match outcome {
        Outcome::Admitted => ("employees: admitted", None),
        Outcome::Rejected => ("employees: rejected", None),
        Outcome::Broken(broken) => ("employees: broken", Some(broken.reason.as_str())),
    };
    user.record_custom_request_duration("GET", name, took, error.is_none(), status, error).await
}

/// Sleeps, but not past the deadline nor long past an interrupt.
async fn stay_away(pause: Duration, deadline: Instant) {
    let end = deadline.min(Instant::now() + pause);
    while !is_killswitch_triggered() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(NAP)).await;
    }
}
