//! What the terminal shows meanwhile.

use std::{
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::tally::{Counts, Tally};

/// Time between two looks of the bar.
const BAR: Duration = Duration::from_millis(200);
/// Time between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line every five seconds elsewhere; both on standard error.
pub struct Progress {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Progress {
    /// Begins to show a tally that grows for `duration` and until its last answer.
    #[must_use]
    pub fn start(tally: Arc<Tally>, duration: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = if std::io::stderr().is_terminal() {
            tokio::spawn(bar(tally, duration, stopped))
        } else {
            tokio::spawn(lines(tally, duration, stopped))
        };
        Self { stop, task }
    }

    /// Shows no more.
    pub async fn finish(self) {
        // Nothing depends on a display that has ended early.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn bar(tally: Arc<Tally>, duration: Duration, mut stopped: oneshot::Receiver<()>) {
    let style = ProgressStyle::with_template("{bar:30} {pos:>3}/{len} s  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(duration.as_secs()).with_style(style);
    let mut ticks = interval(BAR);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => {
                let elapsed = elapsed(&tally, now.into_std());
                bar.set_position(elapsed.as_secs().min(duration.as_secs()));
                bar.set_message(line(tally.counts(), elapsed >= duration));
            }
        }
    }
    bar.finish_and_clear();
}

async fn lines(tally: Arc<Tally>, duration: Duration, mut stopped: oneshot::Receiver<()>) {
    let mut ticks = interval(LINES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once, and there is nothing to say yet.
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => {
                let elapsed = elapsed(&tally, now.into_std());
                let line = line(tally.counts(), elapsed >= duration);
                eprintln!("{:>3}/{} s  {line}", elapsed.as_secs(), duration.as_secs());
            }
        }
    }
}

fn elapsed(tally: &Tally, now: Instant) -> Duration {
    now.saturating_duration_since(tally.first(now))
}

fn line(counts: Counts, over: bool) -> String {
    let Counts { admitted, rejected, broken, in_flight } = counts;
    let waits = if over { "last answers awaited" } else { "in flight" };
    format!("admitted {admitted}  rejected {rejected}  broken {broken}  {waits} {in_flight}")
}
