//! What is said, in words or in JSON.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use rds_admission::telemetry::chain;
use serde::Serialize;
use serde_json::json;

use crate::{Args, Error};

/// Speaks words, or JSON.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    json: bool,
}

impl Voice {
    /// As the arguments ask for.
    #[must_use]
    pub fn of(args: &Args) -> Self {
        Self { json: args.json }
    }

    /// Whether it speaks JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Answers, on standard output: words, or an indented object.
    pub(crate) fn answer(self, words: impl Display, object: &impl Serialize) -> Result<(), Error> {
        if self.json {
            out(&serde_json::to_string_pretty(object)
                .map_err(|error| Error::Answer(error.into()))?)
        } else {
            out(&words.to_string())
        }
    }

    /// One of many answers: a line of words, or of JSON.
    pub(crate) fn line(self, words: impl Display, object: &impl Serialize) -> Result<(), Error> {
        if self.json {
            out(&serde_json::to_string(object).map_err(|error| Error::Answer(error.into()))?)
        } else {
            out(&words.to_string())
        }
    }

    /// Says why there is no answer, on standard error and in one line.
    pub fn sorry(self, error: &Error) {
        // Some causes are a list.
        let cause = chain(error).lines().map(str::trim).collect::<Vec<_>>().join("; ");
        // Its reader has gone, as `head` does: that is no trouble to speak of.
        if matches!(error, Error::Answer(cause) if cause.kind() == ErrorKind::BrokenPipe) {
            return;
        }
        let line =
            if self.json { json!({"error": cause}).to_string() } else { format!("slots: {cause}") };
        // There is nowhere left to say that this failed.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

fn out(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).map_err(Error::Answer)
}
