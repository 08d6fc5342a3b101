//! One execution environment: a process that runs invocations, one at a time.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::body::Bytes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::catalog::Function;
use super::environment;
use super::life::Life;
use super::outcome::{Interruption, Outcome};
use crate::process::{Daemon, log_to};

/// How long a new process may take until it requests its first invocation. Lambda's limit is 10 s; a loaded laptop needs
/// more.
const INIT_LIMIT: Duration = Duration::from_mins(1);
/// How long a process lives after a thaw when its invocation timed out while it was frozen: long enough for a test to
/// see what it does.
const OVERDUE_LIMIT: Duration = Duration::from_secs(3);

pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: Option<String>,
}

/// An invocation and its deadline, for the process.
pub(super) struct Handover {
    pub(super) invocation: Arc<Invocation>,
    pub(super) deadline_ms: u128,
}

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// The process has not requested an invocation yet.
    Starting,
    /// It waits for an invocation.
    Idle,
    /// It runs an invocation.
    Busy,
}

/// An instance in the list of instances.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceInfo {
    /// Its id, which is also the name of its log and its log stream.
    pub id: String,
    /// The function it runs.
    pub function: String,
    /// Its process id.
    pub pid: u32,
    /// Its state.
    pub state: InstanceState,
    /// Whether it is frozen.
    pub frozen: bool,
    /// The lease that it holds, as seen by the front door.
    pub lease: Option<String>,
    /// How many invocations it has taken.
    pub invocations: u64,
}

/// The result of [`Instance::run`].
pub(super) enum RunResult {
    Done(Outcome),
    /// The function gave no answer.
    Interrupted(Interruption, Outcome),
    /// The process ended before it took the invocation, which another instance may run.
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

/// Why a process was killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KilledBy {
    /// The host, as Lambda would.
    Host,
    /// A fault rule or the control API.
    Fault,
}

struct Status {
    state: InstanceState,
    /// The permit to start, until it has started.
    start_permit: Option<OwnedSemaphorePermit>,
    current: Option<Current>,
    init_error: Option<Bytes>,
    /// Set when the process is being killed. It gets no more work then.
    killed: Option<KilledBy>,
    frozen: bool,
    /// Its invocation timed out while it was frozen.
    overdue: bool,
    /// The lease that it holds.
    lease: Option<String>,
    invocations: u64,
}

/// One process of a function.
pub(crate) struct Instance {
    pub(super) id: String,
    pub(super) function: Arc<Function>,
    pub(super) pid: u32,
    assignments: mpsc::Sender<Assignment>,
    inbox: tokio::sync::Mutex<mpsc::Receiver<Assignment>>,
    status: Mutex<Status>,
    life: Life,
}

impl Instance {
    /// Starts the process.
    pub(super) fn start(
        id: String,
        function: Arc<Function>,
        settings: &environment::Settings,
        log: &Path,
        start_permit: OwnedSemaphorePermit,
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
            status: Mutex::new(Status {
                state: InstanceState::Starting,
                start_permit: Some(start_permit),
                current: None,
                init_error: None,
                killed: None,
                frozen: false,
                overdue: false,
                lease: None,
                invocations: 0,
            }),
            life: Life::supervise(daemon),
        }))
    }

    /// Runs an invocation to its end: an answer, the end of the process, or its deadline, at which the process is killed.
    pub(super) async fn run(&self, invocation: &Arc<Invocation>) -> RunResult {
        let (taken, mut was_taken) = oneshot::channel();
        let (outcome, mut result) = oneshot::channel();
        let assignment = Assignment { invocation: Arc::clone(invocation), taken, outcome };
        // Cannot fail or wait: the inbox lives as long as this instance, which has one invocation at a time.
        let _ = self.assignments.send(assignment).await;
        let taken_at = tokio::select! {
            biased;
            Ok(at) = &mut was_taken => at,
            status = self.life.ended() => return self.ended_before_taking(invocation, &status),
            () = tokio::time::sleep(INIT_LIMIT) => {
                self.kill();
                return RunResult::Done(Outcome::not_ready(&invocation.request_id, INIT_LIMIT));
            }
        };
        let timeout = self.function.record.timeout();
        tokio::select! {
            biased;
            Ok(outcome) = &mut result => RunResult::Done(outcome),
            status = self.life.ended() => {
                let killed = self.status().killed == Some(KilledBy::Fault);
                let why = if killed { Interruption::Killed } else { Interruption::Crashed };
                RunResult::Interrupted(why, Outcome::exited(&invocation.request_id, &status))
            }
            () = tokio::time::sleep_until(taken_at + timeout) => {
                self.time_out();
                let outcome = Outcome::timed_out(&invocation.request_id, timeout);
                RunResult::Interrupted(Interruption::TimedOut, outcome)
            }
        }
    }

    /// Kills the process, or leaves that to the end of a freeze.
    fn time_out(&self) {
        let frozen = {
            let mut status = self.status();
            status.overdue = true;
            status.frozen
        };
        if !frozen {
            self.kill();
        }
    }

    fn ended_before_taking(&self, invocation: &Invocation, status: &str) -> RunResult {
        match self.status().init_error.take() {
            Some(error) => RunResult::Done(Outcome::Failure(error)),
            None => RunResult::NotTaken(Outcome::exited(&invocation.request_id, status)),
        }
    }

    /// Waits for the next invocation, for the process.
    pub(super) async fn next(&self) -> Option<Handover> {
        {
            let mut status = self.status();
            if status.state == InstanceState::Starting {
                status.state = InstanceState::Idle;
                status.start_permit = None;
            }
        }
        let mut inbox = self.inbox.lock().await;
        let assignment = inbox.recv().await?;
        let deadline = SystemTime::now() + self.function.record.timeout();
        {
            let mut status = self.status();
            status.state = InstanceState::Busy;
            status.invocations += 1;
            status.current = Some(Current {
                request_id: assignment.invocation.request_id.clone(),
                outcome: assignment.outcome,
            });
        }
        // `run` receives it for as long as there is an invocation.
        let _ = assignment.taken.send(Instant::now());
        Some(Handover {
            invocation: assignment.invocation,
            deadline_ms: deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()),
        })
    }

    /// Ends the current invocation. False when its id is another one.
    pub(super) fn finish(&self, request_id: &str, outcome: Outcome) -> bool {
        let mut status = self.status();
        let Some(current) = status.current.take_if(|current| current.request_id == request_id)
        else {
            return false;
        };
        status.state = InstanceState::Idle;
        // An error means that `run` has timed out; the process is being killed then.
        let _ = current.outcome.send(outcome);
        true
    }

    /// Records the error that the process reports when its initialization fails.
    pub(super) fn init_failed(&self, error: Bytes) {
        self.status().init_error = Some(error);
    }

    pub(super) fn state(&self) -> InstanceState {
        self.status().state
    }

    pub(super) fn info(&self) -> InstanceInfo {
        let status = self.status();
        InstanceInfo {
            id: self.id.clone(),
            function: self.function.record.name().to_owned(),
            pid: self.pid,
            state: status.state,
            frozen: status.frozen,
            lease: status.lease.clone(),
            invocations: status.invocations,
        }
    }

    pub(crate) fn function_name(&self) -> &str {
        self.function.record.name()
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The lease that it holds as seen by the front door: in an invocation, or kept for the next one.
    pub(crate) fn lease(&self) -> Option<String> {
        self.status().lease.clone()
    }

    pub(crate) fn set_lease(&self, lease: Option<String>) {
        self.status().lease = lease;
    }

    /// Stops the process (SIGSTOP) for `time`. Meanwhile it gets no work and is not killed when its invocation times out.
    pub(crate) fn freeze(self: &Arc<Self>, time: Duration) {
        if !self.is_alive() || std::mem::replace(&mut self.status().frozen, true) {
            return;
        }
        self.signal(Signal::SIGSTOP);
        let instance = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if !instance.is_alive() {
                return;
            }
            instance.signal(Signal::SIGCONT);
            let overdue = {
                let mut status = instance.status();
                status.frozen = false;
                status.overdue
            };
            if overdue {
                tokio::time::sleep(OVERDUE_LIMIT).await;
                instance.kill();
            }
        });
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid) {
            // An error means that it has ended already.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.status().frozen
    }

    /// Whether it can run another invocation: alive, and the last one did not time out.
    pub(super) fn is_reusable(&self) -> bool {
        self.is_alive() && self.state() == InstanceState::Idle && !self.status().overdue
    }

    /// Kills the process as a fault; its invocation counts as [`Interruption::Killed`].
    pub(crate) fn kill_by_fault(&self) {
        self.end(KilledBy::Fault);
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.life.has_ended() && self.status().killed.is_none()
    }

    pub(super) fn kill(&self) {
        self.end(KilledBy::Host);
    }

    fn end(&self, by: KilledBy) {
        self.status().killed.get_or_insert(by);
        self.life.kill();
    }

    /// Waits for the end of the process.
    pub(super) async fn ended(&self) {
        self.life.ended().await;
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
