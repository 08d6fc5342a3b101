//! `local up`: starts a supervisor in the background and returns when the stack answers.

use std::fs::OpenOptions;
use std::io::BufReader;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use local::progress::{Event, Progress, Screen, replay};
use local::stack::{Holder, Lock};

use crate::args::{Place, Template};

pub(crate) fn up(place: &Place, template: &Template) -> Result<ExitCode> {
    let dir = place.dir()?;
    // Said here already, before the background does anything.
    template.parameters()?;
    if let Holder::Process(pid) = Lock::holder(&dir)? {
        eprintln!("A stack is up already in {} (pid {pid}); nothing changed.", dir.display());
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    let log_path = dir.join("local.log");
    let log = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&log_path)
        .with_context(|| format!("opening {}", log_path.display()))?;
    let this = std::env::current_exe().context("looking for this program")?;
    let mut supervisor = Command::new(this)
        .arg("serve")
        .args(place.arguments()?)
        .args(template.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting the supervisor")?;
    let events = supervisor.stdout.take().context("the supervisor has no output")?;
    match replay(BufReader::new(events), &Progress::new(Screen::default())) {
        Some(Event::Ready { .. }) => Ok(ExitCode::SUCCESS),
        Some(Event::Broken { reason }) => {
            // Gone when this returns, with all that it started.
            supervisor.wait().context("waiting for the supervisor")?;
            bail!("{reason}")
        }
        _ => {
            let status = supervisor.wait().context("waiting for the supervisor")?;
            bail!("the supervisor ended ({status}); see {}", log_path.display())
        }
    }
}
