//! `local up`, `local down`, `local run -- COMMAND`, `local status`.

mod args;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

fn main() -> ExitCode {
    let Cli { command, place } = Cli::parse();
    let result = match &command {
        Command::Up { template, foreground: true } => {
            commands::serve::in_foreground(&place, template)
        }
        Command::Up { template, .. } => commands::up::up(&place, template),
        Command::Down => commands::down::down(&place),
        Command::Status => commands::status::status(&place),
        Command::Run { template, command } => commands::run::run(&place, template, command),
        Command::Serve { template } => commands::serve::in_background(&place, template),
    };
    result.unwrap_or_else(|error| {
        eprintln!("local: {error:#}");
        ExitCode::FAILURE
    })
}
