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

/// What `--help` says after the options.
const AFTER_HELP: &str = include_str!("help.txt");
/// Users in a closed loop when nothing else is said.
const USERS: u32 = 200;
/// Seconds for which a request may be under way on average, when the users of open arrivals are
/// counted: as many as arrive in that time.
const UNDER_WAY: f64 = 3.0;

/// Floods `GET <host>/employees`, and judges what came back
#[derive(Parser)]
#[command(
    version,
    after_long_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do other than to flood.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to flood.
    #[command(flatten)]
    pub args: Args,
}

/// What can be done without a flood.
#[derive(Subcommand)]
pub enum Command {
    /// Write the HTML page of a report.json
    Page {
        /// The report.json
        #[arg(value_name = "FILE")]
        report: PathBuf,
        /// Where to write the page; beside the report, as report.html, when not given
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print the JSON Schema of report.json
    Schema,
}

/// How to flood, and what to ask of it.
#[derive(ClapArgs)]
pub struct Args {
    /// Base URL of the deployment; /employees is added to it
    ///
    /// A path is kept: with `https://example.test/Prod` the users ask for
    /// `https://example.test/Prod/employees`. Goes before the URL in --stack.
    #[arg(long, value_name = "URL", required_unless_present = "stack", help_heading = TARGET)]
    pub host: Option<String>,

    /// File of a local stack, for everything in this section
    ///
    /// The JSON that the local stack writes when it is up (target/local/stack.json).
    #[arg(long, value_name = "FILE", help_heading = TARGET)]
    pub stack: Option<PathBuf>,

    /// Address of the database to watch, mysql://user:password@host:port/database
    ///
    /// Prefer the variable to the option: other users of the machine can read a command line.
    /// Goes before the database in --stack. The account needs the privilege PROCESS: without it, the
    /// service's own connections are not told from others.
    #[arg(long, value_name = "ADDRESS", env = "LOADTEST_DATABASE", hide_env_values = true, help_heading = TARGET)]
    pub database: Option<SecretString>,

    /// TLS to --database: `rds`, verified against RDS's roots; `off`; or the absolute path of a PEM file
    /// of roots
    #[arg(
        long,
        value_name = "rds|off|FILE",
        default_value = "rds",
        requires = "database",
        help_heading = TARGET
    )]
    pub database_tls: Tls,

    /// DynamoDB table of the pool, to sample its slots (needs dynamodb:GetItem)
    #[arg(long, value_name = "NAME", help_heading = TARGET)]
    pub table: Option<String>,

    /// The pool in --table
    #[arg(long, value_name = "NAME", default_value = "Prod_MySQL", requires = "table", help_heading = TARGET)]
    pub pool: PoolName,

    /// The query function: the report tells what it is; --hold and --compare switch it, and back
    ///
    /// Needs `lambda:GetFunctionConfiguration`; to switch it, `GetFunction` and
    /// `UpdateFunctionConfiguration` too.
    #[arg(long, value_name = "NAME", help_heading = TARGET)]
    pub query_function: Option<String>,

    /// How the load changes over the run
    #[arg(long, value_name = "SHAPE", value_enum, default_value = "steady", help_heading = LOAD)]
    pub shape: Shape,

    /// What makes a request begin: `closed`, or so many a second, like `300/s`
    ///
    /// closed: a user's last one is over. N/s: its time has come, whatever became of the others, at
    /// random and N a second on average where the shape is highest.
    #[arg(long, value_name = "closed|N/s", default_value = "closed", help_heading = LOAD)]
    pub arrival: ArrivalArg,

    /// Users asking at the same time; with --arrival N/s, most requests under way at once
    ///
    /// 200 when not given; with --arrival N/s, as many as arrive in three seconds if those are more.
    #[arg(long, value_name = "N", help_heading = LOAD)]
    pub users: Option<NonZeroU32>,

    /// Seconds in which requests are started; those under way then are waited for
    #[arg(long, value_name = "SECONDS", default_value = "30", help_heading = LOAD)]
    pub duration: NonZeroU32,

    /// Seconds for which each query holds its connection; as deployed when not given
    ///
    /// Sets `HOLD_SECONDS` of the query function for the test, and puts it back. At most some seconds
    /// less than the time that a query may take (the template's `QueryTimeoutSeconds`, 20 when it is not
    /// given): all answers are 504 with more.
    #[arg(long, value_name = "SECONDS", help_heading = LOAD)]
    pub hold: Option<Hold>,

    /// Seconds after which a request without an answer counts as broken
    #[arg(long, value_name = "SECONDS", default_value = "35", help_heading = LOAD)]
    pub timeout: NonZeroU32,

    /// Ask again at once after a 503, instead of waiting as long as Retry-After says
    #[arg(long, help_heading = LOAD)]
    pub ignore_retry_after: bool,

    /// What the times of --arrival N/s are drawn with: the same seed, the same times
    #[arg(long, value_name = "N", default_value_t = 1, requires = "arrival", help_heading = LOAD)]
    pub seed: u64,

    /// Make the same flood twice: admission bypassed, then on
    ///
    /// Sets `ADMISSION` of the query function, and puts it back. Without admission, the database has
    /// no protection: not for production.
    #[arg(long, help_heading = LOAD)]
    pub compare: bool,

    /// Most broken answers that pass
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = VERDICT)]
    pub max_broken: u64,

    /// Most connections refused by the server (error 1040) that pass
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = VERDICT)]
    pub max_refused: u64,

    /// Fewest admitted answers that pass; 0 accepts a service that admits nobody
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = VERDICT)]
    pub min_admitted: u64,

    /// Lowest utilisation of the slots that passes, from 0 to 1, while callers are rejected
    ///
    /// Needs the pool's table. Not judged when not given.
    #[arg(long, value_name = "SHARE", help_heading = VERDICT)]
    pub min_utilisation: Option<Share>,

    /// Longest p99 of the rejections that passes, in milliseconds; not judged when not given
    #[arg(long, value_name = "MS", help_heading = VERDICT)]
    pub max_rejection_p99: Option<NonZeroU64>,

    /// Folder to write report.html, report.json and goose's own report to
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
}

const TARGET: &str = "What is flooded and watched";
const LOAD: &str = "The load";
const VERDICT: &str = "What the verdict asks for";
const OUTPUT: &str = "What is written";

/// What makes a request begin, as the command line has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArrivalArg {
    /// A user's last one is over.
    Closed,
    /// So many come a second.
    PerSecond(f64),
}

/// A time for which a query holds its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold(pub Duration);

/// A share of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

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
        // What the query takes; it says so itself, but not to whoever starts a load test.
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
    /// How long requests are started.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs(self.duration.get().into())
    }

    /// How long one request may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.get().into())
    }

    /// Users asking at the same time.
    #[must_use]
    pub fn users(&self) -> u32 {
        match (self.users, self.arrival) {
            (Some(users), _) => users.get(),
            (None, ArrivalArg::Closed) => USERS,
            (None, ArrivalArg::PerSecond(rate)) => {
                // At most 300,000: the rate has a limit.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let under_way = (rate * UNDER_WAY).ceil() as u32;
                under_way.max(USERS)
            }
        }
    }

    /// What users do after a 503 with `Retry-After`.
    #[must_use]
    pub fn retries(&self) -> Retries {
        match (self.arrival, self.shape) {
            (ArrivalArg::PerSecond(_), _) => Retries::None,
            (ArrivalArg::Closed, Shape::Storm) => Retries::Mixed,
            (ArrivalArg::Closed, _) if self.ignore_retry_after => Retries::Ignored,
            (ArrivalArg::Closed, _) => Retries::Honoured,
        }
    }

    /// What the verdict asks for.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        // Milliseconds of a latency stay far below 2^53, where a float would round.
        #[expect(clippy::cast_precision_loss)]
        let max_rejection_p99_ms = self.max_rejection_p99.map(|ms| ms.get() as f64);
        Thresholds {
            max_broken: self.max_broken,
            max_refused: self.max_refused,
            min_admitted: self.min_admitted,
            min_utilisation: self.min_utilisation.map(|Share(share)| share),
            max_rejection_p99_ms,
        }
    }
}

impl Args {
    /// What in the arguments can't be had together, in words for who gave them.
    #[must_use]
    pub fn contradiction(&self) -> Option<&'static str> {
        let is_open = matches!(self.arrival, ArrivalArg::PerSecond(_));
        let can_switch = self.stack.is_some() || self.query_function.is_some();
        let can_sample = self.stack.is_some() || self.table.is_some();
        let contradictions = [
            (
                is_open && self.shape == Shape::Storm,
                "--shape storm is about users that come back: it needs --arrival closed",
            ),
            (
                is_open && self.ignore_retry_after,
                "--ignore-retry-after is about users that come back: it needs --arrival closed",
            ),
            (
                self.shape == Shape::Storm && self.ignore_retry_after,
                "--shape storm says already who ignores Retry-After: leave out --ignore-retry-after",
            ),
            (
                self.compare && !can_switch,
                "--compare switches the query function: it needs --query-function or --stack",
            ),
            (
                self.hold.is_some() && !can_switch,
                "--hold sets a variable of the query function: it needs --query-function or --stack",
            ),
            (
                self.min_utilisation.is_some() && !can_sample,
                "--min-utilisation is about the pool's slots: it needs --table or --stack",
            ),
        ];
        contradictions.into_iter().find_map(|(is_there, words)| is_there.then_some(words))
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
    fn arrivals_bring_users_enough_for_themselves() {
        for (arrival, users) in [("closed", 200), ("10/s", 200), ("300/s", 900), ("66.7/s", 201)] {
            assert_eq!(parse(&["--arrival", arrival]).unwrap().users(), users, "{arrival}");
        }
        assert_eq!(parse(&["--arrival", "300/s", "--users", "7"]).unwrap().users(), 7);
    }

    #[test]
    fn what_can_not_be_had_together_is_said() {
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
    fn who_comes_back_when() {
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
