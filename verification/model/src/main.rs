//! Checks the model and its ablations, and prints the tables.

use std::process::ExitCode;

use clap::Parser;
use model::ablations::Ablation;
use model::check::{self, Ablated, Checked};
use model::trace::Trace;
use model::{configurations, report};

/// Checks the model of the admission protocol in every reachable state, and that each rule and each
/// assumption is needed.
#[derive(Debug, Parser)]
struct Args {
    /// Check the larger configurations too, which takes three minutes more.
    #[arg(long)]
    large: bool,
    /// Print the counterexample of this ablation, step by step, and check nothing else.
    #[arg(long, value_name = "NAME")]
    trace: Option<String>,
    /// Threads to check a configuration with.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if let Some(name) = &args.trace {
        return trace(name);
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
    println!("The protocol, in every state\n\n{}\n", report::configurations(&checked));
    for Checked { configuration, broken, .. } in &checked {
        for (property, behaviour) in broken {
            println!("{}\n", Trace { configuration, property, behaviour });
        }
    }
    let guards = check::all_ablated(Ablation::GUARDS)?;
    println!("Without a guard\n\n{}\n", report::ablations("guard removed", &guards));
    let assumptions = check::all_ablated(Ablation::ASSUMPTIONS)?;
    let table = report::ablations("assumption removed", &assumptions);
    println!("Without an assumption\n\n{table}\n");
    let holds = checked.iter().all(Checked::holds);
    let needed = guards.iter().chain(&assumptions).all(Ablated::as_expected);
    println!("{}", if holds && needed { "the model holds" } else { "THE MODEL DOES NOT HOLD" });
    Ok(if holds && needed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn trace(name: &str) -> anyhow::Result<ExitCode> {
    let ablation = Ablation::all()
        .find(|ablation| ablation.name() == name)
        .ok_or_else(|| anyhow::anyhow!("no ablation {name:?}"))?;
    println!("removed: {}", ablation.removed());
    let Ablated { configuration, broken, .. } = check::ablated(ablation)?;
    let Some((property, behaviour)) = &broken else {
        println!("no property breaks");
        return Ok(ExitCode::FAILURE);
    };
    println!("{}", Trace { configuration: &configuration, property, behaviour });
    Ok(ExitCode::SUCCESS)
}
