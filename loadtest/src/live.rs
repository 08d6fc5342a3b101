//! The live view on standard error: a picture on a terminal, elsewhere a line every few seconds.

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
    sampling::{Gauge, Gauges},
    tally::{Counts, Tally},
};

/// The interval of the picture.
const PICTURE: Duration = Duration::from_millis(200);
/// The interval of lines without a terminal.
const LINES: Duration = Duration::from_secs(5);
/// The time over which rates are measured.
const RATES: Duration = Duration::from_secs(1);

/// A run to show.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) duration: Duration,
    pub(crate) tally: Arc<Tally>,
    pub(crate) gauges: Arc<Gauges>,
}

/// A live view. It ends with [`finish`](Self::finish).
pub(crate) struct Live {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Live {
    pub(crate) fn start(view: View) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = if std::io::stderr().is_terminal() {
            tokio::spawn(picture(view, ProgressDrawTarget::stderr(), stopped))
        } else {
            tokio::spawn(lines(view, stopped))
        };
        Self { stop, task }
    }

    pub(crate) async fn finish(self) {
        // A view that has ended early is no error.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn picture(view: View, target: ProgressDrawTarget, mut stopped: oneshot::Receiver<()>) {
    let picture = Picture::on(target, &view);
    let mut rates = Rates::default();
    let mut ticks = interval(PICTURE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => picture.show(&view, &mut rates, now.into_std()),
        }
    }
    picture.clear();
}

async fn lines(view: View, mut stopped: oneshot::Receiver<()>) {
    let mut rates = Rates::default();
    let mut ticks = interval(LINES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is immediate, without anything to print.
    rates.take(view.tally.counts(), ticks.tick().await.into_std());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            now = ticks.tick() => {
                let line = line(&view, &mut rates, now.into_std());
                // A failed write is no error.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// The lines of the picture.
struct Picture {
    all: MultiProgress,
    time: ProgressBar,
    rates: ProgressBar,
    slots: ProgressBar,
    connections: ProgressBar,
}

impl Picture {
    fn on(target: ProgressDrawTarget, view: &View) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let add = |template: &str, name: &'static str| {
            // Cannot fail: the templates are constants.
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("█▌░");
            all.add(ProgressBar::new(0).with_style(style).with_prefix(name))
        };
        let time = add("{prefix:17} {bar:30.green} {pos:>4} of {len} s", view.name);
        time.set_length(view.duration.as_secs());
        Self {
            rates: add("{prefix:17} {msg}", "answers a second"),
            slots: add("{prefix:17} {bar:30.cyan} {pos:>4} of {len}", "slots in use"),
            connections: add("{prefix:17} {bar:30.yellow} {pos:>4} of {len}", "connections"),
            time,
            all,
        }
    }

    fn show(&self, view: &View, rates: &mut Rates, now: Instant) {
        let elapsed = view.tally.elapsed(now);
        let counts = view.tally.counts();
        self.time.set_position(elapsed.as_secs().min(view.duration.as_secs()));
        rates.take(counts, now);
        self.rates.set_message(format!("{rates}, {}", waiting(counts, elapsed >= view.duration)));
        let latest = view.gauges.latest();
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
        // A closed terminal is no error.
        let _ = self.all.clear();
    }
}

/// Answers per second, measured over a second or more.
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
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
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

/// The numbers of the picture and the total counts on one line.
fn line(view: &View, rates: &mut Rates, now: Instant) -> String {
    let elapsed = view.tally.elapsed(now);
    let counts = view.tally.counts();
    rates.take(counts, now);
    let latest = view.gauges.latest();
    let gauge = |name: &str, gauge: Option<Gauge>| {
        gauge.map(|Gauge { used, of }| format!("  {name} {used}/{of}")).unwrap_or_default()
    };
    format!(
        "{}: {:>3}/{} s  admitted {} ({:.1}/s)  rejected {} ({:.1}/s)  broken {} ({:.1}/s){}{}  {}",
        view.name,
        elapsed.as_secs().min(view.duration.as_secs()),
        view.duration.as_secs(),
        counts.admitted,
        rates.admitted,
        counts.rejected,
        rates.rejected,
        counts.broken,
        rates.broken,
        gauge("slots", latest.slots),
        gauge("connections", latest.connections),
        waiting(counts, elapsed >= view.duration)
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

    fn view() -> (View, Instant) {
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
        (View { name: "with admission", duration, tally, gauges }, start)
    }

    /// The rates of a run that began at `start`.
    fn from(start: Instant) -> Rates {
        Rates { since: Some((start, Counts::default())), ..Rates::default() }
    }

    #[test]
    fn the_picture_has_time_rates_slots_and_connections() {
        let term = InMemoryTerm::new(10, 100);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
        let (view, start) = view();
        let picture = Picture::on(target, &view);
        let mut rates = from(start);
        picture.show(&view, &mut rates, start + Duration::from_secs(2));
        // Draws without rate limiting.
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
        let (view, start) = view();
        let mut rates = from(start);
        assert_eq!(
            line(&view, &mut rates, start + Duration::from_secs(5)),
            "with admission:   5/30 s  admitted 2 (0.4/s)  rejected 1 (0.2/s)  broken 0 (0.0/s)  \
             slots 58/60  connections 61/66  1 under way"
        );
        // Rates are since the previous line, counts of the whole run.
        assert_eq!(
            line(&view, &mut rates, start + Duration::from_secs(31)),
            "with admission:  30/30 s  admitted 2 (0.0/s)  rejected 1 (0.0/s)  broken 0 (0.0/s)  \
             slots 58/60  connections 61/66  1 last answers awaited"
        );
    }

    #[test]
    fn what_is_not_watched_is_not_in_the_line() {
        let (view, start) = view();
        let view = View { gauges: Arc::default(), ..view };
        let line = line(&view, &mut from(start), start);
        assert!(!line.contains("slots") && !line.contains("connections"), "{line}");
    }
}
