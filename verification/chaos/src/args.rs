//! The command line.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Floods a local stack, kills, freezes and starves its parts, and judges whether the promise held:
/// never more connections than slots, no slot lost, no answer outside the contract.
///
/// Exit code: 0 it held; 1 it did not; 2 there was no run.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Args {
    /// File that describes the stack, written by `local` when it is up
    #[arg(long, value_name = "FILE", env = "STACK_JSON")]
    pub stack: PathBuf,

    /// Seconds of flood and faults
    #[arg(long, value_name = "SECONDS", default_value = "600")]
    pub duration: NonZeroU32,

    /// Users asking at the same time
    #[arg(long, value_name = "N", default_value = "50")]
    pub users: NonZeroU32,

    /// Seconds that a user who was admitted is away
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = time)]
    pub pause: Duration,

    /// Seconds between two kills, on average
    #[arg(long, value_name = "SECONDS", default_value = "1.2", value_parser = time)]
    pub kill_every: Duration,

    /// Seconds between two freezes, on average
    #[arg(long, value_name = "SECONDS", default_value = "7", value_parser = time)]
    pub freeze_every: Duration,

    /// Seconds between the end of a fault of AWS or the database and the next one
    #[arg(long, value_name = "SECONDS", default_value = "6", value_parser = time)]
    pub rest: Duration,

    /// Fewest kills for the run to count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub kills: u64,

    /// Fewest freezes for the run to count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub freezes: u64,

    /// Fewest requests on a slot that was kept for the run to count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warm: u64,

    /// Number that the choice of faults follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Write the result here, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Args {
    /// How long flood and faults last.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.get().into())
    }
}

/// The longest time between two faults, or of a user's absence: a day, which no run lasts.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A time in seconds, parts of them included.
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
