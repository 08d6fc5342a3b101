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
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    pub pause: f64,

    /// Seconds between two kills, on average
    #[arg(long, value_name = "SECONDS", default_value_t = 1.2)]
    pub kill_every: f64,

    /// Seconds between two freezes, on average
    #[arg(long, value_name = "SECONDS", default_value_t = 7.0)]
    pub freeze_every: f64,

    /// Seconds between the end of a fault of AWS or the database and the next one
    #[arg(long, value_name = "SECONDS", default_value_t = 6.0)]
    pub rest: f64,

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
