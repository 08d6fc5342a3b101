//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use bench::rounds::Plan;
use clap::{Parser, Subcommand};

/// Measures what a decision costs, and prints a table for each question.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Only these tables [default: all but `lambda`, which needs a stack: `local run -- bench lambda`]
    #[arg(value_name = "TABLE")]
    pub(crate) only: Vec<String>,
    /// Put the tables into this document, each in its place
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/performance.md")]
    pub(crate) write: Option<PathBuf>,
    /// Rounds of each, after one that is thrown away
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// How long a round lasts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 400)]
    round: u64,
    /// Rejections that end a rush
    #[arg(long, default_value_t = 10_000)]
    pub(crate) rejections: u64,
    /// The JSON that the local stack writes when it is up
    #[arg(long, env = "STACK_JSON", value_name = "FILE")]
    pub(crate) stack: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The embedded database; ends when standard input does
    #[command(name = bench::server::SUBCOMMAND, hide = true)]
    Serve,
}

impl Args {
    /// How much is measured.
    pub(crate) fn plan(&self) -> Plan {
        Plan { rounds: self.rounds, length: Duration::from_millis(self.round) }
    }
}
