//! Users who send one request after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use reqwest::Client;
use reqwest::header::ACCEPT;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answer::Answer;

/// The pause of a user who was rejected. Shorter than `Retry-After`, to keep the pool under pressure.
const SOONEST: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_millis(400);

/// Longer than the gateway's timeout.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Unexpected answers kept for the report.
const SHOWN: usize = 10;

/// The answers so far.
#[derive(Default)]
pub(crate) struct Answers(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    counts: BTreeMap<String, u64>,
    unexpected: Vec<String>,
    gateway: u64,
    /// The send time of the latest admitted request.
    admitted_last: Option<Instant>,
}

impl Answers {
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// The first unexpected answers.
    pub(crate) fn unexpected(&self) -> Vec<String> {
        self.lock().unexpected.clone()
    }

    /// The gateway's own answers.
    pub(crate) fn gateway(&self) -> u64 {
        self.lock().gateway
    }

    pub(crate) fn count_of(&self, name: &str) -> u64 {
        self.lock().counts.get(name).copied().unwrap_or_default()
    }

    /// Whether a request sent after `moment` has been admitted.
    pub(crate) fn admitted_since(&self, moment: Instant) -> bool {
        self.lock().admitted_last.is_some_and(|sent| sent >= moment)
    }

    fn add(&self, sent: Instant, answer: Answer) {
        let mut inner = self.lock();
        *inner.counts.entry(answer.name()).or_default() += 1;
        match answer {
            Answer::Admitted => inner.admitted_last = inner.admitted_last.max(Some(sent)),
            Answer::Gateway(_) => inner.gateway += 1,
            Answer::Unexpected(text) if inner.unexpected.len() < SHOWN => {
                inner.unexpected.push(text);
            }
            Answer::Problem(_) | Answer::Unexpected(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running users.
pub(crate) struct Flood {
    pub(crate) answers: Arc<Answers>,
    users: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Flood {
    /// Starts users who send requests to `url`, each with a `pause` after it was admitted.
    pub(crate) fn start(url: &str, users: u32, pause: Duration) -> Self {
        let answers = Arc::new(Answers::default());
        let (stop, stopped) = watch::channel(false);
        let http = Client::builder().timeout(TIMEOUT).build().unwrap_or_default();
        let mut crowd = JoinSet::new();
        for user in 0..users {
            let (http, url, answers, stopped) =
                (http.clone(), url.to_owned(), Arc::clone(&answers), stopped.clone());
            // Half of them ask for JSON.
            crowd.spawn(async move {
                while !*stopped.borrow() {
                    let sent = Instant::now();
                    let answer = get(&http, &url, user % 2 == 0).await;
                    let admitted = answer == Answer::Admitted;
                    answers.add(sent, answer);
                    let pause =
                        if admitted { pause } else { rand::rng().random_range(SOONEST..LATEST) };
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
            });
        }
        Self { answers, users: crowd, stop }
    }

    /// Stops sending and waits for the remaining answers.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.users.join_all().await;
    }
}

async fn get(http: &Client, url: &str, json: bool) -> Answer {
    let accept = if json { "application/json" } else { "text/html" };
    let answer = async {
        let answer = http.get(url).header(ACCEPT, accept).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, answer.text().await?))
    };
    match answer.await {
        Ok((status, headers, body)) => Answer::of(json, status, &headers, &body),
        Err(error) => Answer::Unexpected(format!("no answer: {error:?}")),
    }
}
