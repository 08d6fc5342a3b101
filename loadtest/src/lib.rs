//! The load test: floods `GET <host>/employees`, classifies the answers as admitted, rejected or broken, watches the
//! database's counters and the pool's slots, and judges the result.
//!
//! | concept | module |
//! |---|---|
//! | what is flooded and watched | `target`, `stack` |
//! | how the load changes, and when requests are due | `shape`, `arrivals` |
//! | the users, which honour `Retry-After` | `flood` |
//! | the meaning of an answer | `outcome` |
//! | the running counts | `tally`, `timeline` |
//! | samples of the server and of the pool's table | `sampling`, `watch`, `slots` |
//! | limits of this machine | `descriptors` |
//! | the query function, whose variables are changed and restored | `function` |
//! | one run, and the whole test | `once`, `run` |
//! | the numbers and the verdict | [`report`], `utilisation`, `verdict` |
//! | the terminal and the files | `live`, `show`, `files`, `page` |

mod args;
mod arrivals;
mod descriptors;
mod files;
mod flood;
mod function;
mod interrupt;
mod live;
mod once;
mod outcome;
mod page;
pub mod report;
mod run;
mod sampling;
mod shape;
mod show;
mod slots;
mod stack;
mod tally;
mod target;
mod timeline;
mod utilisation;
mod verdict;
mod watch;

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};
use rds_admission::telemetry::{catch_panic, chain, report_panics};

use args::{Args, Cli, Command};
use interrupt::{Interrupt, NO_RUN};
use run::Tested;

/// The exit code of a test that failed.
const FAILED: u8 = 1;

/// Runs the command line: floods, prints the result, and returns the verdict as the exit code.
pub async fn main() -> ExitCode {
    // Of background tasks, such as a user; a panic of a task that is awaited is an ordinary error.
    report_panics(|panicked| {
        let _ = writeln!(io::stderr(), "loadtest: {panicked}");
    });
    match catch_panic(Box::pin(command(Cli::parse()))).await {
        Ok(code) => code,
        Err(panicked) => print_error(&panicked),
    }
}

async fn command(cli: Cli) -> ExitCode {
    match cli.command {
        Some(Command::Page { report, output }) => {
            match files::rewrite(&report, output.as_deref()) {
                Ok(page) => print(page.display(), ExitCode::SUCCESS),
                Err(error) => print_error(&error),
            }
        }
        Some(Command::Schema) => {
            let schema = schemars::schema_for!(report::Report).to_value();
            print(format_args!("{schema:#}"), ExitCode::SUCCESS)
        }
        None => flood(&cli.args).await,
    }
}

async fn flood(args: &Args) -> ExitCode {
    if let Some(message) = args.contradiction() {
        Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    let interrupt = match Interrupt::by_signal() {
        Ok(interrupt) => interrupt,
        Err(error) => return print_error(&error),
    };
    let Tested { report, is_written, errors } = run::run(args, &interrupt).await;
    let mut code = match &report {
        _ if !errors.is_empty() => ExitCode::from(NO_RUN),
        Some(report) if report.verdict.pass => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    };
    if let Some(report) = &report {
        let out = args.out.as_deref().filter(|_| is_written);
        code = print(show::summary(report, out).trim_end_matches('\n'), code);
    }
    for error in &errors {
        print_error(error);
    }
    code
}

/// Prints to standard output and returns `code`. A closed pipe, as with `head`, is no error.
fn print(text: impl Display, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => print_error(&error),
        _ => code,
    }
}

fn print_error(error: &(dyn Error + 'static)) -> ExitCode {
    // A failed write to standard error can't be reported.
    let _ = writeln!(io::stderr(), "loadtest: {}", chain(error));
    ExitCode::from(NO_RUN)
}
