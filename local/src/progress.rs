//! The progress of a stack that comes up, as events.

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Event {
    Began {
        /// What is being done, e.g. `starting MariaDB`.
        step: String,
    },
    /// The latest note of a step replaces the one before.
    Note {
        step: String,
        note: String,
    },
    Done {
        step: String,
        seconds: f64,
    },
    Failed {
        step: String,
    },
    /// The stack answers; the text is for the user. The last event, as is [`Self::Broken`].
    Ready {
        text: String,
    },
    /// The stack could not be started.
    Broken {
        /// The error with all causes.
        reason: String,
    },
}

pub(crate) trait Listener: Send + Sync {
    fn on_event(&self, event: &Event);
}

/// Where steps are announced. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Progress(Arc<dyn Listener>);

impl Progress {
    pub(crate) fn new(listener: impl Listener + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub(crate) fn report(&self, event: &Event) {
        self.0.on_event(event);
    }

    /// Begins a step. It counts as failed unless [`Step::done`] is called.
    #[must_use]
    pub(crate) fn step(&self, step: impl Into<String>) -> Step {
        let name = step.into();
        self.report(&Event::Began { step: name.clone() });
        Step { progress: self.clone(), name, began: Instant::now(), is_done: false }
    }
}

/// A step in progress.
pub(crate) struct Step {
    progress: Progress,
    name: String,
    began: Instant,
    is_done: bool,
}

impl Step {
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.progress.report(&Event::Note { step: self.name.clone(), note: note.into() });
    }

    pub(crate) fn done(mut self) {
        self.is_done = true;
        let seconds = self.began.elapsed().as_secs_f64();
        self.progress.report(&Event::Done { step: self.name.clone(), seconds });
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.is_done {
            self.progress.report(&Event::Failed { step: self.name.clone() });
        }
    }
}

/// Writes each event as a line of JSON, from the supervisor to the command that started it.
pub(crate) struct Pipe<W>(Mutex<W>);

impl<W: Write + Send> Pipe<W> {
    pub(crate) fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }
}

impl<W: Write + Send> Listener for Pipe<W> {
    fn on_event(&self, event: &Event) {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(line) = serde_json::to_string(event) {
            // The reader leaves once the stack is up.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }
}

/// Reports the events from a pipe to `progress`, up to the last one, which is returned.
pub(crate) fn replay(pipe: impl BufRead, progress: &Progress) -> Option<Event> {
    for line in pipe.lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Event>(&line) else {
            continue;
        };
        progress.report(&event);
        if matches!(event, Event::Ready { .. } | Event::Broken { .. }) {
            return Some(event);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<Event>>>);

    impl Listener for Recorder {
        fn on_event(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn events_are_replayed_up_to_the_last() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let progress = Progress::new(Pipe::new(written.reopen().unwrap()));
        progress.step("one").done();
        drop(progress.step("two"));
        let broken = Event::Broken { reason: "it broke".to_owned() };
        progress.report(&broken);
        progress.step("never seen").done();

        let events = Recorder::default();
        let text = std::fs::read(written.path()).unwrap();
        let end = replay(text.as_slice(), &Progress::new(events.clone()));
        assert_eq!(end, Some(broken.clone()));

        let events = events.0.lock().unwrap();
        assert_eq!(events.len(), 5);
        assert!(matches!(&events[1], Event::Done { step, .. } if step == "one"));
        assert!(matches!(&events[3], Event::Failed { step } if step == "two"));
        assert_eq!(events[4], broken);
    }

    #[test]
    fn a_pipe_without_a_last_event_returns_none() {
        assert_eq!(replay(&b"not json\n"[..], &Progress::new(Recorder::default())), None);
    }
}
