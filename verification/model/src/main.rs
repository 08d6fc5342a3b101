//! Checks the protocol's model and its mutants, and prints the tables.

use std::process::ExitCode;

use clap::Parser;
use model::check::{self, Checked, Judged};
use model::trace::Trace;
use model::{configurations, mutants, report};

/// Checks the admission protocol's model in every state that it has, and that each guard and each
/// assumption that is taken out of it is missed.
#[derive(Debug, Parser)]
struct Args {
    /// Check the larger configurations too, which takes three minutes more.
    #[arg(long)]
    large: bool,
    /// Print the counterexample of this mutant, step by step, and check nothing else.
    #[arg(long, value_name = "MUTANT")]
    trace: Option<String>,
    /// Threads to check a configuration with.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(mutant) = &args.trace {
        return trace(mutant);
    }
    let mut configurations = configurations::all();
    if args.large {
        configurations.extend(configurations::large());
    }
    let checked: Vec<_> = configurations
        .iter()
        .map(|configuration| check::exhaustively(configuration, args.threads))
        .inspect(|checked| {
            eprintln!("{}: {} states", checked.configuration.name, checked.unique);
        })
        .collect();
    println!("The protocol, in every state it has\n\n{}\n", report::configurations(&checked));
    for Checked { configuration, broken, .. } in &checked {
        for (property, behaviour) in broken {
            println!("{}\n", Trace { configuration, property, behaviour });
        }
    }
    let guards = check::mutants(&mutants::guards())?;
    println!("Without a guard\n\n{}\n", report::mutants("guard removed", &guards));
    let assumptions = check::mutants(&mutants::assumptions())?;
    println!("Without an assumption\n\n{}\n", report::mutants("assumption removed", &assumptions));
    let holds = checked.iter().all(Checked::holds);
    let missed = guards.iter().chain(&assumptions).all(Judged::as_expected);
    println!("{}", if holds && missed { "the model holds" } else { "THE MODEL DOES NOT HOLD" });
    Ok(if holds && missed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn trace(name: &str) -> anyhow::Result<ExitCode> {
    let mutant = mutants::named(name).ok_or_else(|| anyhow::anyhow!("no mutant {name:?}"))?;
    let configuration = check::configuration_of(mutant)?;
    let judged = check::mutant(mutant)?;
    let Some((property, behaviour)) = &judged.broken else {
        println!("nothing breaks without it: {}", mutant.without);
        return Ok(ExitCode::FAILURE);
    };
    println!("removed: {}", mutant.without);
    println!("{}", Trace { configuration: &configuration, property, behaviour });
    Ok(ExitCode::SUCCESS)
}
