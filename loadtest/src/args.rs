//! The command line.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::{Args as ClapArgs, Parser, Subcommand};
use rds_admission::{pool::PoolName, session::Tls};
use secrecy::SecretString;

use crate::{
    report::{Retries, Thresholds},
    shape::Shape,
};

/// The text of `--help` after the options.
const AFTER_HELP: &str = include_str!("help.txt");
/// The default number of users in a closed loop.
const USERS: u32 = 200;
/// The default number of users with open arrivals: as many as arrive in this many seconds.
const USERS_SECONDS: f64 = 3.0;

/// Floods `GET <host>/employees` and judges the answers
#[derive(Parser)]
#[command(
    version,
    after_long_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) args: Args,
}

/// Commands without a flood.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the HTML page of a report.json
    Page {
        /// The report.json
        #[arg(value_name = "FILE")]
        report: PathBuf,
        /// File for the page [default: report.html in the folder of the report]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the JSON Schema of report.json
    Schema,
}

/// The options of a flood.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Base URL of the deployment; /employees is added to it
    ///
    /// A path is kept: with `https://example.test/Prod` the users request
    /// `https://example.test/Prod/employees`. Takes precedence over --stack.
    #[arg(long, value_name = "URL", required_unless_present = "stack", help_heading = TARGET)]
    pub(crate) host: Option<String>,

    /// Description of a local stack, for all options of this section
    ///
    /// The JSON file that a running local stack writes (target/local/stack.json).
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub(crate) stack: Option<PathBuf>,

    /// Address of the database to watch, mysql://user:password@host:port/database
    ///
    /// Prefer the variable to the option: other users of the machine can read a command line.
    /// Takes precedence over --stack. Without the privilege PROCESS, the account can't tell the service's
    /// connections from others.
    #[arg(long, value_name = "ADDRESS", env = "LOADTEST_DATABASE", hide_env_values = true, help_heading = TARGET)]
    pub(crate) database: Option<SecretString>,

    /// TLS to --database: `rds` (verified with RDS's roots), `off`, or the absolute path of a PEM file of roots
    #[arg(
        long,
        value_name = "rds|off|FILE",
        default_value = "rds",
        requires = "database",
        help_heading = TARGET
    )]
    pub(crate) database_tls: Tls,

    /// DynamoDB table of the pool, to sample its slots (needs dynamodb:GetItem)
    #[arg(long, value_name = "NAME", help_heading = TARGET)]
    pub(crate) table: Option<String>,

    /// The pool in --table
    #[arg(long, value_name = "NAME", default_value = "Prod_MySQL", requires = "table", help_heading = TARGET)]
    pub(crate) pool: PoolName,

    /// The query function, for the report; --hold and --compare change its variables and restore them
    ///
    /// Needs `lambda:GetFunctionConfiguration`; to change it, `GetFunction` and
    /// `UpdateFunctionConfiguration` too.
    #[arg(long, value_name = "NAME", help_heading = TARGET)]
    pub(crate) query_function: Option<String>,

    /// How the load changes over the run
    #[arg(long, value_name = "SHAPE", value_enum, default_value = "steady", help_heading = LOAD)]
    pub(crate) shape: Shape,

    /// What starts requests: `closed`, or a rate like `300/s`
    ///
    /// closed: each user sends its next request after the answer. N/s: requests start at random times, N per
    /// second on average at the peak of the shape, independent of the answers.
    #[arg(long, value_name = "closed|N/s", default_value = "closed", help_heading = LOAD)]
    pub(crate) arrival: ArrivalArg,

    /// Concurrent users; with --arrival N/s, most concurrent requests
    ///
    /// Default: 200; with --arrival N/s, as many as arrive in three seconds if those are more.
    #[arg(long, value_name = "N", help_heading = LOAD)]
    pub(crate) users: Option<NonZeroU32>,

    /// Seconds in which requests are started; the test then waits for the answers
    #[arg(long, value_name = "SECONDS", default_value = "30", help_heading = LOAD)]
    pub(crate) duration: NonZeroU32,

    /// Seconds for which each query holds its connection [default: as deployed]
    ///
    /// Sets `HOLD_SECONDS` of the query function for the test, and restores it. Must be some seconds less than
    /// the template's `QueryTimeoutSeconds` (20 by default): otherwise all answers are 504.
    #[arg(long, value_name = "SECONDS", help_heading = LOAD)]
    pub(crate) hold: Option<Hold>,

    /// Seconds after which a request without an answer counts as broken
    #[arg(long, value_name = "SECONDS", default_value = "35", help_heading = LOAD)]
    pub(crate) timeout: NonZeroU32,

    /// Retry at once after a 503 instead of waiting for Retry-After
    #[arg(long, help_heading = LOAD)]
    pub(crate) ignore_retry_after: bool,

    /// Seed of the random times of --arrival N/s
    #[arg(long, value_name = "N", default_value_t = 1, requires = "arrival", help_heading = LOAD)]
    pub(crate) seed: u64,

    /// Run the same flood twice: with admission bypassed, then on
    ///
    /// Sets `ADMISSION` of the query function, and restores it. Without admission the database is unprotected:
    /// not for production.
    #[arg(long, help_heading = LOAD)]
    pub(crate) compare: bool,

    /// Most broken answers
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = VERDICT)]
    pub(crate) max_broken: u64,

    /// Most connections refused by the server (error 1040)
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = VERDICT)]
    pub(crate) max_refused: u64,

    /// Fewest admitted answers; 0 accepts a service that admits nothing
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = VERDICT)]
    pub(crate) min_admitted: u64,

    /// Lowest utilisation of the slots, from 0 to 1, while callers are rejected
    ///
    /// Needs the pool's table. By default not judged.
    #[arg(long, value_name = "SHARE", help_heading = VERDICT)]
    pub(crate) min_utilisation: Option<Share>,

    /// Highest p99 of the rejections in milliseconds; by default not judged
    #[arg(long, value_name = "MS", help_heading = VERDICT)]
    pub(crate) max_rejection_p99: Option<NonZeroU64>,

    /// Folder for report.html, report.json and goose's report
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    pub(crate) out: Option<PathBuf>,
}

const TARGET: &str = "Target";
const LOAD: &str = "Load";
const VERDICT: &str = "Verdict";
const OUTPUT: &str = "Output";

/// The value of `--arrival`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ArrivalArg {
    Closed,
    PerSecond(f64),
}

/// The value of `--hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold(pub(crate) Duration);

/// A share of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl FromStr for ArrivalArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "closed" {
            return Ok(Self::Closed);
        }
        let rate = text.strip_suffix("/s").and_then(|number| number.parse().ok());
        rate.filter(|rate| (0.01..=100_000.0).contains(rate))
            .map(Self::PerSecond)
            .ok_or("must be `closed`, or from 0.01/s to 100000/s")
    }
}

impl FromStr for Hold {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hold = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        // The limit of the query function, which would refuse it only later.
        hold.filter(|hold| hold.as_secs_f64() <= 29.0)
            .map(Self)
            .ok_or("must be a number of seconds from 0 to 29")
    }
}

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(Self).ok_or("must be a number from 0 to 1")
    }
}

impl Args {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.get().into())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.get().into())
    }

    pub(crate) fn users(&self) -> u32 {
        match (self.users, self.arrival) {
            (Some(users), _) => users.get(),
            (None, ArrivalArg::Closed) => USERS,
            (None, ArrivalArg::PerSecond(rate)) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at most 300,000: the rate is limited"
                )]
                let users = (rate * USERS_SECONDS).ceil() as u32;
                users.max(USERS)
            }
        }
    }

    pub(crate) fn retries(&self) -> Retries {
        match (self.arrival, self.shape) {
            (ArrivalArg::PerSecond(_), _) => Retries::None,
            (ArrivalArg::Closed, Shape::Storm) => Retries::Mixed,
            (ArrivalArg::Closed, _) if self.ignore_retry_after => Retries::Ignored,
            (ArrivalArg::Closed, _) => Retries::Honoured,
        }
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
        let max_rejection_p99_ms = self.max_rejection_p99.map(|ms| ms.get() as f64);
        Thresholds {
            max_broken: self.max_broken,
            max_refused: self.max_refused,
            min_admitted: self.min_admitted,
            min_utilisation: self.min_utilisation.map(|Share(share)| share),
            max_rejection_p99_ms,
        }
    }

    /// The error of options that contradict each other.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let is_open = matches!(self.arrival, ArrivalArg::PerSecond(_));
        let can_switch = self.stack.is_some() || self.query_function.is_some();
        let can_sample = self.stack.is_some() || self.table.is_some();
        let contradictions = [
            (
                is_open && self.shape == Shape::Storm,
                "--shape storm has users that retry: it needs --arrival closed",
            ),
            (
                is_open && self.ignore_retry_after,
                "--ignore-retry-after is for users that retry: it needs --arrival closed",
            ),
            (
                self.shape == Shape::Storm && self.ignore_retry_after,
                "--shape storm already has users that ignore Retry-After: omit --ignore-retry-after",
            ),
            (
                self.compare && !can_switch,
                "--compare changes the query function: it needs --query-function or --stack",
            ),
            (
                self.hold.is_some() && !can_switch,
                "--hold changes the query function: it needs --query-function or --stack",
            ),
            (
                self.min_utilisation.is_some() && !can_sample,
                "--min-utilisation needs the pool's slots: use --table or --stack",
            ),
        ];
        contradictions.into_iter().find_map(|(is_given, message)| is_given.then_some(message))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    fn parse(options: &[&str]) -> Result<Args, clap::Error> {
        let base = ["loadtest", "--host", "http://localhost"];
        Cli::try_parse_from([&base[..], options].concat()).map(|cli| cli.args)
    }

    #[test]
    fn command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_host_or_a_stack_is_needed_to_flood() {
        assert!(Cli::try_parse_from(["loadtest"]).is_err());
        assert!(Cli::try_parse_from(["loadtest", "--stack", "stack.json"]).is_ok());
        assert!(parse(&[]).is_ok());
        assert!(Cli::try_parse_from(["loadtest", "schema"]).is_ok());
        assert!(Cli::try_parse_from(["loadtest", "page", "report.json"]).is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        for options in [
            ["--users", "0"],
            ["--duration", "0"],
            ["--timeout", "0"],
            ["--arrival", "300"],
            ["--arrival", "0/s"],
            ["--arrival", "inf/s"],
            ["--arrival", "-1/s"],
            ["--hold", "30"],
            ["--hold", "NaN"],
            ["--min-utilisation", "95"],
            ["--pool", "Prod_MySQL"],
            ["--seed", "2"],
            ["--database-tls", "off"],
        ] {
            assert!(parse(&options).is_err(), "{options:?}");
        }
    }

    #[test]
    fn each_threshold_is_the_one_that_was_given() {
        let options = "--max-broken=1 --max-refused=2 --min-admitted=3 --min-utilisation=0.4 \
            --max-rejection-p99=5";
        let options: Vec<&str> = options.split_whitespace().collect();
        let thresholds = Thresholds {
            max_broken: 1,
            max_refused: 2,
            min_admitted: 3,
            min_utilisation: Some(0.4),
            max_rejection_p99_ms: Some(5.0),
        };
        assert_eq!(parse(&options).unwrap().thresholds(), thresholds);
        let lenient = Thresholds {
            max_broken: 0,
            max_refused: 0,
            min_admitted: 1,
            min_utilisation: None,
            max_rejection_p99_ms: None,
        };
        assert_eq!(parse(&[]).unwrap().thresholds(), lenient);
    }

    #[test]
    fn a_database_is_taken_for_an_rds_one() {
        let database = ["--database", "mysql://u:pw@db.example/demodb2"];
        assert_eq!(parse(&database).unwrap().database_tls, Tls::Rds);
        let options = [&database[..], &["--database-tls", "off"]].concat();
        assert_eq!(parse(&options).unwrap().database_tls, Tls::Off);
        let options = [&database[..], &["--database-tls", "ca.pem"]].concat();
        assert!(parse(&options).is_err());
    }

    #[test]
    fn the_default_number_of_users_is_enough_for_the_arrivals() {
        for (arrival, users) in [("closed", 200), ("10/s", 200), ("300/s", 900), ("66.7/s", 201)] {
            assert_eq!(parse(&["--arrival", arrival]).unwrap().users(), users, "{arrival}");
        }
        assert_eq!(parse(&["--arrival", "300/s", "--users", "7"]).unwrap().users(), 7);
    }

    #[test]
    fn contradictions_are_errors() {
        for options in [
            &["--shape", "storm", "--arrival", "1/s"][..],
            &["--ignore-retry-after", "--arrival", "1/s"],
            &["--ignore-retry-after", "--shape", "storm"],
            &["--compare"],
            &["--hold", "2"],
            &["--min-utilisation", "0.9"],
        ] {
            assert!(parse(options).unwrap().contradiction().is_some(), "{options:?}");
        }
        for options in [
            &["--shape", "storm"][..],
            &["--ignore-retry-after"],
            &["--compare", "--hold", "2", "--query-function", "q"],
            &["--min-utilisation", "0.9", "--table", "t", "--pool", "p"],
        ] {
            assert_eq!(parse(options).unwrap().contradiction(), None, "{options:?}");
        }
    }

    #[test]
    fn the_options_decide_when_users_retry() {
        for (options, retries) in [
            (&[][..], Retries::Honoured),
            (&["--ignore-retry-after"], Retries::Ignored),
            (&["--shape", "storm"], Retries::Mixed),
            (&["--arrival", "1/s"], Retries::None),
        ] {
            assert_eq!(parse(options).unwrap().retries(), retries);
        }
    }
}
