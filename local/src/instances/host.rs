//! The execution host: takes an event for a function, finds or starts an instance, returns what
//! becomes of it.

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
use super::fleet::{Fleet, InstanceInfo};
use super::instance::{Instance, Invocation, Ran};
use super::interruptions::{Interruption, Interruptions, Tally};
use super::outcome::{Outcome, Refusal};
use crate::aws::Aws;

/// How long a free instance is kept.
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// How often free instances are looked after.
const SWEEP: Duration = Duration::from_secs(30);
/// How many processes may be starting at once. Lambda starts each on hardware of its own; here, every
/// start is taken from what answers. More at once than one, and a rush feeds itself: answers come more
/// slowly, so more callers find no free instance, so more start. An invocation that waits for its turn
/// takes an instance that becomes free meanwhile.
const STARTS: usize = 1;

/// What an event may take from MiniStack, whose patience begins there, to here.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// What a host is started with.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The API that knows the functions (MiniStack).
    pub lambda_api: String,
    /// The API that the functions are to call (the front door).
    pub aws_endpoint: String,
    /// The URL that the instances' Runtime APIs lie below, each at its id.
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
    /// The X-Ray trace that the call belongs to.
    pub trace_id: Option<String>,
}

/// Runs functions as AWS Lambda does. Cheap to clone; all clones are the same host.
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
    interruptions: Tally,
    closed: AtomicBool,
}

impl Host {
    /// A host without any instance yet.
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
                interruptions: Tally::default(),
                closed: AtomicBool::new(false),
            }),
        })
    }

    /// Runs `function` with `event`. As on AWS, the invocation goes on when the caller of this
    /// goes away.
    ///
    /// # Errors
    /// When the invocation did not take place. A function that fails is an [`Outcome`].
    pub async fn invoke(&self, function: &str, event: Event) -> Result<Outcome, Refusal> {
        let (shared, function) = (Arc::clone(&self.shared), function.to_owned());
        let (listening, caller) = watch::channel(());
        let done =
            tokio::spawn(async move { shared.invoke(&function, event, &caller).await }).await;
        drop(listening);
        done.unwrap_or_else(|error| Err(Refusal::Host(error.into())))
    }

    /// Asks anew what `function` is like before it runs again: it has just been changed. Instances of
    /// what it was are used no more.
    pub fn forget(&self, function: &str) {
        self.shared.catalog.forget(function);
    }

    /// Whether there is such a function, as far as can be told now.
    pub async fn knows(&self, function: &str) -> bool {
        matches!(self.shared.catalog.get(function).await, Ok(Some(_)))
    }

    /// All living instances.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceInfo> {
        self.shared.fleet.list()
    }

    /// Starts nothing any more, kills all instances and waits until they are gone.
    pub async fn close(&self) {
        self.abandon();
        self.shared.fleet.gone().await;
    }

    /// Starts nothing any more and kills all instances, without waiting.
    pub fn abandon(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.shared.fleet.kill_all();
    }

    /// How many invocations of each function ended without an answer of it.
    #[must_use]
    pub fn interruptions(&self) -> BTreeMap<String, Interruptions> {
        self.shared.interruptions.counts()
    }

    /// The living instance with this id.
    pub(crate) fn instance(&self, id: &str) -> Option<Arc<Instance>> {
        self.shared.fleet.find(id)
    }
}

/// Where an invocation can run.
enum Place {
    /// On this instance.
    Free(Arc<Instance>),
    /// On one that it may start.
    Start(OwnedSemaphorePermit),
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
        let patience = function.record.timeout().saturating_sub(ON_ITS_WAY);
        let begun = Instant::now();
        let ran = self.carry_out(function, event).await?;
        let interruption = match &ran {
            Ran::Interrupted(why, _) => Some(*why),
            // The caller has gone, or is just about to.
            _ if caller.has_changed().is_err() || begun.elapsed() >= patience => {
                Some(Interruption::Late)
            }
            _ => None,
        };
        if let Some(why) = interruption {
            self.interruptions.count(name, why);
        }
        let (Ran::Done(outcome) | Ran::Interrupted(_, outcome) | Ran::NotTaken(outcome)) = ran;
        Ok(outcome)
    }

    async fn carry_out(&self, function: Arc<Function>, event: Event) -> Result<Ran, Refusal> {
        let invocation = Arc::new(Invocation {
            request_id: Uuid::new_v4().to_string(),
            payload: event.payload,
            trace_id: event.trace_id,
        });
        loop {
            match self.place(&function).await? {
                Place::Free(instance) => match self.run(instance, &invocation).await {
                    // It died before it took the invocation.
                    Ran::NotTaken(_) => {}
                    ran => return Ok(ran),
                },
                Place::Start(turn) => {
                    let instance = self.start(function, turn).map_err(Refusal::Host)?;
                    return Ok(self.run(instance, &invocation).await);
                }
            }
        }
    }

    /// Waits for a free instance or for the turn to start one, whichever comes first. Who has got the
    /// one no longer waits for the other.
    async fn place(&self, function: &Function) -> Result<Place, Refusal> {
        let turn = Arc::clone(&self.starts).acquire_owned();
        tokio::pin!(turn);
        loop {
            if let Some(instance) = self.fleet.take_idle(function) {
                return Ok(Place::Free(instance));
            }
            tokio::select! {
                () = self.fleet.freed(function) => {}
                turn = &mut turn => {
                    let turn = turn.context("the host is closing").map_err(Refusal::Host)?;
                    return Ok(Place::Start(turn));
                }
            }
        }
    }

    async fn run(&self, instance: Arc<Instance>, invocation: &Arc<Invocation>) -> Ran {
        let ran = instance.run(invocation).await;
        if instance.is_reusable() {
            self.fleet.put_idle(instance);
        }
        ran
    }

    fn start(&self, function: Arc<Function>, turn: OwnedSemaphorePermit) -> Result<Arc<Instance>> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(anyhow!("the host is closing"));
        }
        let id = Uuid::new_v4().simple().to_string();
        let logs = self.logs.join(function.record.name());
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let log = logs.join(format!("{id}.log"));
        let start = || Instance::start(id, function, &self.settings, &log, turn);
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
