//! `chaos --stack stack.json`: see [`chaos::Args`].

use std::process::ExitCode;

use chaos::Args;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match chaos::run(Args::parse()).await {
        Ok(verdict) if verdict.passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}
