//! Events over a pipe, from the supervisor in the background to the command that started it.

use std::io::{BufRead, Write};
use std::sync::{Mutex, PoisonError};

use super::{Event, Listener, Progress};

/// Writes each event as a line of JSON.
pub struct Pipe<W>(Mutex<W>);

impl<W: Write + Send> Pipe<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }
}

impl<W: Write + Send> Listener for Pipe<W> {
    fn hear(&self, event: &Event) {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(line) = serde_json::to_string(event) {
            // The reader leaves once the stack is up.
            let _ = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    }
}

/// Repeats to `progress` what comes out of the pipe, up to its end or the event that ends the
/// story, which is returned.
pub fn replay(pipe: impl BufRead, progress: &Progress) -> Option<Event> {
    for line in pipe.lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Event>(&line) else {
            continue;
        };
        progress.say(&event);
        if matches!(event, Event::Ready { .. } | Event::Broken { .. }) {
            return Some(event);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Event, Listener, Pipe, Progress, replay};

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<Event>>>);

    impl Listener for Heard {
        fn hear(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    #[test]
    fn what_goes_in_comes_out_up_to_the_end_of_the_story() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let progress = Progress::new(Pipe::new(written.reopen().unwrap()));
        progress.step("one").done();
        drop(progress.step("two"));
        let broken = Event::Broken { reason: "it broke".to_owned() };
        progress.say(&broken);
        progress.step("never seen").done();

        let heard = Heard::default();
        let text = std::fs::read(written.path()).unwrap();
        let end = replay(text.as_slice(), &Progress::new(heard.clone()));
        assert_eq!(end, Some(broken.clone()));

        let heard = heard.0.lock().unwrap();
        assert_eq!(heard.len(), 5);
        assert!(matches!(&heard[1], Event::Done { step, .. } if step == "one"));
        assert!(matches!(&heard[3], Event::Failed { step } if step == "two"));
        assert_eq!(heard[4], broken);
    }

    #[test]
    fn a_pipe_that_just_ends_has_no_end_of_the_story() {
        assert_eq!(replay(&b"not json\n"[..], &Progress::silent()), None);
    }
}
