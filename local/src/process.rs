//! Child processes that end with this one and write their output to a file.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::Instant;

/// How long a server may take to answer after its start.
const START_LIMIT: Duration = Duration::from_mins(1);
const START_POLL: Duration = Duration::from_millis(50);
/// How many ports are tried when other programs take them first.
const PORT_TRIES: u32 = 5;
/// A killed process is gone within milliseconds; a drop waits up to a second for it.
const DROP_POLL: Duration = Duration::from_millis(1);
const DROP_POLLS: u32 = 1000;

/// A command whose process the kernel kills when this process ends in any way.
///
/// It has a process group of its own: Ctrl-C in the terminal reaches the supervisor only, which then stops its children
/// in order. Spawn it from a thread that lives as long as the runtime: the kernel kills it when that thread ends.
pub(crate) fn tethered(program: impl AsRef<OsStr>) -> Command {
    // The standard library can set this only with `unsafe`; setpriv is part of util-linux.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "SIGKILL", "--"])
        .arg(program)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Appends both output streams of `command` to the file `log`.
pub(crate) fn log_to(command: &mut Command, log: &Path) -> Result<()> {
    let out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))?;
    let err = out.try_clone().context("duplicating a log file's handle")?;
    command.stdout(out).stderr(err);
    Ok(())
}

/// Starts a server on a free loopback port and waits until `probe` succeeds. Returns it and its port.
///
/// Another program may take the port first: then the log says that it is in use, and another port is tried.
pub(crate) async fn start_server<F, E>(
    log: &Path,
    spawn: impl Fn(u16) -> Result<Daemon>,
    probe: impl Fn(u16) -> F,
) -> Result<(Daemon, u16)>
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut tries = 0;
    loop {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
        let port = listener.local_addr().context("reading a free port")?.port();
        drop(listener);
        let mut daemon = spawn(port)?;
        match daemon.wait_until_ready(log, || probe(port)).await {
            Ok(()) => return Ok((daemon, port)),
            Err(error) => {
                tries += 1;
                let log = fs::read_to_string(log).unwrap_or_default();
                if tries == PORT_TRIES || !log.contains("already in use") {
                    return Err(error);
                }
            }
        }
    }
}

/// A child process with its process group. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
}

impl Daemon {
    /// Starts `command`; `name` is for error messages.
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("starting {name} (through setpriv of util-linux)"))?;
        Ok(Self { name, child })
    }

    /// The process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Takes its standard error, if piped and not taken yet.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until `probe` succeeds. Fails when the process ends or takes longer than a minute; the error names `log`.
    pub(crate) async fn wait_until_ready<F, E>(
        &mut self,
        log: &Path,
        probe: impl Fn() -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let (name, log) = (self.name, log.display());
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().context("polling a process")? {
                bail!("{name} ended ({status}) before it answered; see {log}");
            }
            match probe().await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    return Err(anyhow!("{name} did not answer in time: {error}; see {log}"));
                }
                Err(_) => tokio::time::sleep(START_POLL).await,
            }
        }
    }

    /// Waits for the end, then kills what is left of its process group.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let group = self.child_pid();
        let ended = self.child.wait().await;
        if let Some(group) = group {
            // Immediately: later the id may be reused. An error means that the group is empty.
            let _ = killpg(group, Signal::SIGKILL);
        }
        ended.with_context(|| format!("waiting for {}", self.name))
    }

    /// Kills its process group (SIGKILL) without waiting.
    pub(crate) fn kill(&self) {
        if let Some(pid) = self.child_pid() {
            // An error means that it has ended already.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// Terminates it (SIGTERM), waits up to `grace`, then kills its process group.
    pub(crate) async fn stop(&mut self, grace: Duration) -> Result<()> {
        let Some(pid) = self.child_pid() else { return Ok(()) };
        // An error means that it has just ended; the wait below returns at once.
        let _ = kill(pid, Signal::SIGTERM);
        if tokio::time::timeout(grace, self.wait()).await.is_err() {
            self.kill();
            self.wait().await?;
        }
        Ok(())
    }

    fn child_pid(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The group also has the processes that it started, such as cargo below sam.
        self.kill();
        // Reaps the child, which would stay a zombie otherwise.
        for _ in 0..DROP_POLLS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(DROP_POLL);
        }
    }
}
