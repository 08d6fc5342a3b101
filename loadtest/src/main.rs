//! The command: reads its arguments, floods, prints what it saw, and exits with the verdict.

use std::{io::Write as _, process::ExitCode};

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
        let _ = writeln!(std::io::stderr(), "loadtest: {panicked}");
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
                Ok(page) => {
                    println!("{}", page.display());
                    ExitCode::SUCCESS
                }
                Err(error) => sorry(&error),
            }
        }
        Some(Command::Schema) => {
            println!("{:#}", schemars::schema_for!(Report).to_value());
            ExitCode::SUCCESS
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
    if let Some(report) = &report {
        let out = args.out.as_deref().filter(|_| is_written);
        print!("{}", show::summary(report, out));
    }
    for error in &errors {
        sorry(error);
    }
    match report {
        _ if !errors.is_empty() => ExitCode::from(NO_RUN),
        Some(report) if report.verdict.pass => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    }
}

/// Says what went wrong, other than with the service.
fn sorry(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    eprintln!("loadtest: {}", chain(error));
    ExitCode::from(NO_RUN)
}
