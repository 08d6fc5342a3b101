//! Measures the cost of an admission decision and prints a table for each question.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use bench::rounds::Plan;
use bench::sections::{self, Options};
use bench::{machine, server};
use clap::{Parser, Subcommand};
use support::document;

/// Measures the cost of an admission decision and prints a table for each question.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only these tables [default: all but `lambda`, which needs a stack: `local run -- bench lambda`]
    #[arg(value_name = "TABLE")]
    only: Vec<String>,
    /// Write the tables into this document, each in its place
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/performance.md")]
    write: Option<PathBuf>,
    /// Rounds for each subject, after one for warm-up
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Length of a round, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 400)]
    round: u64,
    /// Rejections that end a rush
    #[arg(long, default_value_t = 10_000)]
    rejections: u64,
    /// The stack.json of a running local stack
    #[arg(long, env = "STACK_JSON", value_name = "FILE")]
    stack: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The embedded database; ends at the end of standard input
    #[command(name = server::SUBCOMMAND, hide = true)]
    Serve,
}

// One thread, as in the functions. The database has a process of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Serve) => server::serve().await,
        None => measure(args).await,
    }
}

async fn measure(args: Args) -> Result<()> {
    let names = sections::chosen(&args.only)?;
    let options = Options {
        program: std::env::current_exe().context("finding this program")?,
        plan: Plan { rounds: args.rounds, length: Duration::from_millis(args.round) },
        rejections: args.rejections,
        stack: args.stack,
    };
    for name in names {
        let table = sections::measure(name, &options).await.with_context(|| name.to_owned())?;
        let text = format!("{table}\n\n{}", machine::describe());
        println!("{name}\n\n{text}\n");
        if let Some(path) = &args.write {
            let read = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let written = document::put(&read, "bench", name, &text)?;
            fs::write(path, written).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
