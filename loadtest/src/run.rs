//! A test, from the options to the report.

use aws_config::SdkConfig;
use rds_admission::telemetry::{Panicked, catch_panic, chain};

use crate::{
    args::{Args, ArrivalArg, Hold},
    descriptors::{self, DescriptorsError},
    files::{self, FileError},
    function::{Function, FunctionError, RestoreError, Switch},
    interrupt::Interrupt,
    once::{Runner, RunnerError},
    report::{
        Admission, Arrival, Deployment, Machine, Report, Run, SCHEMA, Settings, Thresholds, Verdict,
    },
    target::{Target, TargetError, aws_config},
    verdict::judge,
};

/// Goose's version, which goose does not export.
const GOOSE: &str = "0.19.0";

/// The result of a test.
#[derive(Debug, Default)]
pub(crate) struct Tested {
    /// Missing when there was no run.
    pub(crate) report: Option<Report>,
    /// Whether the report was written to its folder.
    pub(crate) is_written: bool,
    /// The errors of the test, not of the service, in order.
    pub(crate) errors: Vec<RunError>,
}

/// An error of the test, not of the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Function(#[from] FunctionError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Descriptors(#[from] DescriptorsError),
    #[error(
        "this machine ran out of {lacked}: {requests} requests could not be sent, so the test is invalid"
    )]
    NotSent { lacked: String, requests: u64 },
    #[error("this is a defect of the load test")]
    Panicked(#[from] Panicked),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Floods once or twice, judges the answers, and writes the report. Restores the query function if it was changed.
///
/// Errors after a run do not lose its result. A failed verdict is no error: see [`Report::verdict`].
pub(crate) async fn run(args: &Args, interrupt: &Interrupt) -> Tested {
    let test = match Test::prepare(args, interrupt).await {
        Ok(test) => test,
        Err(error) => return Tested { errors: vec![error], ..Tested::default() },
    };
    let mut tested = test.run().await;
    if let (Some(out), Some(report)) = (&args.out, &tested.report) {
        match files::write(out, report) {
            Ok(()) => tested.is_written = true,
            Err(error) => tested.errors.push(error.into()),
        }
    }
    tested
}

struct Test<'a> {
    args: &'a Args,
    interrupt: &'a Interrupt,
    target: Target,
    aws: SdkConfig,
    deployment: Option<Deployment>,
    /// If the query function is to be changed.
    switch: Option<Switch>,
}

impl<'a> Test<'a> {
    /// Reads and checks everything that can be checked before a flood.
    async fn prepare(args: &'a Args, interrupt: &'a Interrupt) -> Result<Self, RunError> {
        let target = Target::of(args)?;
        descriptors::allow(args.users())?;
        if let Some(out) = &args.out {
            files::create(out)?;
        }
        target.reach().await?;
        let aws = aws_config(target.stack.as_ref()).await;
        let function = match &target.query_function {
            Some(name) => {
                Some(Function::read(aws_sdk_lambda::Client::new(&aws), name.clone()).await?)
            }
            None => None,
        };
        let deployment = function.as_ref().map(Function::deployment);
        let hold = args.hold.map(|Hold(hold)| hold);
        let switch = match &function {
            Some(function) if args.compare || hold.is_some() => Some(function.switch(hold)?),
            _ => None,
        };
        Ok(Self { args, interrupt, target, aws, deployment, switch })
    }

    /// Makes the runs, restores the query function, and judges.
    async fn run(self) -> Tested {
        let mut runs = Vec::new();
        // The query function is restored even after a panic.
        let ended = catch_panic(Box::pin(self.runs(&mut runs))).await;
        let ended = ended.unwrap_or_else(|panicked| Err(panicked.into()));
        let restored = match &self.switch {
            Some(switch) => switch.restore().await,
            None => Ok(()),
        };
        let report = (!runs.is_empty()).then(|| self.report(runs, ended.as_ref().err()));
        let sent = report.as_ref().map_or(Ok(()), |report| all_sent(&report.runs));
        let errors = [ended, sent, restored.map_err(Into::into)];
        let errors = errors.into_iter().filter_map(Result::err);
        Tested { report, is_written: false, errors: errors.collect() }
    }

    async fn runs(&self, runs: &mut Vec<Run>) -> Result<(), RunError> {
        let Self { args, interrupt, .. } = *self;
        let runner = Runner { args, target: &self.target, aws: &self.aws, interrupt };
        let plan = if args.compare {
            &[Admission::Bypassed, Admission::On][..]
        } else {
            &[Admission::AsDeployed]
        };
        for admission in plan {
            if let Some(switch) = &self.switch {
                switch.set(*admission, args.hold.map(|Hold(hold)| hold)).await?;
            }
            runner.run(*admission, runs).await?;
            if interrupt.is_set() {
                break;
            }
        }
        Ok(())
    }

    /// Judges the runs. A failed run fails the test, because the last run is then not the one to judge.
    fn report(self, runs: Vec<Run>, failure: Option<&RunError>) -> Report {
        let args = self.args;
        let thresholds = args.thresholds();
        Report {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            goose_version: GOOSE.to_owned(),
            url: self.target.url.to_string(),
            started_at: runs.first().map_or(0, |run| run.started_at),
            machine: Machine::this(),
            deployment: self.deployment,
            settings: Settings {
                shape: args.shape,
                arrival: match args.arrival {
                    ArrivalArg::Closed => Arrival::Closed,
                    ArrivalArg::PerSecond(per_second) => {
                        Arrival::Open { per_second, seed: args.seed }
                    }
                },
                users: args.users(),
                duration_seconds: args.duration.get(),
                timeout_seconds: args.timeout.get(),
                hold_seconds: args.hold.map(|Hold(hold)| hold.as_secs_f64()),
                retries: args.retries(),
            },
            verdict: verdict(&runs, &thresholds, failure),
            thresholds,
            runs,
        }
    }
}

/// Whether all requests were sent.
fn all_sent(runs: &[Run]) -> Result<(), RunError> {
    let not_sent = runs.iter().find_map(|run| run.not_sent.first());
    not_sent.map_or(Ok(()), |lacked| {
        Err(RunError::NotSent { lacked: lacked.reason.clone(), requests: lacked.count })
    })
}

fn verdict(runs: &[Run], thresholds: &Thresholds, failure: Option<&RunError>) -> Verdict {
    let mut verdict = judge(runs, thresholds);
    if let Some(failure) = failure {
        verdict.reasons.push(format!("the test failed: {}", chain(failure)));
        verdict.pass = false;
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_goose_is_the_one_that_is_locked() {
        let lock = include_str!("../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"goose\"\nversion = \"{GOOSE}\"\n")));
    }
}
