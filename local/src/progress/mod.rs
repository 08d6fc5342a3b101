//! Says what is going on while the stack comes up: one step after the other.

mod screen;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use screen::Screen;
pub use wire::{Pipe, replay};

/// Something to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// A step began.
    Began {
        /// What is being done, e.g. `starting MariaDB`.
        step: String,
    },
    /// A step goes on; the latest note replaces the one before.
    Note {
        /// The step.
        step: String,
        /// What it is at.
        note: String,
    },
    /// A step ended well.
    Done {
        /// The step.
        step: String,
        /// How long it took.
        seconds: f64,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: String,
    },
    /// The stack answers; the text is for the user.
    Ready {
        /// What is there now.
        text: String,
    },
    /// The stack could not be brought up.
    Broken {
        /// Why, with all causes.
        reason: String,
    },
}

/// Somebody who listens.
pub trait Listener: Send + Sync {
    /// Takes an event. Never fails: nobody listening is no reason to stop.
    fn hear(&self, event: &Event);
}

/// Where steps are announced. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Option<Arc<dyn Listener>>);

impl Progress {
    /// Tells `listener`.
    pub fn new(listener: impl Listener + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// Says something.
    pub fn say(&self, event: &Event) {
        if let Some(listener) = &self.0 {
            listener.hear(event);
        }
    }

    /// Begins a step. It counts as failed unless [`Step::done`] is called.
    #[must_use]
    pub fn step(&self, step: impl Into<String>) -> Step {
        let name = step.into();
        self.say(&Event::Began { step: name.clone() });
        Step { progress: self.clone(), name, began: Instant::now(), is_done: false }
    }
}

/// A step that is going on.
pub struct Step {
    progress: Progress,
    name: String,
    began: Instant,
    is_done: bool,
}

impl Step {
    /// Says what the step is at.
    pub fn note(&self, note: impl Into<String>) {
        self.progress.say(&Event::Note { step: self.name.clone(), note: note.into() });
    }

    /// Ends the step well.
    pub fn done(mut self) {
        self.is_done = true;
        let elapsed: Duration = self.began.elapsed();
        self.progress.say(&Event::Done { step: self.name.clone(), seconds: elapsed.as_secs_f64() });
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.is_done {
            self.progress.say(&Event::Failed { step: self.name.clone() });
        }
    }
}
