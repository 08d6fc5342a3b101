//! The database's server, and who is connected to it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use mysql_async::prelude::Queryable;
use mysql_async::{Opts, Row};
use rds_admission::aws::secret_client;
use rds_admission::client::Slot;
use rds_admission::secret::{Credentials, SecretCache, SecretError, parse_host};
use rds_admission::session::{LoginError, Refusal, Session, SessionError, SessionOptions, Tls};
use rds_admission::time::{Deadline, Seconds};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::Error;

/// How long all that is asked of the server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the session may idle: the table is read in between.
const IDLE: Seconds = Seconds(10);

const SETTINGS: &str = "SELECT VERSION(), CAST(@@GLOBAL.max_connections AS UNSIGNED), \
    CAST(@@GLOBAL.wait_timeout AS UNSIGNED), CAST(@@GLOBAL.connect_timeout AS UNSIGNED), \
    CAST(@@GLOBAL.max_connect_errors AS UNSIGNED), \
    EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' \
    AND GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
    SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''))";
/// Understood by every version of both servers, which the tables behind it are not.
const THREADS: &str = "SHOW PROCESSLIST";
const OWN_ID: &str = "SELECT CONNECTION_ID()";

/// Threads of the server that are not connections, or not yet anybody's.
const NOBODYS: [&str; 3] = ["system user", "event_scheduler", "unauthenticated user"];

/// The way into the service's database.
pub(crate) enum Door {
    /// An account, and where it is.
    Address(Arc<Credentials>),
    /// The secret that holds both.
    Secret {
        /// Its ARN or name.
        id: String,
        /// What it holds.
        secret: Box<SecretCache>,
    },
}

/// A session, what it has found by now, and where.
pub(crate) struct Visit {
    session: Session,
    credentials: Arc<Credentials>,
    observed: Observed,
}

/// What was seen of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    /// How it is set.
    pub(crate) server: Server,
    /// The connections of others.
    pub(crate) threads: Vec<Thread>,
    /// The service's database.
    pub(crate) database: String,
}

/// Why nothing was seen of the server.
#[derive(Debug)]
pub(crate) enum Unseen {
    /// It has no connection left.
    Full,
    /// It has no connection left for the account.
    AccountFull,
    /// It has blocked the host of whoever asks.
    Blocked,
    /// It could not be asked.
    Unasked(Error),
}

/// How the server is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Server {
    /// Its version.
    pub(crate) version: String,
    /// The connections that it takes.
    pub(crate) max_connections: u32,
    /// How long it lets a session idle that has no limit of its own, in seconds.
    pub(crate) wait_timeout: Seconds,
    /// How long it waits for the next word of a login, in seconds.
    pub(crate) connect_timeout: Seconds,
    /// The logins in a row that may be broken off before it blocks their host.
    pub(crate) max_connect_errors: u64,
    /// Whether the account sees the threads of others: it has PROCESS itself, not by a role.
    pub(crate) sees_all_threads: bool,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thread {
    /// Its id.
    pub(crate) id: u64,
    /// Its account's name.
    pub(crate) user: String,
    /// The database that it has selected.
    pub(crate) database: Option<String>,
}

impl Door {
    /// By `mysql://user:password@host:port/database`.
    pub(crate) fn at(address: &SecretString) -> Result<Self, Error> {
        let opts = Opts::from_url(address.expose_secret());
        let opts = opts.map_err(|error| Error::Address(Some(error)))?;
        let database = opts.db_name().filter(|name| !name.is_empty());
        let database = database.ok_or(Error::Address(None))?.to_owned();
        Ok(Self::Address(Arc::new(Credentials {
            username: opts.user().unwrap_or_default().to_owned(),
            password: opts.pass().unwrap_or_default().into(),
            host: parse_host(opts.ip_or_hostname()).map_err(Error::Host)?,
            port: opts.tcp_port(),
            database: Some(database),
        })))
    }

    /// By what the secret of this ARN or name holds.
    pub(crate) fn of(id: &str, aws: &SdkConfig) -> Self {
        let secret = Box::new(SecretCache::new(secret_client(aws), id));
        Self::Secret { id: id.to_owned(), secret }
    }

    /// Connects, and looks around.
    pub(crate) async fn visit(&self, tls: &Tls) -> Result<Visit, Unseen> {
        let slot = Slot::outside_the_pool(Deadline::within(PATIENCE));
        let options = SessionOptions { tls: tls.clone(), idle: IDLE, ..SessionOptions::default() };
        let (credentials, session) = match self {
            Self::Address(credentials) => {
                let opened = Session::open(&slot, &options, credentials).await;
                (Arc::clone(credentials), opened.map_err(LoginError::from))
            }
            Self::Secret { secret, .. } => {
                let credentials = secret.get().await.map_err(|error| self.unread(error))?;
                (credentials, Session::log_in(&slot, &options, secret).await)
            }
        };
        let mut session = session.map_err(|error| match error {
            LoginError::Session(error) => match error.refusal() {
                Some(Refusal::ServerFull) => Unseen::Full,
                Some(Refusal::AccountFull) => Unseen::AccountFull,
                Some(Refusal::HostBlocked) => Unseen::Blocked,
                Some(Refusal::Credentials | Refusal::Other) | None => failed(&credentials, error),
            },
            LoginError::Secret(error) => self.unread(error),
        })?;
        let database = credentials.database.clone();
        let database =
            database.ok_or_else(|| self.unread(SecretError::Shape { field: "dbname" }))?;
        let server = Server::ask(&mut session, &credentials).await?;
        let threads = threads(&mut session, &credentials).await?;
        Ok(Visit { session, credentials, observed: Observed { server, threads, database } })
    }

    /// Only of a secret can there be nothing to read.
    fn unread(&self, source: SecretError) -> Unseen {
        let id = if let Self::Secret { id, .. } = self { id.clone() } else { String::new() };
        Unseen::Unasked(Error::Secret { id, source })
    }
}

impl Visit {
    /// Looks once more, and leaves: what was connected at both looks was so all the time between.
    pub(crate) async fn end(mut self) -> Result<Observed, Unseen> {
        let later = threads(&mut self.session, &self.credentials).await?;
        self.session.close().await;
        let mut observed = self.observed;
        observed.threads.retain(|thread| later.iter().any(|still| still.id == thread.id));
        Ok(observed)
    }
}

impl Observed {
    /// The connections to the service's database.
    pub(crate) fn service(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter(|thread| self.is_service(thread))
    }

    /// The connections to anything else.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter(|thread| !self.is_service(thread))
    }

    fn is_service(&self, thread: &Thread) -> bool {
        thread.database.as_ref() == Some(&self.database)
    }
}

impl Server {
    /// Asks how it is set.
    async fn ask(session: &mut Session, credentials: &Credentials) -> Result<Self, Unseen> {
        let row = session.query_first::<(String, u32, u32, u32, u64, bool)>(SETTINGS).await;
        let row = row.map_err(|error| failed(credentials, error))?;
        let row = row.ok_or(Unseen::Unasked(Error::NoSettings))?;
        let (version, max_connections, wait_timeout, connect_timeout, connect_errors, sees_all) =
            row;
        Ok(Self {
            version,
            max_connections,
            wait_timeout: Seconds(wait_timeout),
            connect_timeout: Seconds(connect_timeout),
            max_connect_errors: connect_errors,
            sees_all_threads: sees_all,
        })
    }
}

/// The connections of others.
async fn threads(session: &mut Session, credentials: &Credentials) -> Result<Vec<Thread>, Unseen> {
    let rows: Result<(Option<u64>, Vec<Row>), _> = session
        .run(async |conn| Ok((conn.query_first(OWN_ID).await?, conn.query(THREADS).await?)))
        .await;
    let (own, rows) = rows.map_err(|error| failed(credentials, error))?;
    let threads = rows.iter().filter_map(Thread::read);
    Ok(threads.filter(|thread| Some(thread.id) != own).collect())
}

fn failed(Credentials { host, port, .. }: &Credentials, source: SessionError) -> Unseen {
    // As a URL has it, so that an IPv6 address is not taken for part of the port.
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    Unseen::Unasked(Error::Database { host, port: *port, source })
}

impl Thread {
    fn read(row: &Row) -> Option<Self> {
        let id = row.get("Id")?;
        let user: String = row.get("User")?;
        let database = row.get_opt::<Option<String>, _>("db")?.ok()?;
        (!NOBODYS.contains(&user.as_str())).then_some(Self { id, user, database })
    }
}

#[cfg(test)]
mod tests {
    use rds_admission::telemetry::chain;

    use super::*;

    #[test]
    fn an_address_needs_a_database_and_is_not_repeated() {
        let parse = |address: &str| match Door::at(&address.into()) {
            Ok(Door::Address(credentials)) => Ok(credentials),
            Ok(Door::Secret { .. }) => panic!("an address is no secret"),
            Err(error) => Err(error),
        };
        let credentials = parse("mysql://u:p%40w@db.example:3307/demodb2").expect("an address");
        assert_eq!((credentials.database.as_deref(), credentials.port), (Some("demodb2"), 3307));
        assert_eq!(credentials.password.expose_secret(), "p@w");
        let credentials = parse("mysql://u:p@[::1]:3307/demodb2").expect("an address");
        assert_eq!((credentials.host.as_str(), credentials.port), ("::1", 3307));
        for wrong in
            ["mysql://u:secretpw@db.example:3306", "postgres://u:secretpw@h/db", "secretpw"]
        {
            let said = chain(&parse(wrong).expect_err("no address"));
            assert!(!said.contains("secretpw"), "{said}");
        }
    }
}
