//! The command: reads its arguments, floods, prints what it saw, and exits with the verdict.

use std::{
    fmt::Display,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};
use loadtest::{
    Args, Cli, Command, FAILED, NO_RUN, Tested, files, interrupt::Interrupt, report::Report, run,
    show,
};
use rds_admission::telemetry::{catch_panic, chain, report_panics};

#[tokio::main]
async fn main() -> ExitCode {
    // Of tasks in the background, such as a user; one that is waited for is an error as any other.
    report_panics(|panicked| {
        let _ = writeln!(io::stderr(), "loadtest: {panicked}");
    });
    match catch_panic(Box::pin(command(Cli::parse()))).await {
        Ok(code) => code,
        Err(panicked) => sorry(&panicked),
    }
}

async fn command(cli: Cli) -> ExitCode {
    match cli.command {
        Some(Command::Page { report, output }) => {
            match files::rewrite(&report, output.as_deref()) {
                Ok(page) => said(page.display(), ExitCode::SUCCESS),
                Err(error) => sorry(&error),
            }
        }
        Some(Command::Schema) => {
            let schema = schemars::schema_for!(Report).to_value();
            said(format_args!("{schema:#}"), ExitCode::SUCCESS)
        }
        None => flood(&cli.args).await,
    }
}

async fn flood(args: &Args) -> ExitCode {
    if let Some(words) = args.contradiction() {
        Cli::command().error(ErrorKind::ArgumentConflict, words).exit();
    }
    let interrupt = match Interrupt::by_signal() {
        Ok(interrupt) => interrupt,
        Err(error) => return sorry(&error),
    };
    let Tested { report, is_written, errors } = run(args, &interrupt).await;
    let code = match &report {
        _ if !errors.is_empty() => ExitCode::from(NO_RUN),
        Some(report) if report.verdict.pass => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    };
    let code = match &report {
        Some(report) => {
            let out = args.out.as_deref().filter(|_| is_written);
            said(show::summary(report, out).trim_end_matches('\n'), code)
        }
        None => code,
    };
    for error in &errors {
        sorry(error);
    }
    code
}

/// Answers on standard output, and returns `code`: also where the reader has gone, as `head` does.
fn said(answer: impl Display, code: ExitCode) -> ExitCode {
    let mut out = io::stdout().lock();
    match writeln!(out, "{answer}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => sorry(&error),
        _ => code,
    }
}

/// Says what went wrong, other than with the service.
fn sorry(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    // There is nowhere left to say that this failed.
    let _ = writeln!(io::stderr(), "loadtest: {}", chain(error));
    ExitCode::from(NO_RUN)
}
