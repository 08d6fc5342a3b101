//! The command: reads its arguments, floods, prints what it saw, and exits with the verdict.

use std::process::ExitCode;

use clap::Parser;
use loadtest::{Args, run, show};

/// The exit code of a run that took place and did not pass.
const FAILED: u8 = 1;
/// The exit code when there was no run to judge; clap uses the same for bad arguments.
const NO_RUN: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args).await {
        Ok(report) => {
            print!("{}", show::summary(&report, args.json.as_deref(), args.report.as_deref()));
            if report.verdict.pass { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Err(error) => {
            eprintln!("loadtest: {}", show::chain(&error));
            ExitCode::from(NO_RUN)
        }
    }
}
