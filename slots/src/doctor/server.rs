//! The database's server, and who is connected to it.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Opts, Row};
use rds_admission::client::Slot;
use rds_admission::secret::Credentials;
use rds_admission::session::{Session, SessionError, SessionOptions, Tls};
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
    EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'PROCESS' \
    AND GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', \
    SUBSTRING_INDEX(CURRENT_USER(), '@', -1), ''''))";
/// Understood by every version of both servers, which the tables behind it are not.
const THREADS: &str = "SHOW PROCESSLIST";
const OWN_ID: &str = "SELECT CONNECTION_ID()";

/// Threads of the server that are not connections, or not yet anybody's.
const NOBODYS: [&str; 3] = ["system user", "event_scheduler", "unauthenticated user"];

/// Where the service's database is, and how to log in.
#[derive(Debug)]
pub(crate) struct Address {
    credentials: Credentials,
    database: String,
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

impl Address {
    /// Reads `mysql://user:password@host:port/database`.
    pub(crate) fn parse(address: &SecretString) -> Result<Self, Error> {
        let opts = Opts::from_url(address.expose_secret());
        let opts = opts.map_err(|error| Error::Address(Some(error)))?;
        let database = opts.db_name().filter(|name| !name.is_empty());
        let database = database.ok_or(Error::Address(None))?.to_owned();
        let credentials = Credentials {
            username: opts.user().unwrap_or_default().to_owned(),
            password: opts.pass().unwrap_or_default().into(),
            host: opts.ip_or_hostname().to_owned(),
            port: opts.tcp_port(),
            database: Some(database.clone()),
        };
        Ok(Self { credentials, database })
    }

    /// The service's database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Connects; `None` when the server has no connection left.
    pub(crate) async fn connect(&self, tls: &Tls) -> Result<Option<Session>, Error> {
        let slot = Slot::outside_the_pool(Deadline::within(PATIENCE));
        let options = SessionOptions { tls: tls.clone(), idle: IDLE, ..SessionOptions::default() };
        match Session::open(&slot, &options, &self.credentials).await {
            Ok(session) => Ok(Some(session)),
            Err(full) if full.is_too_many_connections() => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }

    /// The connections of others.
    pub(crate) async fn threads(&self, session: &mut Session) -> Result<Vec<Thread>, Error> {
        let rows: Result<(Option<u64>, Vec<Row>), _> = session
            .run(async |conn| Ok((conn.query_first(OWN_ID).await?, conn.query(THREADS).await?)))
            .await;
        let (own, rows) = rows.map_err(|error| self.error(error))?;
        let threads = rows.iter().filter_map(Thread::read);
        Ok(threads.filter(|thread| Some(thread.id) != own).collect())
    }

    fn error(&self, source: SessionError) -> Error {
        let Credentials { host, port, .. } = &self.credentials;
        Error::Database { host: host.clone(), port: *port, source }
    }
}

impl Server {
    /// Asks how it is set.
    pub(crate) async fn ask(session: &mut Session, address: &Address) -> Result<Self, Error> {
        let row = session.query_first::<(String, u32, u32, u32, bool)>(SETTINGS).await;
        let row = row.map_err(|error| address.error(error))?.ok_or(Error::NoSettings)?;
        let (version, max_connections, wait_timeout, connect_timeout, sees_all_threads) = row;
        Ok(Self {
            version,
            max_connections,
            wait_timeout: Seconds(wait_timeout),
            connect_timeout: Seconds(connect_timeout),
            sees_all_threads,
        })
    }
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
        let parse = |address: &str| Address::parse(&address.into());
        let address = parse("mysql://u:p%40w@db.example:3307/demodb2").expect("an address");
        assert_eq!((address.database(), address.credentials.port), ("demodb2", 3307));
        assert_eq!(address.credentials.password.expose_secret(), "p@w");
        for wrong in
            ["mysql://u:secretpw@db.example:3306", "postgres://u:secretpw@h/db", "secretpw"]
        {
            let said = chain(&parse(wrong).expect_err("no address"));
            assert!(!said.contains("secretpw"), "{said}");
        }
    }
}
