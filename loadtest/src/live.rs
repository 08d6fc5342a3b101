//! What the terminal shows meanwhile: on a terminal a picture that changes, elsewhere a line every few
//! seconds. Both on standard error.

use std::{
    io::IsTerminal,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    gauges::{Gauge, Gauges},
    tally::{Counts, Tally},
};

/// Time between two looks of the picture.
const PICTURE: Duration = Duration::from_millis(200);
/// Time between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);
/// Time over which rates are taken.
const RATES: Duration = Duration::from_secs(1);

/// A run that is being looked at.
#[derive(Clone)]
pub struct Seen {
    /// What the run is called.
    pub name: &'static str,
    /// How long requests are started.
    pub duration: Duration,
    /// The answers.
    pub tally: Arc<Tally>,
    /// The latest samples.
    pub gauges: Arc<Gauges>,
}

/// A live view, until it is finished.
pub struct Live {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Live {
    /// Begins to show a run.
    #[must_use]
    pub fn start(seen: Seen) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = if std::io::stderr().is_terminal() {
            tokio::spawn(picture(seen, ProgressDrawTarget::stderr(), stopped))
        } else {
            tokio::spawn(lines(seen, stopped))
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

async fn picture(seen: Seen, target: ProgressDrawTarget, mut stopped: oneshot::Receiver<()>) {
    let picture = Picture::on(target, &seen);
    let mut rates = Rates::default();
    let mut ticks = interval(PICTURE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => picture.show(&seen, &mut rates, now.into_std()),
        }
    }
    picture.clear();
}

async fn lines(seen: Seen, mut stopped: oneshot::Receiver<()>) {
    let mut rates = Rates::default();
    let mut ticks = interval(LINES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once, and there is nothing to say yet.
    rates.take(seen.tally.counts(), ticks.tick().await.into_std());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => {
                let line = line(&seen, &mut rates, now.into_std());
                // Nothing depends on whether it can be shown.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// The lines of the picture, from top to bottom.
struct Picture {
    all: MultiProgress,
    time: ProgressBar,
    rates: ProgressBar,
    slots: ProgressBar,
    connections: ProgressBar,
}

impl Picture {
    fn on(target: ProgressDrawTarget, seen: &Seen) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let add = |template: &str, name: &'static str| {
            // The templates are from here, and are tested.
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("█▌░");
            all.add(ProgressBar::new(0).with_style(style).with_prefix(name))
        };
        let time = add("{prefix:17} {bar:30.green} {pos:>4} of {len} s", seen.name);
        time.set_length(seen.duration.as_secs());
        Self {
            rates: add("{prefix:17} {msg}", "answers a second"),
            slots: add("{prefix:17} {bar:30.cyan} {pos:>4} of {len}", "slots in use"),
            connections: add("{prefix:17} {bar:30.yellow} {pos:>4} of {len}", "connections"),
            time,
            all,
        }
    }

    fn show(&self, seen: &Seen, rates: &mut Rates, now: Instant) {
        let elapsed = seen.tally.elapsed(now);
        let counts = seen.tally.counts();
        self.time.set_position(elapsed.as_secs().min(seen.duration.as_secs()));
        rates.take(counts, now);
        self.rates.set_message(format!("{rates}, {}", waiting(counts, elapsed >= seen.duration)));
        let latest = seen.gauges.latest();
        for (bar, gauge) in [(&self.slots, latest.slots), (&self.connections, latest.connections)] {
            if let Some(Gauge { used, of }) = gauge {
                bar.set_length(of);
                bar.set_position(used);
            }
        }
    }

    fn clear(self) {
        for bar in [&self.time, &self.rates, &self.slots, &self.connections] {
            bar.finish_and_clear();
        }
        // A terminal that is gone needs no clearing.
        let _ = self.all.clear();
    }
}

/// Answers a second, since the last look that is a second or more ago.
#[derive(Default)]
struct Rates {
    since: Option<(Instant, Counts)>,
    admitted: f64,
    rejected: f64,
    broken: f64,
}

impl Rates {
    fn take(&mut self, counts: Counts, now: Instant) {
        let (then, before) = *self.since.get_or_insert((now, counts));
        let passed = now.saturating_duration_since(then);
        if passed < RATES {
            return;
        }
        // Answers between two looks are few enough to be exact.
        #[expect(clippy::cast_precision_loss)]
        let rate = |now: u64, before: u64| (now - before) as f64 / passed.as_secs_f64();
        self.admitted = rate(counts.admitted, before.admitted);
        self.rejected = rate(counts.rejected, before.rejected);
        self.broken = rate(counts.broken, before.broken);
        self.since = Some((now, counts));
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { admitted, rejected, broken, .. } = self;
        write!(f, "admitted {admitted:.1}, rejected {rejected:.1}, broken {broken:.1}")
    }
}

/// All that the picture shows, and the counts so far, on one line.
fn line(seen: &Seen, rates: &mut Rates, now: Instant) -> String {
    let elapsed = seen.tally.elapsed(now);
    let counts = seen.tally.counts();
    rates.take(counts, now);
    let latest = seen.gauges.latest();
    let gauge = |name: &str, gauge: Option<Gauge>| {
        gauge.map(|Gauge { used, of }| format!("  {name} {used}/{of}")).unwrap_or_default()
    };
    format!(
        "{}: {:>3}/{} s  admitted {} ({:.1}/s)  rejected {} ({:.1}/s)  broken {} ({:.1}/s){}{}  {}",
        seen.name,
        elapsed.as_secs().min(seen.duration.as_secs()),
        seen.duration.as_secs(),
        counts.admitted,
        rates.admitted,
        counts.rejected,
        rates.rejected,
        counts.broken,
        rates.broken,
        gauge("slots", latest.slots),
        gauge("connections", latest.connections),
        waiting(counts, elapsed >= seen.duration)
    )
}

fn waiting(counts: Counts, over: bool) -> String {
    let waits = if over { "last answers awaited" } else { "under way" };
    format!("{} {waits}", counts.in_flight)
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::{outcome::Outcome, tally::Client};

    fn seen() -> (Seen, Instant) {
        let tally = Arc::new(Tally::new(Duration::from_secs(30)));
        let start = tally.start(Instant::now());
        for outcome in [Outcome::Admitted, Outcome::Admitted, Outcome::Rejected("no-slot")] {
            tally.begin(start, start);
            tally.end(Client::Patient, &outcome, Duration::ZERO, start);
        }
        tally.begin(start, start);
        let gauges = Arc::new(Gauges::default());
        gauges.set_slots(58, 60);
        gauges.set_connections(61, 66);
        let duration = Duration::from_secs(30);
        (Seen { name: "with admission", duration, tally, gauges }, start)
    }

    /// The rates of a run that has begun.
    fn from(start: Instant) -> Rates {
        Rates { since: Some((start, Counts::default())), ..Rates::default() }
    }

    #[test]
    fn the_picture_has_time_rates_slots_and_connections() {
        let term = InMemoryTerm::new(10, 100);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
        let (seen, start) = seen();
        let picture = Picture::on(target, &seen);
        let mut rates = from(start);
        picture.show(&seen, &mut rates, start + Duration::from_secs(2));
        // Drawn at once, whatever was drawn a moment ago.
        for bar in [&picture.time, &picture.rates, &picture.slots, &picture.connections] {
            bar.force_draw();
        }
        let shown = term.contents();
        for part in [
            "with admission",
            "2 of 30 s",
            "admitted 1.0, rejected 0.5, broken 0.0, 1 under way",
            "58 of 60",
            "61 of 66",
        ] {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
        picture.clear();
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn the_line_has_them_too() {
        let (seen, start) = seen();
        let mut rates = from(start);
        assert_eq!(
            line(&seen, &mut rates, start + Duration::from_secs(5)),
            "with admission:   5/30 s  admitted 2 (0.4/s)  rejected 1 (0.2/s)  broken 0 (0.0/s)  \
             slots 58/60  connections 61/66  1 under way"
        );
        // The rates are of the time since the line before, the counts of the whole run.
        assert_eq!(
            line(&seen, &mut rates, start + Duration::from_secs(31)),
            "with admission:  30/30 s  admitted 2 (0.0/s)  rejected 1 (0.0/s)  broken 0 (0.0/s)  \
             slots 58/60  connections 61/66  1 last answers awaited"
        );
    }

    #[test]
    fn what_is_not_watched_is_not_in_the_line() {
        let (seen, start) = seen();
        let seen = Seen { gauges: Arc::default(), ..seen };
        let line = line(&seen, &mut from(start), start);
        assert!(!line.contains("slots") && !line.contains("connections"), "{line}");
    }
}
