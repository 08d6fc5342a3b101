//! `slots`: the command-line tool of the person on call.
//!
//! It works on the DynamoDB table with the AWS credentials of its user, so it works when the counter does not. Every
//! change is one conditional write, like the counter's ([`PoolAdmin`](rds_admission::store::PoolAdmin)).

mod args;
mod clock;
mod commands;
mod doctor;
mod error;
mod output;
mod status;
mod table;
mod wait;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use rds_admission::telemetry::report_panics;

use args::Args;
use output::{EXIT_ERROR, Output};

/// Runs the command line `args` and returns its exit code.
pub async fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    // Panics of background tasks only: a panic of the command itself is its error.
    report_panics(|panicked| Output::from_command_line().print_message(&panicked.to_string()));
    let args = match Args::read(args) {
        Ok(args) => args,
        Err(error) => return Output::from_command_line().print_usage_error(&error),
    };
    commands::run(&args).await.unwrap_or_else(|error| {
        Output::new(&args).print_error(&error);
        EXIT_ERROR.into()
    })
}
