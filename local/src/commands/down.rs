//! `local down`: asks the supervisor to end, and waits until it has.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use local::stack::{Holder, Lock};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::args::Place;

pub(crate) fn down(place: &Place) -> Result<ExitCode> {
    let dir = place.dir()?;
    match Lock::holder(&dir)? {
        Holder::Nobody => eprintln!("No stack is up in {}.", dir.display()),
        Holder::Process(pid) => {
            let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
            let pid = pid.context("the stack has only just begun to come up; try again")?;
            kill(Pid::from_raw(pid), Signal::SIGTERM)
                .with_context(|| format!("asking process {pid} to end"))?;
            Lock::wait_until_free(&dir)?;
            eprintln!("The stack is down.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
