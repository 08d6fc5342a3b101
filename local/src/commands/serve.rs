//! Runs a stack until a signal ends it.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use local::progress::{Event, Pipe, Progress, Screen};
use local::{Stack, StackOptions};
use tokio::runtime::Runtime;

use super::signals::Signals;
use super::summary;
use crate::args::{Place, Template};

/// In a terminal: `up --foreground`.
pub(crate) fn in_foreground(place: &Place, template: &Template) -> Result<ExitCode> {
    let progress = Progress::new(Screen::default());
    let options = place.stack()?.parameters(template.parameters()?);
    runtime()?.block_on(serve(options, progress))?;
    Ok(ExitCode::SUCCESS)
}

/// Behind `up`, which reads the events from standard output.
pub(crate) fn in_background(place: &Place, template: &Template) -> Result<ExitCode> {
    // Out of the terminal's session: closing the terminal must not end the stack.
    nix::unistd::setsid().context("leaving the terminal's session")?;
    let progress = Progress::new(Pipe::new(std::io::stdout()));
    let served = place
        .stack()
        .and_then(|options| Ok(options.parameters(template.parameters()?)))
        .and_then(|options| runtime()?.block_on(serve(options, progress.clone())));
    if let Err(error) = &served {
        progress.say(&Event::Broken { reason: format!("{error:#}") });
    }
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(options: StackOptions, progress: Progress) -> Result<()> {
    let mut signals = Signals::listen()?;
    let stack = tokio::select! {
        stack = Stack::up(options.progress(progress.clone())) => stack?,
        () = signals.next() => bail!("ended by a signal while it came up"),
    };
    progress.say(&Event::Ready { text: summary(stack.info(), stack.info_path()) });
    signals.next().await;
    stack.down().await
}

pub(super) fn runtime() -> Result<Runtime> {
    Runtime::new().context("starting the runtime")
}
