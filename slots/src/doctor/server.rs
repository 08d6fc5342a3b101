//! The database's server: its settings and its threads.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use mysql_async::prelude::Queryable;
use mysql_async::{Opts, Row};
use rds_admission::aws::secret_client;
use rds_admission::client::Slot;
use rds_admission::secret::{Credentials, SecretCache, SecretError, parse_host};
use rds_admission::session::{LoginError, Session, SessionError, SessionOptions, Tls};
use rds_admission::time::{Deadline, Seconds};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::args::DatabaseArgs;
use crate::error::Error;

/// Limit of the whole probe.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Idle limit of the session. The table is read in between.
const IDLE: Seconds = Seconds(10);

const SETTINGS: &str = "SELECT VERSION(), CAST(@@GLOBAL.max_connections AS UNSIGNED), \
    CAST(@@GLOBAL.wait_timeout AS UNSIGNED), CAST(@@GLOBAL.connect_timeout AS UNSIGNED), \
    CAST(@@GLOBAL.max_connect_errors AS UNSIGNED), \
    EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' \
    AND GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
    SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''))";
/// Every version of MySQL and MariaDB has it, unlike the tables behind it.
const THREADS: &str = "SHOW PROCESSLIST";
const OWN_ID: &str = "SELECT CONNECTION_ID()";

/// Users of threads that are no connections, or not logged in yet.
const SYSTEM_USERS: [&str; 3] = ["system user", "event_scheduler", "unauthenticated user"];

/// Where the service's database is.
pub(super) enum Database {
    Url(Arc<Credentials>),
    Secret { id: String, secret: Box<SecretCache> },
}

impl Database {
    pub(super) fn new(args: &DatabaseArgs, aws: &SdkConfig) -> Result<Self, Error> {
        match (&args.secret, &args.database) {
            (Some(id), _) => {
                let secret = Box::new(SecretCache::new(secret_client(aws), id));
                Ok(Self::Secret { id: id.clone(), secret })
            }
            (None, Some(url)) => parse(url).map(|credentials| Self::Url(Arc::new(credentials))),
            // The arguments have one of the two.
            (None, None) => Err(Error::Url(None)),
        }
    }
}

/// Parses `mysql://user:password@host:port/database`.
fn parse(url: &SecretString) -> Result<Credentials, Error> {
    let opts = Opts::from_url(url.expose_secret()).map_err(|error| Error::Url(Some(error)))?;
    let database = opts.db_name().filter(|name| !name.is_empty()).ok_or(Error::Url(None))?;
    Ok(Credentials {
        username: opts.user().unwrap_or_default().to_owned(),
        password: opts.pass().unwrap_or_default().into(),
        host: parse_host(opts.ip_or_hostname()).map_err(Error::Host)?,
        port: opts.tcp_port(),
        database: Some(database.to_owned()),
    })
}

/// What was read from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) settings: Settings,
    /// The threads of other connections.
    pub(super) threads: Vec<Thread>,
    /// The service's database.
    pub(super) database: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) version: String,
    pub(super) max_connections: u32,
    pub(super) wait_timeout: Seconds,
    pub(super) connect_timeout: Seconds,
    pub(super) max_connect_errors: u64,
    /// Whether the account has PROCESS itself, not by a role.
    pub(super) sees_all_threads: bool,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) id: u64,
    pub(super) user: String,
    pub(super) database: Option<String>,
}

/// A session on the server, with what was read at its start.
pub(super) struct Probe {
    session: Session,
    credentials: Arc<Credentials>,
    server: Server,
}

impl Probe {
    /// Connects and reads settings and threads.
    pub(super) async fn start(database: &Database, tls: &Tls) -> Result<Self, Error> {
        let slot = Slot::outside_the_pool(Deadline::within(TIMEOUT));
        let options = SessionOptions { tls: tls.clone(), idle: IDLE, ..SessionOptions::default() };
        let (credentials, mut session) = match database {
            Database::Url(credentials) => {
                let session = Session::open(&slot, &options, credentials).await;
                (Arc::clone(credentials), session.map_err(|error| failed(credentials, error))?)
            }
            Database::Secret { id, secret } => {
                let unusable = |source| Error::Secret { id: id.clone(), source };
                let credentials = secret.get().await.map_err(unusable)?;
                let session = Session::log_in(&slot, &options, secret).await;
                let session = session.map_err(|error| match error {
                    LoginError::Session(error) => failed(&credentials, error),
                    LoginError::Secret(error) => unusable(error),
                })?;
                if credentials.database.is_none() {
                    return Err(unusable(SecretError::Shape { field: "dbname" }));
                }
                (credentials, session)
            }
        };
        let settings = session.query_first(SETTINGS).await;
        let settings: Option<(String, u32, u32, u32, u64, bool)> =
            settings.map_err(|error| failed(&credentials, error))?;
        let (version, max_connections, wait, connect, max_connect_errors, sees_all_threads) =
            settings.ok_or(Error::NoSettings)?;
        let settings = Settings {
            version,
            max_connections,
            wait_timeout: Seconds(wait),
            connect_timeout: Seconds(connect),
            max_connect_errors,
            sees_all_threads,
        };
        let threads = threads(&mut session, &credentials).await?;
        let database = credentials.database.clone().unwrap_or_default();
        Ok(Self { session, credentials, server: Server { settings, threads, database } })
    }

    /// Keeps the threads that are still there: they were connected all the time between. Closes the session.
    pub(super) async fn finish(mut self) -> Result<Server, Error> {
        let later = threads(&mut self.session, &self.credentials).await?;
        self.session.close().await;
        self.server.threads.retain(|thread| later.iter().any(|still| still.id == thread.id));
        Ok(self.server)
    }
}

impl Server {
    /// The connections to the service's database.
    pub(super) fn service(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter(|thread| self.is_service(thread))
    }

    pub(super) fn others(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter(|thread| !self.is_service(thread))
    }

    fn is_service(&self, thread: &Thread) -> bool {
        thread.database.as_ref() == Some(&self.database)
    }
}

async fn threads(session: &mut Session, credentials: &Credentials) -> Result<Vec<Thread>, Error> {
    let rows: Result<(Option<u64>, Vec<Row>), _> = session
        .run(async |conn| Ok((conn.query_first(OWN_ID).await?, conn.query(THREADS).await?)))
        .await;
    let (own, rows) = rows.map_err(|error| failed(credentials, error))?;
    let threads = rows.iter().filter_map(Thread::read);
    Ok(threads.filter(|thread| Some(thread.id) != own).collect())
}

fn failed(Credentials { host, port, .. }: &Credentials, source: SessionError) -> Error {
    // Brackets as in a URL, so that the end of an IPv6 address does not read as the port.
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    Error::Database { host, port: *port, source }
}

impl Thread {
    fn read(row: &Row) -> Option<Self> {
        let id = row.get("Id")?;
        let user: String = row.get("User")?;
        let database = row.get_opt::<Option<String>, _>("db")?.ok()?;
        (!SYSTEM_USERS.contains(&user.as_str())).then_some(Self { id, user, database })
    }
}

#[cfg(test)]
mod tests {
    use rds_admission::telemetry::chain;

    use super::*;

    #[test]
    fn an_address_needs_a_database_and_is_not_repeated() {
        let parse = |url: &str| parse(&url.into());
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
