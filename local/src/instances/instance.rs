//! One execution environment: a process that asks for invocations, one at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::catalog::Function;
use super::environment;
use super::fleet::InstanceInfo;
use super::interruptions::Interruption;
use super::life::Life;
use super::outcome::Outcome;
use crate::process::{Daemon, log_to};

/// How long a new process may take until it asks for its first invocation. Lambda gives 10 s;
/// a laptop that starts a hundred at once needs more.
const INIT_LIMIT: Duration = Duration::from_mins(1);

/// An event on its way to a function.
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: Option<String>,
}

/// An invocation handed to the process that asked for it.
pub(super) struct HandOver {
    pub(super) invocation: Arc<Invocation>,
    pub(super) deadline_ms: u128,
}

/// What an instance is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// The process has not asked for an invocation yet.
    Starting,
    /// It waits for an invocation.
    Idle,
    /// It is in an invocation.
    Busy,
}

/// How [`Instance::run`] went.
pub(super) enum Ran {
    Done(Outcome),
    /// It ended without an answer of the function.
    Interrupted(Interruption, Outcome),
    /// The process ended before it took the invocation, which may go to another one.
    NotTaken(Outcome),
}

struct Assignment {
    invocation: Arc<Invocation>,
    taken: oneshot::Sender<Instant>,
    outcome: oneshot::Sender<Outcome>,
}

struct Current {
    request_id: String,
    outcome: oneshot::Sender<Outcome>,
}

/// Who kills a process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doom {
    /// The host, as Lambda would.
    Host,
    /// Somebody outside.
    Outsider,
}

struct Progress {
    state: InstanceState,
    /// Its turn to start, until it has.
    turn: Option<OwnedSemaphorePermit>,
    current: Option<Current>,
    init_error: Option<Bytes>,
    /// By whom the process is being killed, when it is. It gets no more work then.
    doom: Option<Doom>,
    frozen: bool,
    /// Its invocation ran out of time while it stood still.
    overdue: bool,
    /// The lease that it was granted last and has not given back.
    lease: Option<String>,
    invocations: u64,
}

/// One process of a function.
pub struct Instance {
    pub(super) id: String,
    pub(super) function: Arc<Function>,
    pub(super) pid: u32,
    assignments: mpsc::Sender<Assignment>,
    inbox: tokio::sync::Mutex<mpsc::Receiver<Assignment>>,
    progress: Mutex<Progress>,
    life: Life,
}

impl Instance {
    /// Starts the process. It finds its Runtime API below `runtime_api` + `/` + `id`.
    pub(super) fn start(
        id: String,
        function: Arc<Function>,
        settings: &environment::Settings,
        log: &Path,
        turn: OwnedSemaphorePermit,
    ) -> Result<Arc<Self>> {
        let mut command = environment::command(&id, &function, settings);
        log_to(&mut command, log)?;
        let daemon = Daemon::spawn("a function", &mut command)?;
        let (assignments, inbox) = mpsc::channel(1);
        Ok(Arc::new(Self {
            id,
            function,
            pid: daemon.pid().unwrap_or_default(),
            assignments,
            inbox: tokio::sync::Mutex::new(inbox),
            progress: Mutex::new(Progress {
                state: InstanceState::Starting,
                turn: Some(turn),
                current: None,
                init_error: None,
                doom: None,
                frozen: false,
                overdue: false,
                lease: None,
                invocations: 0,
            }),
            life: Life::of(daemon),
        }))
    }

    /// Gives the process an invocation and waits for its end: an answer, the process's death,
    /// or its deadline, at which the process is killed.
    pub(super) async fn run(&self, invocation: &Arc<Invocation>) -> Ran {
        let (taken, mut was_taken) = oneshot::channel();
        let (outcome, mut result) = oneshot::channel();
        let assignment = Assignment { invocation: Arc::clone(invocation), taken, outcome };
        // The inbox lives as long as this instance, and has room: one invocation at a time.
        let _ = self.assignments.send(assignment).await;
        let taken_at = tokio::select! {
            biased;
            Ok(at) = &mut was_taken => at,
            status = self.life.over() => return self.died_before_taking(invocation, &status),
            () = tokio::time::sleep(INIT_LIMIT) => {
                self.kill();
                return Ran::Done(Outcome::not_ready(&invocation.request_id, INIT_LIMIT));
            }
        };
        let timeout = self.function.record.timeout();
        tokio::select! {
            biased;
            Ok(outcome) = &mut result => Ran::Done(outcome),
            status = self.life.over() => {
                let killed = self.progress().doom == Some(Doom::Outsider);
                let why = if killed { Interruption::Killed } else { Interruption::Crashed };
                Ran::Interrupted(why, Outcome::exited(&invocation.request_id, &status))
            }
            () = tokio::time::sleep_until(taken_at + timeout) => {
                self.run_out();
                let outcome = Outcome::timed_out(&invocation.request_id, timeout);
                Ran::Interrupted(Interruption::TimedOut, outcome)
            }
        }
    }

    /// Its invocation ran out of time: the process is killed, if need be after the thaw.
    fn run_out(&self) {
        let frozen = {
            let mut progress = self.progress();
            progress.overdue = true;
            progress.frozen
        };
        if !frozen {
            self.kill();
        }
    }

    fn died_before_taking(&self, invocation: &Invocation, status: &str) -> Ran {
        match self.progress().init_error.take() {
            Some(error) => Ran::Done(Outcome::Failure(error)),
            None => Ran::NotTaken(Outcome::exited(&invocation.request_id, status)),
        }
    }

    /// The process asks for work: waits until there is some.
    pub(super) async fn next(&self) -> Option<HandOver> {
        {
            let mut progress = self.progress();
            if progress.state == InstanceState::Starting {
                progress.state = InstanceState::Idle;
                progress.turn = None;
            }
        }
        let mut inbox = self.inbox.lock().await;
        let assignment = inbox.recv().await?;
        let deadline = SystemTime::now() + self.function.record.timeout();
        {
            let mut progress = self.progress();
            progress.state = InstanceState::Busy;
            progress.invocations += 1;
            progress.current = Some(Current {
                request_id: assignment.invocation.request_id.clone(),
                outcome: assignment.outcome,
            });
        }
        // The caller of an invocation waits in `run` for as long as there is one.
        let _ = assignment.taken.send(Instant::now());
        Some(HandOver {
            invocation: assignment.invocation,
            deadline_ms: deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()),
        })
    }

    /// The process ends its invocation. False when that is not the one it is in.
    pub(super) fn finish(&self, request_id: &str, outcome: Outcome) -> bool {
        let mut progress = self.progress();
        let Some(current) = progress.current.take_if(|current| current.request_id == request_id)
        else {
            return false;
        };
        progress.state = InstanceState::Idle;
        // After a timeout nobody listens any more; the process is being killed then.
        let _ = current.outcome.send(outcome);
        true
    }

    /// The process could not get ready, and says why before it ends.
    pub(super) fn init_failed(&self, error: Bytes) {
        self.progress().init_error = Some(error);
    }

    pub(super) fn state(&self) -> InstanceState {
        self.progress().state
    }

    /// Its line in the list of instances.
    pub(super) fn info(&self) -> InstanceInfo {
        let progress = self.progress();
        InstanceInfo {
            id: self.id.clone(),
            function: self.function.record.name().to_owned(),
            pid: self.pid,
            state: progress.state,
            frozen: progress.frozen,
            lease: progress.lease.clone(),
            invocations: progress.invocations,
        }
    }

    /// The function's name.
    pub(crate) fn function_name(&self) -> &str {
        self.function.record.name()
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The lease that it holds, as far as the front door has seen: in an invocation, or kept for the next.
    pub(crate) fn lease(&self) -> Option<String> {
        self.progress().lease.clone()
    }

    /// The front door has seen a lease granted to it, or given back by it.
    pub(crate) fn set_lease(&self, lease: Option<String>) {
        self.progress().lease = lease;
    }

    /// Marks it as standing still. False when it is already, or gone.
    pub(super) fn begin_freeze(&self) -> bool {
        if !self.is_alive() {
            return false;
        }
        !std::mem::replace(&mut self.progress().frozen, true)
    }

    /// Marks it as going on. True when it is to be killed, because its invocation's time is over.
    pub(super) fn end_freeze(&self) -> bool {
        let mut progress = self.progress();
        progress.frozen = false;
        progress.overdue
    }

    /// Whether it stands still.
    pub(super) fn is_frozen(&self) -> bool {
        self.progress().frozen
    }

    /// Whether it may serve another invocation: alive, and not in one that ran out of time.
    pub(super) fn is_reusable(&self) -> bool {
        self.is_alive() && self.state() == InstanceState::Idle && !self.progress().overdue
    }

    /// Kills the process from outside, and says so of the invocation that it may be in.
    pub(crate) fn kill_from_outside(&self) {
        self.end(Doom::Outsider);
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.life.is_over() && self.progress().doom.is_none()
    }

    /// Kills the process, which gets no more work.
    pub(super) fn kill(&self) {
        self.end(Doom::Host);
    }

    fn end(&self, doom: Doom) {
        self.progress().doom.get_or_insert(doom);
        self.life.end();
    }

    /// Waits until the process is gone.
    pub(super) async fn gone(&self) {
        self.life.over().await;
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
