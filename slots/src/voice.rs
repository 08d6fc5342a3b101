//! What is said, in words or in JSON.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use rds_admission::telemetry::chain;
use serde::Serialize;
use serde_json::json;

use crate::{Args, COULD_NOT, Error};

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

    /// How far something is, on standard error: a line of words, or of JSON. It is not the answer: when it
    /// can't be said, nothing fails.
    pub(crate) fn meanwhile(self, words: impl Display, object: &impl Serialize) {
        if !self.json {
            err(&words.to_string());
        } else if let Ok(object) = serde_json::to_string(object) {
            err(&object);
        }
    }

    /// Says why there is no answer, on standard error and in one line.
    pub fn sorry(self, error: &Error) {
        // Its reader has gone, as `head` does: that is no trouble to speak of.
        if matches!(error, Error::Answer(cause) if cause.kind() == ErrorKind::BrokenPipe) {
            return;
        }
        let cause = in_one_line(&chain(error));
        err(&if self.json { trouble(&cause) } else { format!("slots: {cause}") });
    }

    /// Says what went wrong in the background, on standard error and in one line: in JSON where the command line
    /// asks for it.
    pub fn trouble(what: &impl Display) {
        let what = in_one_line(&what.to_string());
        err(&if asked_for_json() { trouble(&what) } else { format!("slots: {what}") });
    }

    /// Says why the arguments are no command: in words, or where they ask for JSON as any other error. Returns
    /// the exit code.
    #[must_use]
    pub fn misunderstood(error: &clap::Error) -> ExitCode {
        if asked_for_json() && error.use_stderr() {
            let said = error.render().to_string();
            let usage = |line: &&str| !["Usage:", "For more"].iter().any(|it| line.starts_with(it));
            let cause: Vec<_> = said.lines().take_while(usage).collect();
            err(&trouble(&in_one_line(cause.join("\n").trim_start_matches("error:"))));
        } else {
            // There is nowhere left to say that this failed.
            let _ = error.print();
        }
        u8::try_from(error.exit_code()).unwrap_or(COULD_NOT).into()
    }
}

fn asked_for_json() -> bool {
    std::env::args_os().any(|argument| argument == "--json")
}

/// Some causes are a list.
pub(crate) fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ").replace(":; ", ": ")
}

fn trouble(cause: &str) -> String {
    json!({"error": cause}).to_string()
}

fn err(line: &str) {
    // There is nowhere left to say that this failed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn out(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).map_err(Error::Answer)
}
