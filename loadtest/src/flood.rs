//! The flood: users that ask, run by goose.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goose::{client::GooseClientBuilder, config::GooseConfiguration, prelude::*};
use rds_admission::telemetry::chain;
use reqwest::{Response, Url};

use crate::{
    arrivals::Arrivals,
    descriptors,
    interrupt::Interrupt,
    outcome::{self, Judgement, Outcome},
    report::Retries,
    shape::Shape,
    tally::{Client, Tally},
};

/// Bytes read of an answer; the service's are far smaller, another host's may not be.
const BODY: usize = 64 * 1024;
/// All users are there after this part of a second; those that came at the same instant would also
/// come back at the same instant, all run long.
const COMING: f64 = 0.5;
/// Pause of a user whose request got no answer, so that a dead host is not met with a busy loop.
const NO_ANSWER: Duration = Duration::from_millis(100);
/// Longest sleep without a look at whether the run was interrupted.
const NAP: Duration = Duration::from_millis(250);
/// Time between two looks of a user whose turn has not come.
const LOOK: Duration = Duration::from_millis(50);

/// How to flood.
pub struct Flood {
    /// The resource asked for.
    pub url: Url,
    /// How the load changes over the run.
    pub shape: Shape,
    /// When requests are due that wait for nobody; in a closed loop there are none.
    pub arrivals: Option<Arc<Arrivals>>,
    /// Users asking at the same time, at the load's height.
    pub users: u32,
    /// How long users start requests, from the run's beginning on.
    pub duration: Duration,
    /// How long one request may take.
    pub timeout: Duration,
    /// What users do after a 503 with `Retry-After`.
    pub retries: Retries,
    /// Where goose writes its HTML report.
    pub report: Option<PathBuf>,
    /// What ends the run before its time.
    pub interrupt: Interrupt,
}

impl Flood {
    /// Floods, and returns when every request has its answer.
    ///
    /// Goose's own run ends a moment after [`Flood::duration`], since it counts from the last
    /// user's start. Users start no request in that moment; goose then waits for those in flight,
    /// so none is cut off.
    ///
    /// # Errors
    /// What goose says when it cannot run, or cannot write its report.
    pub async fn run(self, tally: Arc<Tally>) -> Result<(), Box<GooseError>> {
        let configuration = self.configuration();
        let client = GooseClientBuilder::new()
            .without_cookies()
            .timeout(self.timeout)
            .user_agent(concat!("loadtest/", env!("CARGO_PKG_VERSION")));
        let flood = Arc::new(self);
        let ask: goose::goose::TransactionFunction = Arc::new(move |user| {
            let (flood, tally) = (flood.clone(), tally.clone());
            Box::pin(async move { flood.turn(user, &tally).await })
        });
        let scenario = scenario!("Employees").register_transaction(Transaction::new(ask));
        let attack = GooseAttack::initialize_with_config(configuration)?
            .set_client_builder_without_cookies(client)?
            .register_scenario(scenario);
        // Goose's future is large; on the heap it does not weigh on every caller's.
        Box::pin(attack.execute()).await?;
        Ok(())
    }

    /// Goose, quiet: this crate shows its own numbers.
    fn configuration(&self) -> GooseConfiguration {
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some(self.url.to_string());
        configuration.users = usize::try_from(self.users).ok();
        configuration.increase_rate = Some(format!("{:.2}", f64::from(self.users) / COMING));
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

    /// One turn of a user: wait until a request is due, make it, stay away as long as its answer
    /// calls for.
    async fn turn(&self, user: &mut GooseUser, tally: &Tally) -> TransactionResult {
        let start = tally.start(Instant::now());
        let end = start + self.duration;
        let Some(due) = self.due(user.weighted_users_index, start).await else {
            tokio::time::sleep(LOOK).await;
            return Ok(());
        };
        let client = self.client(user.weighted_users_index);
        tally.begin(due, Instant::now());
        let (status, judgement) = match self.fetch(user).await {
            Ok(fetched) => fetched,
            Err(NotSent(lacked)) => {
                tally.withdraw(due, lacked);
                self.stay_away(end.min(Instant::now() + NO_ANSWER)).await;
                return Ok(());
            }
        };
        let took = due.elapsed();
        tally.end(client, &judgement.outcome, took, Instant::now());
        record(user, status, &judgement.outcome, took).await?;
        let pause = match judgement.retry_after {
            Some(wait) if self.comes_back_later(client) => wait,
            None if status.is_none() => NO_ANSWER,
            _ => Duration::ZERO,
        };
        self.stay_away(end.min(Instant::now() + pause)).await;
        Ok(())
    }

    /// When the next request of this user is due, waiting until it is; `None` when it has none now.
    async fn due(&self, user: usize, start: Instant) -> Option<Instant> {
        if self.interrupt.is_set() {
            return None;
        }
        if let Some(arrivals) = &self.arrivals {
            let due = start + arrivals.next()?;
            self.stay_away(due).await;
            return (!self.interrupt.is_set()).then_some(due);
        }
        let now = Instant::now();
        let height = self.shape.height(now.duration_since(start), self.duration);
        let user = f64::from(u32::try_from(user).unwrap_or(u32::MAX));
        (user < height * f64::from(self.users)).then_some(now)
    }

    /// What kind of client a user is.
    fn client(&self, user: usize) -> Client {
        match self.retries {
            Retries::Honoured | Retries::None => Client::Patient,
            Retries::Mixed if user.is_multiple_of(2) => Client::Patient,
            Retries::Mixed | Retries::Ignored => Client::Impatient,
        }
    }

    /// Whether a client stays away as long as it is told. One that never comes back has no reason to:
    /// the user's next request is another client's.
    fn comes_back_later(&self, client: Client) -> bool {
        client == Client::Patient && self.retries != Retries::None
    }

    /// Sends the request and judges what comes back; the status is missing when nothing did.
    async fn fetch(&self, user: &GooseUser) -> Result<(Option<u16>, Judgement), NotSent> {
        let request = match user.get_request_builder(&GooseMethod::Get, self.url.as_str()) {
            Ok(request) => request,
            Err(error) => {
                return Ok((None, outcome::no_answer("request not built", &error.to_string())));
            }
        };
        Ok(match answer(request.send().await).await {
            Ok((response, body)) => {
                let body = String::from_utf8_lossy(&body);
                let judgement =
                    outcome::judge(response.status(), response.headers(), &body, SystemTime::now());
                (Some(response.status().as_u16()), judgement)
            }
            Err(error) => {
                if let Some(lacked) = descriptors::ran_out_of(&error) {
                    return Err(NotSent(lacked));
                }
                let reason = if error.is_timeout() {
                    "no answer in time"
                } else if error.is_connect() {
                    "could not connect"
                } else {
                    "connection lost"
                };
                (None, outcome::no_answer(reason, &chain(&error.without_url())))
            }
        })
    }

    /// Sleeps until then, but not long past an interrupt.
    async fn stay_away(&self, until: Instant) {
        while !self.interrupt.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(NAP)).await;
        }
    }
}

/// A request that this machine could not send, for lack of something.
struct NotSent(&'static str);

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
        Outcome::Rejected(_) => ("employees: rejected", None),
        Outcome::Broken(broken) => ("employees: broken", Some(broken.reason.as_str())),
    };
    user.record_custom_request_duration("GET", name, took, error.is_none(), status, error).await
}
