//! Output as text or JSON.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use rds_admission::telemetry::chain;
use serde::Serialize;
use serde_json::json;

use crate::args::Args;
use crate::error::Error;

/// Exit code of a command that found a problem, no such lease, or timed out.
pub(crate) const EXIT_FOUND: u8 = 1;
/// Exit code of a command that failed: bad arguments, table out of reach.
pub(crate) const EXIT_ERROR: u8 = 2;

/// Prints text, or JSON with `--json`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    pub(crate) fn new(args: &Args) -> Self {
        Self { json: args.json }
    }

    /// For errors that occur where there are no parsed arguments.
    pub(crate) fn from_command_line() -> Self {
        Self { json: std::env::args_os().any(|argument| argument == "--json") }
    }

    /// Prints the result to standard output: text, or an indented object.
    pub(crate) fn print(self, text: impl Display, object: &impl Serialize) -> Result<(), Error> {
        print_stdout(&if self.json {
            serde_json::to_string_pretty(object).map_err(|error| Error::Output(error.into()))?
        } else {
            text.to_string()
        })
    }

    /// Prints one of several results to standard output: a line of text or of JSON.
    pub(crate) fn print_line(
        self,
        text: impl Display,
        object: &impl Serialize,
    ) -> Result<(), Error> {
        print_stdout(&if self.json {
            serde_json::to_string(object).map_err(|error| Error::Output(error.into()))?
        } else {
            text.to_string()
        })
    }

    /// Prints progress to standard error: a line of text or of JSON. Ignores failures.
    pub(crate) fn print_progress(self, text: impl Display, object: &impl Serialize) {
        if !self.json {
            print_stderr(&text.to_string());
        } else if let Ok(object) = serde_json::to_string(object) {
            print_stderr(&object);
        }
    }

    /// Prints the error and its causes to standard error, in one line.
    pub(crate) fn print_error(self, error: &Error) {
        // The reader closed the pipe, as `head` does.
        if matches!(error, Error::Output(cause) if cause.kind() == ErrorKind::BrokenPipe) {
            return;
        }
        self.print_message(&chain(error));
    }

    /// Prints an error message to standard error, in one line.
    pub(crate) fn print_message(self, message: &str) {
        let message = in_one_line(message);
        print_stderr(&if self.json {
            json!({"error": message}).to_string()
        } else {
            format!("slots: {message}")
        });
    }

    /// Prints why the arguments are invalid, or the requested help text. Returns the exit code.
    pub(crate) fn print_usage_error(self, error: &clap::Error) -> ExitCode {
        if self.json && error.use_stderr() {
            let text = error.render().to_string();
            let is_cause =
                |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
            let cause: Vec<_> = text.lines().take_while(is_cause).collect();
            self.print_message(cause.join("\n").trim_start_matches("error:"));
        } else {
            // Nowhere is left to report a failure.
            let _ = error.print();
        }
        u8::try_from(error.exit_code()).unwrap_or(EXIT_ERROR).into()
    }
}

/// Joins the lines of a text, as some causes are a list.
pub(crate) fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ").replace(":; ", ": ")
}

/// Returns `n` and the noun for it: `1 lease has`, `2 leases have`.
pub(crate) fn plural<N: Copy + Display + PartialEq + From<u8>>(
    n: N,
    one: &str,
    more: &str,
) -> String {
    format!("{n} {}", if n == N::from(1) { one } else { more })
}

fn print_stderr(line: &str) {
    // Nowhere is left to report a failure.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn print_stdout(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).map_err(Error::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noun_agrees_with_the_number() {
        assert_eq!(plural(1_u32, "lease", "leases"), "1 lease");
        assert_eq!(plural(0_u32, "lease", "leases"), "0 leases");
        assert_eq!(plural(2_usize, "lease has", "leases have"), "2 leases have");
    }
}
