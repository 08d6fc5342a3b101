//! `local up`: starts a supervisor in the background and returns when the stack answers.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use local::progress::{Event, Progress, Screen, replay};
use local::stack::{Holder, Lock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::serve::runtime;
use super::signals::Signals;
use crate::args::{Place, Template};

pub(crate) fn up(place: &Place, template: &Template) -> Result<ExitCode> {
    let dir = place.dir()?;
    // A mistake in them is told before the background does anything.
    template.parameters()?;
    if let Holder::Process(pid) = Lock::holder(&dir)? {
        eprintln!("A stack is up already in {} (pid {pid}); nothing changed.", dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let log = dir.join("local.log");
    let (mut supervisor, events) = start_supervisor(place, template, &log)?;
    let end = runtime()?.block_on(listen(events, supervisor.id()))?;
    if matches!(end, Some(Event::Ready { .. })) {
        return Ok(ExitCode::SUCCESS);
    }
    // Gone when this returns, with all that it started.
    let status = supervisor.wait().context("waiting for the supervisor")?;
    match end {
        Some(Event::Broken { reason }) => bail!("{reason}"),
        _ => bail!("the supervisor ended ({status}); see {}", log.display()),
    }
}

fn start_supervisor(
    place: &Place,
    template: &Template,
    log: &Path,
) -> Result<(Child, ChildStdout)> {
    let stderr = File::create(log).with_context(|| format!("creating {}", log.display()))?;
    let this = std::env::current_exe().context("looking for this program")?;
    let mut supervisor = Command::new(this)
        .arg("serve")
        .args(place.arguments()?)
        .args(template.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .context("starting the supervisor")?;
    let events = supervisor.stdout.take().context("the supervisor has no output")?;
    Ok((supervisor, events))
}

/// Shows what the supervisor says, up to the end of the story. A signal is passed on to it: it
/// ends the story then.
async fn listen(events: ChildStdout, supervisor: u32) -> Result<Option<Event>> {
    let mut signals = Signals::listen()?;
    let show = || replay(BufReader::new(events), &Progress::new(Screen::default()));
    let mut shown = tokio::task::spawn_blocking(show);
    loop {
        tokio::select! {
            end = &mut shown => return end.context("showing the progress"),
            () = signals.next() => {
                let pid = i32::try_from(supervisor).context("the supervisor's id")?;
                // An error means that it has ended already.
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
    }
}
