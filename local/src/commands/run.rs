//! `local run -- COMMAND`: a stack for the time of one command.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context as _, Result, bail};
use local::progress::{Event, Progress, Screen};
use local::{Stack, StackOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::signals::Signals;
use super::{serve, summary};
use crate::args::{Place, Template};

pub(crate) fn run(place: &Place, template: &Template, command: &[OsString]) -> Result<ExitCode> {
    let options = place.stack()?.parameters(template.parameters()?);
    let status = serve::runtime()?.block_on(with_stack(options, command))?;
    Ok(exit_code(status))
}

async fn with_stack(options: StackOptions, command: &[OsString]) -> Result<ExitStatus> {
    let progress = Progress::new(Screen::default());
    let mut signals = Signals::listen()?;
    let stack = tokio::select! {
        stack = Stack::up(options.progress(progress.clone())) => stack?,
        () = signals.next() => bail!("ended by a signal while the stack came up"),
    };
    progress.say(&Event::Ready { text: summary(stack.info(), stack.info_path()) });
    let status = execute(command, &stack, &mut signals).await;
    let down = stack.down().await;
    let status = status?;
    down?;
    Ok(status)
}

async fn execute(command: &[OsString], stack: &Stack, signals: &mut Signals) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("STACK_JSON", stack.info_path())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.with_context(|| format!("waiting for {}", program.display()));
            }
            () = signals.next() => pass_on(&child),
        }
    }
}

/// The command decides how to end; the stack goes when it has.
fn pass_on(child: &Child) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // An error means that it has ended already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// The command's exit code, or 128 and the signal's number as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
