//! The command line.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap::Parser;
use secrecy::SecretString;

/// What `--help` says after the options.
const AFTER_HELP: &str = "\
How answers are counted:
  admitted  200 and `Selected N items from RDS MySQL table`
  rejected  503 with Retry-After and a problem of type no-slot, throttled or draining:
            the controller at work, not a failure
  broken    everything else: another status, a 503 because the server refused the
            connection or the counter was out of reach, a timeout, a lost connection

Users form a closed loop: each waits for its answer before it asks again, so a slow
service is asked less often, and the latencies are those of the requests that were made.

The database, when its address is given, is watched over one connection, opened before
the flood and kept until its end. It is one of the connections that the server counts.

Exit code: 0 the verdict is PASS; 1 it is FAIL; 2 there was no run (bad arguments, host or
database out of reach).

Examples:
  loadtest --stack target/local/stack.json
  loadtest --host https://abc123.execute-api.eu-west-1.amazonaws.com/Prod --users 50
  LOADTEST_DATABASE='mysql://admin:…@db.example:3306/demodb2?require_ssl=true' \\
      loadtest --host https://abc123.execute-api.eu-west-1.amazonaws.com/Prod";

/// Floods `GET <host>/employees` and judges what came back.
#[derive(Parser)]
#[command(version, about, after_long_help = AFTER_HELP)]
pub struct Args {
    /// Base URL of the deployment; /employees is added to it
    ///
    /// A path is kept: with `https://example.test/Prod` the users ask for
    /// `https://example.test/Prod/employees`. Goes before the URL in --stack.
    #[arg(long, value_name = "URL", required_unless_present = "stack")]
    pub host: Option<String>,

    /// File of a local stack, for the host and the database
    ///
    /// The JSON that the local stack writes when it is up (target/local/stack.json).
    #[arg(long, value_name = "FILE")]
    pub stack: Option<PathBuf>,

    /// Address of the database to watch, mysql://user:password@host:port/database
    ///
    /// Without it (and without --stack) only the callers' side is judged. Prefer the
    /// variable to the option: other users of the machine can read a command line.
    /// Goes before the database in --stack. Add `?require_ssl=true` for TLS.
    #[arg(long, value_name = "ADDRESS", env = "LOADTEST_DATABASE", hide_env_values = true)]
    pub database: Option<SecretString>,

    /// Users asking at the same time
    #[arg(long, value_name = "N", default_value = "200")]
    pub users: NonZeroU32,

    /// Seconds in which users start requests; those in flight then are waited for
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub duration: NonZeroU32,

    /// Seconds after which a request without an answer counts as broken
    #[arg(long, value_name = "SECONDS", default_value = "35")]
    pub timeout: NonZeroU32,

    /// Ask again at once after a 503, instead of waiting as long as Retry-After says
    #[arg(long)]
    pub ignore_retry_after: bool,

    /// Fewest admitted answers that pass; 0 accepts a service that admits nobody
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub min_admitted: u64,

    /// Write goose's own HTML report here
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,

    /// Write the numbers and the verdict here, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Args {
    /// How long users start requests.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.get().into())
    }

    /// How long one request may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.get().into())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Args;

    #[test]
    fn command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_host_or_a_stack_is_needed() {
        assert!(Args::try_parse_from(["loadtest"]).is_err());
        assert!(Args::try_parse_from(["loadtest", "--stack", "stack.json"]).is_ok());
        assert!(Args::try_parse_from(["loadtest", "--host", "http://localhost"]).is_ok());
    }

    #[test]
    fn nobody_for_no_time_is_refused() {
        let base = ["loadtest", "--host", "http://localhost"];
        for option in ["--users", "--duration", "--timeout"] {
            assert!(
                Args::try_parse_from([&base[..], &[option, "0"]].concat()).is_err(),
                "{option}"
            );
        }
    }
}
