//! Shows the progress on standard error: spinners on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Event, Listener};

/// The interval of lines about a running step, without a terminal.
const PLAIN_NOTES: Duration = Duration::from_secs(15);

pub(crate) struct Screen {
    terminal: bool,
    bars: MultiProgress,
    steps: Mutex<HashMap<String, Showing>>,
}

struct Showing {
    bar: ProgressBar,
    began: Instant,
    printed: Instant,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            bars: MultiProgress::new(),
            steps: Mutex::default(),
        }
    }
}

impl Screen {
    fn begin(&self, step: &str) {
        let bar = if self.terminal {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(style());
            bar.set_prefix(step.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        } else {
            ProgressBar::hidden()
        };
        let now = Instant::now();
        let showing = Showing { bar, began: now, printed: now };
        self.lock().insert(step.to_owned(), showing);
    }

    fn note(&self, step: &str, note: &str) {
        let mut steps = self.lock();
        let Some(showing) = steps.get_mut(step) else { return };
        showing.bar.set_message(note.to_owned());
        if !self.terminal && showing.printed.elapsed() >= PLAIN_NOTES {
            showing.printed = Instant::now();
            let seconds = showing.began.elapsed().as_secs();
            eprintln!("  {step}: {seconds} s so far ({note})");
        }
    }

    fn end(&self, step: &str, line: &str) {
        if let Some(showing) = self.lock().remove(step) {
            showing.bar.finish_and_clear();
        }
        self.print(line);
    }

    fn print(&self, line: &str) {
        if self.terminal {
            // Above the spinners. A failed write to a closed terminal is ignored.
            let _ = self.bars.println(line);
        } else {
            eprintln!("{line}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Showing>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Screen {
    fn on_event(&self, event: &Event) {
        match event {
            Event::Began { step } => self.begin(step),
            Event::Note { step, note } => self.note(step, note),
            Event::Done { step, seconds } => {
                self.end(step, &format!("  {step:<44} {seconds:>6.1} s"));
            }
            Event::Failed { step } => self.end(step, &format!("  {step:<44} failed")),
            Event::Ready { text } => self.print(text),
            // Reported as the error of the command.
            Event::Broken { .. } => {}
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
        // Cannot fail: the template is a constant.
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
