//! The flood: users that send requests, run by goose.

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

/// The most bytes that are read of an answer. The service's are far smaller, another host's may not be.
const BODY: usize = 64 * 1024;
/// Seconds over which the users start. Users that start at the same instant would retry at the same instant all the time.
const START_TIME: f64 = 0.5;
/// The pause of a user after a request without an answer, so that a dead host causes no busy loop.
const NO_ANSWER: Duration = Duration::from_millis(100);
/// The longest sleep between two checks for an interrupt.
const MAX_SLEEP: Duration = Duration::from_millis(250);
/// The pause of a user without a request.
const IDLE_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Flood {
    pub(crate) url: Url,
    pub(crate) shape: Shape,
    /// Missing in a closed loop.
    pub(crate) arrivals: Option<Arc<Arrivals>>,
    /// Concurrent users at the peak of the load.
    pub(crate) users: u32,
    /// How long users start requests.
    pub(crate) duration: Duration,
    /// The timeout of a request.
    pub(crate) timeout: Duration,
    pub(crate) retries: Retries,
    /// The file for goose's HTML report.
    pub(crate) report: Option<PathBuf>,
    pub(crate) interrupt: Interrupt,
}

impl Flood {
    /// Floods, and returns when every request has its answer.
    ///
    /// Goose ends its run a moment after [`Flood::duration`], because it counts from the last user's start. Users start no
    /// request in that moment, and goose waits for those in flight: none is cut off.
    pub(crate) async fn run(self, tally: Arc<Tally>) -> Result<(), Box<GooseError>> {
        let configuration = self.configuration();
        let client = GooseClientBuilder::new()
            .without_cookies()
            .timeout(self.timeout)
            .user_agent(concat!("loadtest/", env!("CARGO_PKG_VERSION")));
        let flood = Arc::new(self);
        let transaction: goose::goose::TransactionFunction = Arc::new(move |user| {
            let (flood, tally) = (flood.clone(), tally.clone());
            Box::pin(async move { flood.turn(user, &tally).await })
        });
        let scenario = scenario!("Employees").register_transaction(Transaction::new(transaction));
        let attack = GooseAttack::initialize_with_config(configuration)?
            .set_client_builder_without_cookies(client)?
            .register_scenario(scenario);
        // On the heap, because goose's future is large.
        Box::pin(attack.execute()).await?;
        Ok(())
    }

    /// Goose without output: this crate prints its own numbers.
    fn configuration(&self) -> GooseConfiguration {
        let mut configuration = GooseConfiguration::default();
        configuration.host = Some(self.url.to_string());
        configuration.users = usize::try_from(self.users).ok();
        configuration.increase_rate = Some(format!("{:.2}", f64::from(self.users) / START_TIME));
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

    /// One transaction of a user: waits until a request is due, sends it, and pauses as the answer demands.
    async fn turn(&self, user: &mut GooseUser, tally: &Tally) -> TransactionResult {
        let start = tally.start(Instant::now());
        let end = start + self.duration;
        let Some(due) = self.due(user.weighted_users_index, start).await else {
            tokio::time::sleep(IDLE_PAUSE).await;
            return Ok(());
        };
        let client = self.client(user.weighted_users_index);
        tally.begin(due, Instant::now());
        let (status, judgement) = match self.fetch(user).await {
            Ok(fetched) => fetched,
            Err(NotSent(lacked)) => {
                tally.withdraw(due, lacked);
                self.sleep_until(end.min(Instant::now() + NO_ANSWER)).await;
                return Ok(());
            }
        };
        let took = due.elapsed();
        tally.end(client, &judgement.outcome, took, Instant::now());
        record(user, status, &judgement.outcome, took).await?;
        let pause = match judgement.retry_after {
            Some(wait) if self.waits(client) => wait,
            None if status.is_none() => NO_ANSWER,
            _ => Duration::ZERO,
        };
        self.sleep_until(end.min(Instant::now() + pause)).await;
        Ok(())
    }

    /// Waits until the user's next request is due; `None` when there is none now.
    async fn due(&self, user: usize, start: Instant) -> Option<Instant> {
        if self.interrupt.is_set() {
            return None;
        }
        if let Some(arrivals) = &self.arrivals {
            let due = start + arrivals.next()?;
            self.sleep_until(due).await;
            return (!self.interrupt.is_set()).then_some(due);
        }
        let now = Instant::now();
        let height = self.shape.height(now.duration_since(start), self.duration);
        let user = f64::from(u32::try_from(user).unwrap_or(u32::MAX));
        (user < height * f64::from(self.users)).then_some(now)
    }

    fn client(&self, user: usize) -> Client {
        match self.retries {
            Retries::Honoured | Retries::None => Client::Patient,
            Retries::Mixed if user.is_multiple_of(2) => Client::Patient,
            Retries::Mixed | Retries::Ignored => Client::Impatient,
        }
    }

    /// Whether a client waits for `Retry-After`. With open arrivals, the user's next request is another client's.
    fn waits(&self, client: Client) -> bool {
        client == Client::Patient && self.retries != Retries::None
    }

    /// Sends the request and judges the answer; without an answer, the status is missing.
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

    /// Sleeps until then or until an interrupt.
    async fn sleep_until(&self, until: Instant) {
        while !self.interrupt.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(MAX_SLEEP)).await;
        }
    }
}

/// A request that could not be sent, because this machine lacked something.
struct NotSent(&'static str);

/// Reads an answer with up to [`BODY`] bytes of its body.
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

/// Records an answer by its kind for goose's report. Goose's `request` would report every rejection as an error, because
/// it judges by the status.
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
