//! Child processes that can't outlive this one, with their output in a file.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStderr, Command};

/// A killed process is gone within milliseconds; a drop waits up to a second for it.
const DROP_POLL: Duration = Duration::from_millis(1);
const DROP_POLLS: u32 = 1000;

/// A command that runs `program` so that the kernel kills it when this process dies, however
/// this process dies.
///
/// It runs in a process group of its own: Ctrl-C in the terminal reaches the supervisor only,
/// which then ends its children in their order. Spawn it from a thread that lives as long as
/// the runtime does, because the kernel's promise is tied to the spawning thread.
#[must_use]
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

/// Sends both output streams of `command` to the end of the file `log`.
///
/// # Errors
/// When the file can't be opened.
pub(crate) fn log_to(command: &mut Command, log: &Path) -> Result<()> {
    let out = append(log)?;
    let err = out.try_clone().context("duplicating a log file's handle")?;
    command.stdout(out).stderr(err);
    Ok(())
}

fn append(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening the log {}", path.display()))
}

/// A running child with its whole process group. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
}

impl Daemon {
    /// Starts `command`, called `name` in messages.
    ///
    /// # Errors
    /// When the program can't be started.
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("starting {name} (through setpriv of util-linux)"))?;
        Ok(Self { name, child })
    }

    /// The process id, while it runs.
    #[must_use]
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Takes its error stream, when that is piped and has not been taken yet.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Its exit status when it has ended already.
    ///
    /// # Errors
    /// When the kernel can't be asked.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("looking after {}", self.name))
    }

    /// Waits for the end, and ends what it left behind in its process group.
    ///
    /// # Errors
    /// When the kernel can't be asked.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus> {
        let group = self.child_pid();
        let ended = self.child.wait().await;
        if let Some(group) = group {
            // At once: later the number may be another's. An error means that nobody is left.
            let _ = killpg(group, Signal::SIGKILL);
        }
        ended.with_context(|| format!("waiting for {}", self.name))
    }

    /// Kills its process group (SIGKILL), without waiting for the end.
    pub(crate) fn kill(&self) {
        if let Some(pid) = self.child_pid() {
            // An error means that it is gone already.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    /// Asks it to end (SIGTERM), waits up to `grace`, then kills its process group.
    ///
    /// # Errors
    /// When the kernel can't be asked.
    pub(crate) async fn stop(&mut self, grace: Duration) -> Result<()> {
        let Some(pid) = self.child_pid() else {
            return Ok(());
        };
        // An error here means that it ended by itself in between; the wait below tells.
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
        // Not only the child: what it started (cargo below sam, say) is in its group.
        self.kill();
        // Collected here and now: a dead child must not be left for others to collect.
        for _ in 0..DROP_POLLS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(DROP_POLL);
        }
    }
}
