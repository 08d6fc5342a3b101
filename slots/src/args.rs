//! The command line.

use std::ffi::OsString;
use std::num::NonZeroU32;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rds_admission::pool::{InvalidName, LeaseId, PoolName};
use rds_admission::session::Tls;
use secrecy::SecretString;

/// What `--help` says after the options.
const AFTER_HELP: &str = include_str!("help.txt");

/// See and steer a pool of connection slots
#[derive(Parser)]
#[command(version, after_long_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// DynamoDB table of the pool: the stack's output `TableName`
    #[arg(long, value_name = "NAME", env = "SLOTS_TABLE", global = true)]
    pub table: Option<String>,

    /// The pool in the table: the stack's output `PoolName`
    #[arg(
        long,
        value_name = "NAME",
        env = "SLOTS_POOL",
        default_value = "Prod_MySQL",
        global = true
    )]
    pub pool: PoolName,

    /// Speak JSON: the answer on standard output; on standard error, how far a wait is and what went wrong
    #[arg(long, global = true)]
    pub json: bool,
}

impl Args {
    /// What the command line says, and variables where it says nothing.
    ///
    /// # Errors
    /// When it can't be understood: what is to be told then.
    pub fn read(
        line: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(line)?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let Command::Doctor(doctor) = &mut args.command
            && let Some((_, said)) = matches.subcommand()
        {
            doctor.database.choose(said)?;
        }
        Ok(args)
    }
}

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    /// Show the pool: slots in use, its size, its leases
    Status {
        /// Show it again every second, until Ctrl-C
        ///
        /// In place on a terminal; elsewhere a line each, with --json an object a line. When the table can't
        /// be asked, it says so, and goes on.
        #[arg(long)]
        watch: bool,
    },

    /// Give the pool another number of slots
    ///
    /// More slots are there at once. With fewer, no lease is taken from anybody: none is granted until
    /// as many have ended as are too many. The next deployment that changes the pool's properties sets
    /// its own size. Whether the server takes so many connections is not asked: see `slots doctor`.
    Resize {
        /// Slots that may be out at once, of both classes
        #[arg(value_name = "N")]
        slots: NonZeroU32,
        /// How many of them only class priority may take; as many as now when not given
        #[arg(long, value_name = "P")]
        priority: Option<u32>,
        /// Items to split the pool over: one takes 1,000 writes a second, 500 slots taken and given back
        ///
        /// When it is not given, the pool keeps the items that it has, and gets more where it grows out of
        /// them. Unless slots are added with the items, a pool is split otherwise only when it is drained
        /// and empty. Fewer items than now takes dynamodb:DeleteItem.
        #[arg(long, value_name = "ITEMS")]
        shards: Option<NonZeroU32>,
        /// How long to wait for it.
        #[command(flatten)]
        wait: Wait,
    },

    /// Grant nothing more, to either class; leases that are out end as ever
    ///
    /// Callers are refused with the reason `draining`, clients with 503 and Retry-After. `slots resume` ends
    /// it. Rotation, which takes a slot as everybody does, is refused too: what is due of it meanwhile fails
    /// (`NoSlot`) and rings its alarm, and Secrets Manager's next attempt completes it.
    Drain {
        /// How long to wait for it.
        #[command(flatten)]
        wait: Wait,
    },

    /// Grant again after `slots drain`
    Resume,

    /// Take a lease away, at once
    ///
    /// Its holder is not told. If it is alive, it may still be connected, and until it is not, the
    /// server has one connection more than slots are counted: evict what you know to be dead. What has
    /// expired need not be evicted; whoever needs a slot takes it over.
    Evict {
        /// The lease's id, as `slots status` shows it
        #[arg(value_name = "LEASE", allow_hyphen_values = true, value_parser = stored_lease)]
        lease: LeaseId,
    },

    /// Compare the pool with the server, and say what is wrong and what to do
    ///
    /// Opens one connection, which is one of those outside the pool. The account needs PROCESS to see
    /// the threads of others. When the database can't be reached, that is found, and the table is looked
    /// at all the same.
    Doctor(Doctor),
}

/// What the doctor has to know.
#[derive(clap::Args)]
pub struct Doctor {
    /// Where the service's database is.
    #[command(flatten)]
    pub database: Whereabouts,
    /// Connections that the pool is sized for: the template's `ExistingMaxConnections`; 0: all that the
    /// server takes
    #[arg(long, value_name = "N", env = "SLOTS_MAX_CONNECTIONS", default_value_t = 0)]
    pub max_connections: u32,
    /// Connections that are not slots: the template's `ReservedConnections`
    ///
    /// A pool that is meant to be smaller is one for which more are reserved.
    #[arg(long, value_name = "N", env = "SLOTS_RESERVED", default_value_t = 4)]
    pub reserved: u32,
    /// Slots that only class priority may take: the template's `PrioritySlots`
    #[arg(long, value_name = "P", env = "SLOTS_PRIORITY_SLOTS", default_value_t = 2)]
    pub priority_slots: u32,
    /// `rds`: TLS, verified against RDS's roots; `off`; or the absolute path of a PEM file of roots
    #[arg(long, value_name = "rds|off|FILE", env = "SLOTS_TLS", default_value = "rds")]
    pub tls: Tls,
}

/// Where the service's database is: one of the two, as [`Args::read`] leaves it.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub struct Whereabouts {
    /// Its secret, by ARN or name: the stack's output `SecretArn`
    ///
    /// Logs in as the functions do, also while the password is being changed. Takes
    /// secretsmanager:GetSecretValue.
    #[arg(long, value_name = "ARN", env = "SLOTS_SECRET")]
    pub secret: Option<String>,
    /// Its address, mysql://user:password@host:port/database, in place of --secret
    ///
    /// Of a variable for each, this one's counts; an option counts before a variable.
    ///
    /// Prefer the variable to the option: other users of the machine can read a command line.
    #[arg(long, value_name = "ADDRESS", env = "SLOTS_DATABASE", hide_env_values = true)]
    pub database: Option<SecretString>,
}

impl Whereabouts {
    /// Leaves one of the two: what was `said` on the command line, before what a variable says; the address,
    /// before the secret.
    fn choose(&mut self, said: &ArgMatches) -> Result<(), clap::Error> {
        let is_said = |id| said.value_source(id) == Some(ValueSource::CommandLine);
        match (is_said("secret"), is_said("database")) {
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

/// Whether to wait, and for how long.
#[derive(Clone, Copy, clap::Args)]
pub struct Wait {
    /// Wait until enough leases have ended, and show how many are left
    ///
    /// Ctrl-C ends the waiting only. Leases that expire meanwhile are taken away.
    #[arg(long)]
    pub wait: bool,
    /// Wait for so many seconds at the most; the default is longer than any lease that is not renewed
    #[arg(long, value_name = "SECONDS", default_value_t = 1_000, requires = "wait")]
    pub timeout: u32,
}

/// An id as it stands in the table, where those of the article's callers occur too.
fn stored_lease(id: &str) -> Result<LeaseId, InvalidName> {
    LeaseId::from_stored(id)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
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
    fn what_is_not_given_is_as_in_the_template() {
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
    fn the_doctor_is_told_one_database() {
        let parse = |more: &[&str]| Args::read(["slots", "doctor"].iter().chain(more)).map(|_| ());
        assert!(parse(&["--secret", "arn"]).is_ok());
        assert!(parse(&["--database", "mysql://h/db"]).is_ok());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--secret", "arn", "--database", "mysql://h/db"]).is_err());
    }

    #[test]
    fn how_long_to_wait_is_no_question_without_waiting() {
        assert!(Args::try_parse_from(["slots", "drain", "--timeout", "5"]).is_err());
        assert!(Args::try_parse_from(["slots", "drain", "--wait", "--timeout", "5"]).is_ok());
    }
}
