//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Floods a local stack, injects faults into all its parts, and checks the guarantees: never more
/// connections than slots, no slot lost, no answer outside the contract.
///
/// Exit codes: 0 passed; 1 failed; 2 the run could not take place.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// The stack.json of a running local stack
    #[arg(long, value_name = "FILE", env = "STACK_JSON")]
    pub stack: PathBuf,

    /// Seconds of flood and faults
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    pub duration: NonZeroU32,

    /// Concurrent users
    #[arg(long, value_name = "N", default_value = "50")]
    pub users: NonZeroU32,

    /// Pause of a user after an admitted request, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = time)]
    pub pause: Duration,

    /// Seconds between two kills, on average
    #[arg(long, value_name = "SECONDS", default_value = "1.2", value_parser = time)]
    pub kill_every: Duration,

    /// Seconds between two freezes, on average
    #[arg(long, value_name = "SECONDS", default_value = "7", value_parser = time)]
    pub freeze_every: Duration,

    /// Seconds from the recovery of AWS or the database to their next fault
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = time)]
    pub rest: Duration,

    /// Fewest kills for the run to pass
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub kills: u64,

    /// Fewest freezes for the run to pass
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub freezes: u64,

    /// Fewest requests on kept slots for the run to pass
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warm: u64,

    /// Seed of the random choice of faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Args {
    /// The duration of flood and faults.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.get().into())
    }
}

/// The longest interval or pause: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Parses a time in seconds, with decimals.
fn time(text: &str) -> Result<Duration, &'static str> {
    let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| *time <= LONGEST).ok_or("must be a number of seconds from 0 to 86400")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn a_time_is_one_that_a_run_can_wait_for() {
        let parse = |seconds| {
            super::Args::try_parse_from(["chaos", "--stack", "s", "--kill-every", seconds])
        };
        let kill_every = |seconds| parse(seconds).expect("a time").kill_every;
        assert_eq!(kill_every("0.25"), Duration::from_millis(250));
        assert_eq!(kill_every("86400"), super::LONGEST);
        for seconds in ["-1", "1e19", "1.8e19", "1e300", "inf", "NaN", "86401", "soon"] {
            assert!(parse(seconds).is_err(), "{seconds}");
        }
    }
}
