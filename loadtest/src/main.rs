//! The command: reads its arguments, floods, prints what it saw, and exits with the verdict.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, error::ErrorKind};
use loadtest::{
    Args, Cli, Command, FAILED, NO_RUN, files, interrupt::Interrupt, report::Report, run, show,
};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
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
    match run(args, &interrupt).await {
        Ok(report) => {
            print!("{}", show::summary(&report, args.out.as_deref()));
            if report.verdict.pass { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
        }
        Err(error) => sorry(&error),
    }
}

/// Says why there is nothing to judge.
fn sorry(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("loadtest: {}", show::chain(error));
    ExitCode::from(NO_RUN)
}
