//! Measures what a decision costs, and prints the tables.

mod args;

use std::fs;

use anyhow::{Context, Result};
use args::{Args, Command};
use bench::sections::{self, Options};
use bench::{document, machine, server};
use clap::Parser;

// As in the functions: one thread. The database has a process of its own.
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
        program: std::env::current_exe().context("asking for this program")?,
        plan: args.plan(),
        rejections: args.rejections,
        stack: args.stack,
    };
    for name in names {
        let table = sections::measure(name, &options).await.with_context(|| name.to_owned())?;
        let text = format!("{table}\n\n{}", machine::describe());
        println!("{name}\n\n{text}\n");
        if let Some(path) = &args.write {
            let read = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let written = document::put(&read, name, &text)?;
            fs::write(path, written).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
