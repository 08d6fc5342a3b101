//! The command line. Doc comments of arguments are the text of `--help`.

use std::ffi::OsString;
use std::num::NonZeroU32;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rds_admission::pool::{LeaseId, PoolName};
use rds_admission::session::Tls;
use secrecy::SecretString;

/// Inspect and manage a pool of connection slots
#[derive(Parser)]
#[command(version, after_long_help = include_str!("help.txt"), disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// DynamoDB table of the pool: the stack's output `TableName`
    #[arg(long, value_name = "NAME", env = "SLOTS_TABLE", global = true)]
    pub(crate) table: Option<String>,

    /// The pool in the table: the stack's output `PoolName`
    #[arg(
        long,
        value_name = "NAME",
        env = "SLOTS_POOL",
        default_value = "Prod_MySQL",
        global = true
    )]
    pub(crate) pool: PoolName,

    /// Print JSON: the result on standard output; progress and errors on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Args {
    /// Parses the command line and the environment variables.
    pub(crate) fn read(
        args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let Command::Doctor(doctor) = &mut args.command
            && let Some((_, matches)) = matches.subcommand()
        {
            doctor.database.keep_one(matches)?;
        }
        Ok(args)
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the pool: slots in use, size, leases
    Status {
        /// Repeat every second, until Ctrl-C
        ///
        /// In place on a terminal; elsewhere one line each time, with --json one object a line. Errors of the
        /// table are shown and do not end it.
        #[arg(long)]
        watch: bool,
    },

    /// Change the number of slots
    ///
    /// Additional slots are available at once. With fewer slots, leases above the new size are not revoked: no
    /// slot is granted until enough of them have ended. The next deployment that changes the pool's properties
    /// sets its size again. Does not check whether the server accepts as many connections: see `slots doctor`.
    Resize {
        /// Number of slots, for both classes together
        #[arg(value_name = "N")]
        slots: NonZeroU32,
        /// How many of them are for class priority only; default: as now
        #[arg(long, value_name = "P")]
        priority: Option<u32>,
        /// Items to split the pool over: an item takes 1,000 writes per second, which is 500 slots acquired and
        /// released
        ///
        /// By default the pool keeps its items, and gets more if it outgrows them. A pool is split otherwise
        /// only while it is drained and empty, unless slots are added with the items. Fewer items than now takes
        /// dynamodb:DeleteItem.
        #[arg(long, value_name = "ITEMS")]
        shards: Option<NonZeroU32>,
        #[command(flatten)]
        wait: WaitArgs,
    },

    /// Stop granting slots, to both classes; held leases run to their end
    ///
    /// Callers are rejected with the reason `draining`, clients with 503 and Retry-After. `slots resume` ends
    /// it. Rotation needs a slot too: its steps fail meanwhile (`NoSlot`) and set off its alarm; the next attempt
    /// of Secrets Manager completes it.
    Drain {
        #[command(flatten)]
        wait: WaitArgs,
    },

    /// Grant slots again after `slots drain`
    Resume,

    /// Revoke a lease at once
    ///
    /// Its holder is not notified. If it is alive, it may still be connected; until it disconnects, the server has
    /// one connection more than slots are counted. Evict only leases whose holder is dead. Expired leases need no
    /// eviction: the next acquire that needs a slot takes them over.
    Evict {
        /// The lease's id, as shown by `slots status`
        #[arg(value_name = "LEASE", allow_hyphen_values = true, value_parser = LeaseId::from_stored)]
        lease: LeaseId,
    },

    /// Compare the pool with the server, and report problems and what to do
    ///
    /// Opens one connection, which is one of those outside the pool. The account needs PROCESS to see other
    /// accounts' threads. An unreachable database is reported, and the table is checked all the same.
    Doctor(DoctorArgs),
}

#[derive(clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Connections that the pool is sized for: the template's `ExistingMaxConnections`; 0: all that the
    /// server accepts
    #[arg(long, value_name = "N", env = "SLOTS_MAX_CONNECTIONS", default_value_t = 0)]
    pub(crate) max_connections: u32,
    /// Connections that are not slots: the template's `ReservedConnections`
    ///
    /// For a pool that is smaller on purpose, reserve more.
    #[arg(long, value_name = "N", env = "SLOTS_RESERVED", default_value_t = 4)]
    pub(crate) reserved: u32,
    /// Slots for class priority only: the template's `PrioritySlots`
    #[arg(long, value_name = "P", env = "SLOTS_PRIORITY_SLOTS", default_value_t = 2)]
    pub(crate) priority_slots: u32,
    /// `rds`: TLS, verified with the RDS roots; `off`; or the absolute path of a PEM file of roots
    #[arg(long, value_name = "rds|off|FILE", env = "SLOTS_TLS", default_value = "rds")]
    pub(crate) tls: Tls,
}

/// The service's database. [`Args::read`] leaves one of the two.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(crate) struct DatabaseArgs {
    /// The database's secret, by ARN or name: the stack's output `SecretArn`
    ///
    /// Logs in as the functions do, also during a rotation. Takes secretsmanager:GetSecretValue.
    #[arg(long, value_name = "ARN", env = "SLOTS_SECRET")]
    pub(crate) secret: Option<String>,
    /// The database's address, mysql://user:password@host:port/database, instead of --secret
    ///
    /// An option takes precedence over a variable, and `SLOTS_DATABASE` over `SLOTS_SECRET`.
    ///
    /// Prefer the variable to the option: other users of the machine can read a command line.
    #[arg(long, value_name = "ADDRESS", env = "SLOTS_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<SecretString>,
}

impl DatabaseArgs {
    /// Keeps one of the two: options take precedence over variables, and the address over the secret.
    fn keep_one(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let is_option = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (is_option("secret"), is_option("database")) {
            (true, true) => {
                let both = "--secret and --database can't be given both";
                return Err(Args::command().error(ErrorKind::ArgumentConflict, both));
            }
            (true, false) => self.database = None,
            (false, _) if self.database.is_some() => self.secret = None,
            (false, _) => {}
        }
        Ok(())
    }
}

#[derive(Clone, Copy, clap::Args)]
pub(crate) struct WaitArgs {
    /// Wait until enough leases have ended, and show how many are left
    ///
    /// Ctrl-C ends only the wait. Expired leases are removed meanwhile.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait at most this long; the default exceeds any lease that is not renewed
    #[arg(long, value_name = "SECONDS", default_value_t = 1_000, requires = "wait")]
    pub(crate) timeout: u32,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        Args::command().debug_assert();
    }

    #[test]
    fn any_id_of_the_table_can_be_evicted() {
        for id in ["Zk3v9Qa1", "-k3v9Qa1", "--json-_", "~k3v9Qa1"] {
            let args = Args::try_parse_from(["slots", "--table", "t", "evict", id]).ok();
            let evicted = args.map(|args| args.command);
            assert!(
                matches!(evicted, Some(Command::Evict { lease }) if lease.as_str() == id),
                "{id}"
            );
        }
        assert!(Args::try_parse_from(["slots", "evict", "Zk3v9Qa"]).is_err());
    }

    /// A parameter's default in `template.yaml`.
    fn in_the_template(parameter: &str) -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
        let template = std::fs::read_to_string(path).expect("template.yaml");
        let (_, after) = template.split_once(&format!("\n  {parameter}:\n")).expect("a parameter");
        let mut own = after.lines().take_while(|line| line.starts_with("    "));
        let default = own.find_map(|line| line.trim().strip_prefix("Default: "));
        default.expect("a default").to_owned()
    }

    #[test]
    fn defaults_are_those_of_the_template() {
        let args = Args::command();
        let doctor = args.find_subcommand("doctor").expect("the doctor");
        for (command, option, parameter) in [
            (&args, "pool", "PoolName"),
            (doctor, "max_connections", "ExistingMaxConnections"),
            (doctor, "reserved", "ReservedConnections"),
            (doctor, "priority_slots", "PrioritySlots"),
        ] {
            let option = command.get_arguments().find(|argument| argument.get_id() == option);
            let defaults = option.expect("an option").get_default_values();
            assert_eq!(defaults, [in_the_template(parameter).as_str()], "{parameter}");
        }
    }

    #[test]
    fn the_doctor_takes_one_database() {
        let parse = |more: &[&str]| Args::read(["slots", "doctor"].iter().chain(more)).map(|_| ());
        assert!(parse(&["--secret", "arn"]).is_ok());
        assert!(parse(&["--database", "mysql://h/db"]).is_ok());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--secret", "arn", "--database", "mysql://h/db"]).is_err());
    }

    #[test]
    fn a_timeout_needs_wait() {
        assert!(Args::try_parse_from(["slots", "drain", "--timeout", "5"]).is_err());
        assert!(Args::try_parse_from(["slots", "drain", "--wait", "--timeout", "5"]).is_ok());
    }
}
