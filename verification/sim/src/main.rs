//! Simulates admission, and prints the tables.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::Table;
use sim::{report, sections};
use support::document;

/// Simulates admission at scale, and prints a table for each question.
#[derive(Debug, Parser)]
struct Args {
    /// Only these tables.
    #[arg(value_name = "TABLE")]
    only: Vec<String>,
    /// Put the tables into this document, each in its place.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/simulation.md")]
    write: Option<PathBuf>,
}

/// What makes a table.
type Simulation = Box<dyn Fn() -> Result<Table>>;

/// Seeds with which the reference is simulated.
const SEEDS: u64 = 10;

fn main() -> Result<()> {
    let args = Args::parse();
    let mut tables: Vec<(&str, Simulation)> = Vec::new();
    for section in sections::all() {
        tables.push((section.name, Box::new(move || report::section(&section))));
    }
    tables.push(("seeds", Box::new(|| Ok(report::seeds(SEEDS)))));
    tables.push(("constants", Box::new(|| Ok(report::constants()))));
    let names: Vec<_> = tables.iter().map(|(name, _)| *name).collect();
    for only in &args.only {
        ensure!(
            names.contains(&only.as_str()),
            "no table {only:?}; there are {}",
            names.join(", ")
        );
    }
    for (name, table) in tables {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == name) {
            continue;
        }
        let table = table()?;
        println!("{name}\n\n{table}\n");
        if let Some(path) = &args.write {
            let read = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let written = document::put(&read, "sim", name, &table.to_string())?;
            fs::write(path, written).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
