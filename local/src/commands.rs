//! The subcommands.

use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{self, ExitCode, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{self, kill};
use nix::unistd::Pid;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Cli, Command, Paths, Template};
use crate::progress::{Event, Pipe, Progress, replay};
use crate::screen::Screen;
use crate::stack::{Lock, Stack, StackInfo, StackOptions, stack_json};

/// Runs the subcommand; returns the exit code of this process.
pub(crate) fn run(Cli { command, paths }: &Cli) -> Result<ExitCode> {
    match command {
        Command::Up { template, foreground: true } => serve_in_foreground(paths, template),
        Command::Up { template, .. } => up(paths, template),
        Command::Down => down(&paths.dir()?),
        Command::Status => status(&paths.dir()?),
        Command::Run { template, command } => run_command(paths, template, command),
        Command::Serve { template } => serve_in_background(paths, template),
    }
}

/// Starts a supervisor in the background and returns when the stack answers.
fn up(paths: &Paths, template: &Template) -> Result<ExitCode> {
    let dir = paths.dir()?;
    // Reports invalid parameters before the supervisor does anything.
    template.parameters()?;
    if let Some(pid) = Lock::holder(&dir)? {
        eprintln!("A stack is up already in {} (pid {pid}); nothing changed.", dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let log = dir.join("local.log");
    let stderr = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
    let this = std::env::current_exe().context("locating this program")?;
    let mut supervisor = process::Command::new(this)
        .arg("serve")
        .args(paths.arguments()?)
        .args(template.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .context("starting the supervisor")?;
    let events = supervisor.stdout.take().context("the supervisor has no output")?;
    let show = move || replay(BufReader::new(events), &Progress::new(Screen::default()));
    let last = runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut shown = tokio::task::spawn_blocking(show);
        loop {
            tokio::select! {
                last = &mut shown => return last.context("showing the progress"),
                () = signals.next() => {
                    // An error means that it has ended already.
                    let _ = terminate(supervisor.id());
                }
            }
        }
    })?;
    match last {
        Some(Event::Ready { .. }) => Ok(ExitCode::SUCCESS),
        last => {
            // The supervisor and all its children have ended when this returns.
            let status = supervisor.wait().context("waiting for the supervisor")?;
            match last {
                Some(Event::Broken { reason }) => bail!("{reason}"),
                _ => bail!("the supervisor ended ({status}); see {}", log.display()),
            }
        }
    }
}

/// Terminates the supervisor and waits for its end.
fn down(dir: &Path) -> Result<ExitCode> {
    match Lock::holder(dir)? {
        None => eprintln!("No stack is up in {}.", dir.display()),
        Some(0) => bail!("the stack has only just begun to come up; try again"),
        Some(pid) => {
            terminate(pid).with_context(|| format!("terminating process {pid}"))?;
            Lock::wait_until_free(dir)?;
            eprintln!("The stack is down.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Exit code 0 when the stack is up, 1 when not.
fn status(dir: &Path) -> Result<ExitCode> {
    let Some(pid) = Lock::holder(dir)? else {
        println!("No stack is up in {}.", dir.display());
        return Ok(ExitCode::FAILURE);
    };
    let json = stack_json(dir);
    if !json.exists() {
        println!("A stack is coming up or going down in {} (pid {pid}).", dir.display());
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", summary(&StackInfo::load(&json)?, &json));
    Ok(ExitCode::SUCCESS)
}

/// Runs a command on a stack of its own.
fn run_command(paths: &Paths, template: &Template, command: &[OsString]) -> Result<ExitCode> {
    let options = paths.stack(template, Progress::new(Screen::default()))?;
    let status: ExitStatus = runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let stack = start(options, &mut signals).await?;
        let status = execute(command, &stack, &mut signals).await;
        let down = stack.down().await;
        let status = status?;
        down.map(|()| status)
    })?;
    // For a signal, 128 and its number, as in a shell.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

async fn execute(command: &[OsString], stack: &Stack, signals: &mut Signals) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = tokio::process::Command::new(program)
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
            // The command decides how to end; the stack follows.
            () = signals.next() => {
                let _ = child.id().map(terminate);
            }
        }
    }
}

/// `up --foreground`.
fn serve_in_foreground(paths: &Paths, template: &Template) -> Result<ExitCode> {
    serve(paths.stack(template, Progress::new(Screen::default()))?)?;
    Ok(ExitCode::SUCCESS)
}

/// The supervisor of `up`, which reads the events from standard output.
fn serve_in_background(paths: &Paths, template: &Template) -> Result<ExitCode> {
    // Leaves the terminal's session, so that closing the terminal does not end the stack.
    nix::unistd::setsid().context("leaving the terminal's session")?;
    let progress = Progress::new(Pipe::new(std::io::stdout()));
    let served = paths.stack(template, progress.clone()).and_then(serve);
    if let Err(error) = &served {
        progress.report(&Event::Broken { reason: format!("{error:#}") });
    }
    served.map(|()| ExitCode::SUCCESS)
}

/// Runs a stack until a signal ends it.
fn serve(options: StackOptions) -> Result<()> {
    runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let stack = start(options, &mut signals).await?;
        signals.next().await;
        stack.down().await
    })
}

async fn start(options: StackOptions, signals: &mut Signals) -> Result<Stack> {
    let progress = options.progress.clone();
    let stack = tokio::select! {
        stack = Stack::up(options) => stack?,
        () = signals.next() => bail!("ended by a signal while the stack came up"),
    };
    progress.report(&Event::Ready { text: summary(stack.info(), stack.info_path()) });
    Ok(stack)
}

fn summary(info: &StackInfo, json: &Path) -> String {
    format!(
        "The stack is up: {}\n  AWS APIs  {}\n  described in {}",
        info.api_url,
        info.aws_endpoint,
        json.display()
    )
}

fn runtime() -> Result<Runtime> {
    Runtime::new().context("starting the runtime")
}

/// Sends SIGTERM.
fn terminate(pid: u32) -> nix::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| Errno::ESRCH)?;
    kill(Pid::from_raw(pid), signal::Signal::SIGTERM)
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    /// Waits for the next signal.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
