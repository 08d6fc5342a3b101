//! A test, from the arguments to the report.

use aws_config::SdkConfig;
use rds_admission::telemetry::{Panicked, catch_panic, chain};

use crate::{
    Args,
    args::{ArrivalArg, Hold},
    aws,
    descriptors::{self, DescriptorsError},
    files,
    files::WriteError,
    function::Function,
    interrupt::Interrupt,
    once::{Once, OnceError},
    report::{
        Admission, Arrival, Deployment, Machine, Report, Run, SCHEMA, Settings, Thresholds, Verdict,
    },
    switch::{RestoreError, Switch, SwitchError},
    target::{Target, TargetError},
    verdict::judge,
};

/// Goose's version, which goose itself tells nobody.
const GOOSE: &str = "0.19.0";

/// What came of a test.
#[derive(Debug, Default)]
pub struct Tested {
    /// The report; missing when no run came to its end.
    pub report: Option<Report>,
    /// Whether it was written to the folder that was asked for.
    pub is_written: bool,
    /// What went wrong other than with the service, in the order in which it did.
    pub errors: Vec<RunError>,
}

/// What can go wrong with a test.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nothing to flood.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A run could not take place.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// The query function could not be read or switched.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The query function could not be switched back.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// This machine has not what the load takes.
    #[error(transparent)]
    Descriptors(#[from] DescriptorsError),
    /// It ran out of it while the load was on.
    #[error(
        "this machine ran out of {lacked}: {requests} requests could not be sent, which says nothing about the \
         service"
    )]
    NotSent {
        /// What it ran out of.
        lacked: String,
        /// How many requests in a run could not be sent for that.
        requests: u64,
    },
    /// The load test itself is at fault.
    #[error("this is a defect of the load test")]
    Panicked(#[from] Panicked),
    /// The report could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Floods as the arguments say, once or twice, and judges what came back. Writes the report, if it is
/// asked to. What it switches for the test, it puts back.
///
/// Runs that have come to their end are not lost with what goes wrong after them. A run that fared badly
/// is no error: see [`Report::verdict`].
pub async fn run(args: &Args, interrupt: &Interrupt) -> Tested {
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

/// All that is known before the first run.
struct Test<'a> {
    args: &'a Args,
    interrupt: &'a Interrupt,
    target: Target,
    aws: SdkConfig,
    deployment: Option<Deployment>,
    /// When something is to be switched.
    switch: Option<Switch>,
}

impl<'a> Test<'a> {
    /// Finds everything, and makes sure of what can be made sure of before a flood.
    async fn prepare(args: &'a Args, interrupt: &'a Interrupt) -> Result<Self, RunError> {
        let target = Target::of(args)?;
        descriptors::allow(args.users())?;
        if let Some(out) = &args.out {
            files::create(out)?;
        }
        target.reach().await?;
        let aws = aws::config(target.stack.as_ref()).await;
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

    /// Makes the runs, puts back what was switched for them, and judges.
    async fn run(self) -> Tested {
        let mut runs = Vec::new();
        // Also after a panic, what was switched is put back.
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
        let once = Once { args, target: &self.target, aws: &self.aws, interrupt };
        let plan = if args.compare {
            &[Admission::Bypassed, Admission::On][..]
        } else {
            &[Admission::AsDeployed]
        };
        for admission in plan {
            if let Some(switch) = &self.switch {
                switch.set(*admission, args.hold.map(|Hold(hold)| hold)).await?;
            }
            once.run(*admission, runs).await?;
            if interrupt.is_set() {
                break;
            }
        }
        Ok(())
    }

    /// Puts the runs together, and judges them. With one that did not take place, the last of them is
    /// not the one to judge: they do not pass.
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

/// Whether the load was what was asked for.
fn all_sent(runs: &[Run]) -> Result<(), RunError> {
    let not_sent = runs.iter().find_map(|run| run.not_sent.first());
    not_sent.map_or(Ok(()), |lacked| {
        Err(RunError::NotSent { lacked: lacked.reason.clone(), requests: lacked.count })
    })
}

fn verdict(runs: &[Run], thresholds: &Thresholds, failure: Option<&RunError>) -> Verdict {
    let mut verdict = judge(runs, thresholds);
    if let Some(failure) = failure {
        verdict.reasons.push(format!("the test broke off: {}", chain(failure)));
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
