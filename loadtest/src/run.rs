//! A test, from the arguments to the report.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    Args,
    args::{ArrivalArg, Hold},
    aws, files,
    files::WriteError,
    interrupt::Interrupt,
    once::{Once, OnceError},
    report::{Admission, Arrival, Machine, Report, Run, SCHEMA, Settings},
    switch::{Switch, SwitchError},
    target::{Target, TargetError},
    verdict::judge,
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to flood.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A run could not take place.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// The query function could not be switched.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The query function could not be switched back.
    #[error("the query function may still be switched, without admission even: see to it")]
    Restore(#[source] SwitchError),
    /// The report could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Floods as the arguments say, once or twice, and judges what came back. Writes the report, if it is
/// asked to. What it switches for the test, it puts back.
///
/// # Errors
/// [`RunError`] when a run could not take place: a malformed address, a host, table or database out of
/// reach, a report that could not be written. A run that fared badly is not an error: see
/// [`Report::verdict`].
pub async fn run(args: &Args, interrupt: &Interrupt) -> Result<Report, RunError> {
    let target = Target::of(args)?;
    if let Some(out) = &args.out {
        files::create(out)?;
    }
    target.reach().await?;
    let aws = aws::config(target.stack.as_ref()).await;
    let started = SystemTime::now();
    let test = Test { once: Once { args, target: &target, aws: &aws, interrupt }, switch: None };
    let runs = match target.query_function.clone() {
        Some(function) if args.compare || args.hold.is_some() => {
            let switch = Switch::of(aws_sdk_lambda::Client::new(&aws), function).await?;
            let runs = Test { switch: Some(&switch), ..test }.runs().await;
            switch.restore().await.map_err(RunError::Restore)?;
            runs?
        }
        _ => test.runs().await?,
    };
    let report = report(args, &target, started, runs);
    if let Some(out) = &args.out {
        files::write(out, &report)?;
    }
    Ok(report)
}

/// The runs of a test, and the switch for what they differ in.
struct Test<'a> {
    once: Once<'a>,
    switch: Option<&'a Switch>,
}

impl Test<'_> {
    async fn runs(&self) -> Result<Vec<Run>, RunError> {
        let args = self.once.args;
        let plan = if args.compare {
            &[Admission::Bypassed, Admission::On][..]
        } else {
            &[Admission::AsDeployed]
        };
        let mut runs = Vec::new();
        for admission in plan {
            if let Some(switch) = self.switch {
                switch.set(*admission, args.hold.map(|Hold(hold)| hold)).await?;
            }
            runs.push(self.once.run(*admission).await?);
            if self.once.interrupt.is_set() {
                break;
            }
        }
        Ok(runs)
    }
}

/// Puts the runs together, and judges them.
fn report(args: &Args, target: &Target, started: SystemTime, runs: Vec<Run>) -> Report {
    let thresholds = args.thresholds();
    Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: target.url.to_string(),
        started_at: started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        machine: Machine::this(),
        settings: Settings {
            shape: args.shape,
            arrival: match args.arrival {
                ArrivalArg::Closed => Arrival::Closed,
                ArrivalArg::PerSecond(per_second) => Arrival::Open { per_second, seed: args.seed },
            },
            users: args.users(),
            duration_seconds: args.duration.get(),
            timeout_seconds: args.timeout.get(),
            hold_seconds: args.hold.map(|Hold(hold)| hold.as_secs_f64()),
            retries: args.retries(),
        },
        verdict: judge(&runs, &thresholds),
        thresholds,
        runs,
    }
}
