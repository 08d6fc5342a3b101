//! The execution host: runs an event on an idle or new instance of a function.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::catalog::{Catalog, Function};
use super::environment::Settings;
use super::fleet::Fleet;
use super::instance::{Instance, InstanceInfo, Invocation, RunResult};
use super::outcome::{Interruption, InterruptionCounts, Interruptions, Outcome, Refusal};
use crate::aws::Aws;

/// How long an idle instance is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// The interval of ending idle instances.
const SWEEP: Duration = Duration::from_secs(30);
/// How many processes may start at once. On this machine, unlike on Lambda, a start slows down running instances: with
/// several at once, a burst of requests would cause ever more starts. A waiting invocation uses an instance that becomes
/// idle meanwhile.
const STARTS: usize = 1;

/// The time of an event from MiniStack, whose timeout starts there, to here.
const FORWARDING: Duration = Duration::from_millis(250);

/// Options of a [`Host`].
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The URL of the Lambda API that has the functions (MiniStack).
    pub lambda_api: String,
    /// The URL of the AWS APIs for the functions (the front door).
    pub aws_endpoint: String,
    /// The URL below which each instance has its Runtime API, at its id.
    pub runtime_api: String,
    /// A folder for the functions' code.
    pub code: PathBuf,
    /// A folder for the instances' logs.
    pub logs: PathBuf,
}

/// An event for a function.
#[derive(Clone, Debug)]
pub struct Event {
    /// The payload, JSON.
    pub payload: Bytes,
    /// The caller's X-Ray trace.
    pub trace_id: Option<String>,
}

/// Runs functions as AWS Lambda does. Clones share the instances.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

struct Shared {
    catalog: Arc<Catalog>,
    fleet: Arc<Fleet>,
    settings: Settings,
    logs: PathBuf,
    starts: Arc<Semaphore>,
    interruptions: InterruptionCounts,
    closed: AtomicBool,
}

impl Host {
    /// Creates a host without instances.
    ///
    /// # Errors
    /// When the folders can't be created.
    pub fn new(options: HostOptions) -> Result<Self> {
        for folder in [&options.code, &options.logs] {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let code = fs::canonicalize(&options.code).context("resolving the code's folder")?;
        let fleet = Arc::new(Fleet::default());
        tokio::spawn(sweep(Arc::downgrade(&fleet)));
        Ok(Self {
            shared: Arc::new(Shared {
                catalog: Arc::new(Catalog::new(Aws::new(options.lambda_api), code)),
                fleet,
                settings: Settings {
                    runtime_api: options.runtime_api,
                    aws_endpoint: options.aws_endpoint,
                },
                logs: options.logs,
                starts: Arc::new(Semaphore::new(STARTS)),
                interruptions: InterruptionCounts::default(),
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// Runs `function` with `event`. As on AWS, the invocation continues when this future is dropped.
    ///
    /// # Errors
    /// When there was no invocation. A failed function is an [`Outcome`].
    pub async fn invoke(&self, function: &str, event: Event) -> Result<Outcome, Refusal> {
        let (shared, function) = (Arc::clone(&self.shared), function.to_owned());
        let (listening, caller) = watch::channel(());
        let done =
            tokio::spawn(async move { shared.invoke(&function, event, &caller).await }).await;
        drop(listening);
        done.unwrap_or_else(|error| Err(Refusal::Host(error.into())))
    }

    /// Fetches the record of a changed function before its next invocation. Its old instances are not used any more.
    pub fn invalidate(&self, function: &str) {
        self.shared.catalog.invalidate(function);
    }

    /// Whether there is such a function.
    pub(crate) async fn has(&self, function: &str) -> bool {
        matches!(self.shared.catalog.get(function).await, Ok(Some(_)))
    }

    /// All living instances.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.shared.fleet.list()
    }

    /// Refuses further starts, kills all instances and waits for their end.
    pub async fn close(&self) {
        self.abandon();
        self.shared.fleet.ended().await;
    }

    /// As [`close`](Self::close), without waiting.
    pub(crate) fn abandon(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.fleet.kill_all();
    }

    /// The interrupted invocations of each function.
    pub(crate) fn interruptions(&self) -> BTreeMap<String, Interruptions> {
        self.shared.interruptions.all()
    }

    /// The living instance with this id.
    pub(crate) fn instance(&self, id: &str) -> Option<Arc<Instance>> {
        self.shared.fleet.find(id)
    }
}

/// Where an invocation can run.
enum Placement {
    Idle(Arc<Instance>),
    /// On a new instance, which may start with this permit.
    New(OwnedSemaphorePermit),
}

impl Shared {
    async fn invoke(
        &self,
        name: &str,
        event: Event,
        caller: &watch::Receiver<()>,
    ) -> Result<Outcome, Refusal> {
        let function =
            self.catalog.get(name).await.map_err(Refusal::Host)?.ok_or(Refusal::UnknownFunction)?;
        let _claim = self.fleet.claim(&function).ok_or(Refusal::Throttled)?;
        let caller_timeout = function.record.timeout().saturating_sub(FORWARDING);
        let begun = Instant::now();
        let ran = self.carry_out(function, event).await?;
        let interruption = match &ran {
            RunResult::Interrupted(why, _) => Some(*why),
            // The caller has left, or is about to.
            _ if caller.has_changed().is_err() || begun.elapsed() >= caller_timeout => {
                Some(Interruption::Late)
            }
            _ => None,
        };
        if let Some(why) = interruption {
            self.interruptions.count(name, why);
        }
        let (RunResult::Done(outcome)
        | RunResult::Interrupted(_, outcome)
        | RunResult::NotTaken(outcome)) = ran;
        Ok(outcome)
    }

    async fn carry_out(&self, function: Arc<Function>, event: Event) -> Result<RunResult, Refusal> {
        let invocation = Arc::new(Invocation {
            request_id: Uuid::new_v4().to_string(),
            payload: event.payload,
            trace_id: event.trace_id,
        });
        loop {
            match self.place(&function).await? {
                Placement::Idle(instance) => match self.run(instance, &invocation).await {
                    // It ended before it took the invocation: try another one.
                    RunResult::NotTaken(_) => {}
                    ran => return Ok(ran),
                },
                Placement::New(permit) => {
                    let instance = self.start(function, permit).map_err(Refusal::Host)?;
                    return Ok(self.run(instance, &invocation).await);
                }
            }
        }
    }

    /// Waits for an idle instance or for a permit to start one, whichever comes first.
    async fn place(&self, function: &Function) -> Result<Placement, Refusal> {
        let permit = Arc::clone(&self.starts).acquire_owned();
        tokio::pin!(permit);
        loop {
            if let Some(instance) = self.fleet.take_idle(function) {
                return Ok(Placement::Idle(instance));
            }
            tokio::select! {
                () = self.fleet.freed(function) => {}
                permit = &mut permit => {
                    let permit = permit.context("the host is closing").map_err(Refusal::Host)?;
                    return Ok(Placement::New(permit));
                }
            }
        }
    }

    async fn run(&self, instance: Arc<Instance>, invocation: &Arc<Invocation>) -> RunResult {
        let ran = instance.run(invocation).await;
        if instance.is_reusable() {
            self.fleet.return_idle(instance);
        }
        ran
    }

    fn start(
        &self,
        function: Arc<Function>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Arc<Instance>> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(anyhow!("the host is closing"));
        }
        let id = Uuid::new_v4().simple().to_string();
        let logs = self.logs.join(function.record.name());
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let log = logs.join(format!("{id}.log"));
        let start = || Instance::start(id, function, &self.settings, &log, permit);
        let instance = self.fleet.add(start)?;
        if self.closed.load(Ordering::SeqCst) {
            instance.kill();
        }
        Ok(instance)
    }
}

async fn sweep(fleet: std::sync::Weak<Fleet>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let Some(fleet) = fleet.upgrade() else { return };
        fleet.end_idle(IDLE_LIMIT);
    }
}
