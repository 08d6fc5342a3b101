//! A connection that does not outlive its lease.
//!
//! The holder closes its connection before it gives the slot back. A holder that can't (killed,
//! frozen, cut off) is served by the server: right after logging in, the session tells the server how
//! long it may idle and how long a statement may take, so that the server ends it by itself before
//! the lease expires ([`Limits`]).

mod error;
mod keep;
mod limits;
mod line;
mod login;
mod refusal;
mod tls;

pub use error::SessionError;
pub use limits::Limits;
pub use login::LoginError;
pub(crate) use login::is_gone;
pub use refusal::{MIN_CONNECT_ERRORS, Refusal};
pub use tls::{InvalidTls, Tls};

use std::fmt;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Error, Opts, OptsBuilder};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use error::DriverPanicked;
use keep::Home;
use line::Line;

use crate::client::{ConnectionToken, Slot};
use crate::secret::Credentials;
use crate::time::Seconds;

/// How to connect.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Whether to encrypt, and whom to trust. Default: RDS's own roots.
    pub tls: Tls,
    /// How long connecting and logging in may take. Default: 3 seconds.
    pub connect_timeout: Duration,
    /// How long the connection may idle between statements before the server ends it. Default: 2
    /// seconds.
    pub idle: Seconds,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { tls: Tls::default(), connect_timeout: Duration::from_secs(3), idle: Seconds(2) }
    }
}

/// A connection under a slot.
///
/// Closed by [`close`](Self::close), or in the background when it is dropped; the slot waits until
/// the server has ended the session, which in the middle of a statement can take until the
/// statement's limit.
pub struct Session {
    open: Option<(Conn, Line)>,
    slot: Slot,
    credentials: Credentials,
    idle: Seconds,
    limits: Limits,
    busy: bool,
    home: Option<Home>,
}

impl Session {
    /// Connects and logs in, and has the server limit the session to its lease.
    ///
    /// # Errors
    /// [`SessionError`]; no connection is then left open, or the slot knows of it.
    pub async fn open(
        slot: &Slot,
        options: &SessionOptions,
        credentials: &Credentials,
    ) -> Result<Self, SessionError> {
        let patience = options.connect_timeout.min(slot.work_left());
        if Limits::within(slot, options.idle).is_none() || patience.is_zero() {
            return Err(SessionError::LeaseOver);
        }
        let token = slot.connecting();
        let connected = timeout(patience, connect(slot, token, options, credentials)).await;
        let open = connected.map_err(|_| SessionError::ConnectTimeout { after: patience })??;
        // Whoever was frozen while connecting finds out before it uses the connection.
        let limits = Limits::within(slot, options.idle).ok_or(SessionError::LeaseOver);
        let mut session = Self {
            open: Some(open),
            slot: slot.clone(),
            credentials: credentials.clone(),
            idle: options.idle,
            limits: limits?,
            busy: false,
            home: None,
        };
        session.tell_limits().await?;
        Ok(session)
    }

    /// Runs a statement, or several that need no more than the time that is left.
    ///
    /// # Errors
    /// [`SessionError::LeaseOver`] when there is not enough time left to begin;
    /// [`SessionError::StatementLimit`] when the server ended the statement;
    /// [`SessionError::Statement`] when it failed otherwise.
    pub async fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut Conn) -> Result<T, mysql_async::Error>,
    ) -> Result<T, SessionError> {
        let now = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        if self.limits.must_shrink_to(&self.slot) {
            self.limits = now;
            self.tell_limits().await?;
        }
        let (conn, _) = self.open.as_mut().ok_or(SessionError::LeaseOver)?;
        self.busy = true;
        let done = statement(conn).await;
        self.busy = false;
        done.map_err(SessionError::of_statement)
    }

    /// Runs a query and returns its first row, if it has one.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn query_first<T>(&mut self, sql: &str) -> Result<Option<T>, SessionError>
    where
        T: FromRow + Send + 'static,
    {
        self.run(async |conn| conn.query_first(sql).await).await
    }

    /// Says good-bye to the server, and waits until it has ended the session; at the most until the
    /// lease is over. Whether it has shows in what becomes of the slot.
    ///
    /// In the middle of a statement that was abandoned there is no good-bye: the line is hung up.
    pub async fn close(mut self) {
        if let Some((conn, line)) = self.open.take()
            && !self.busy
        {
            close(conn, line).await;
        }
    }

    /// Whether it is a connection under this slot.
    pub(crate) fn is_under(&self, slot: &Slot) -> bool {
        self.slot.is(slot)
    }

    /// Whether `credentials` lead to the database that it is of, with whatever password.
    pub(crate) fn is_of(&self, credentials: &Credentials) -> bool {
        self.credentials.leads_where(credentials)
    }

    async fn tell_limits(&mut self) -> Result<(), SessionError> {
        self.say(&self.limits.sql()).await
    }

    /// Tells the server something about the session itself.
    async fn say(&mut self, sql: &str) -> Result<(), SessionError> {
        let Some((conn, _)) = self.open.as_mut() else { return Err(SessionError::LeaseOver) };
        self.busy = true;
        let told = conn.query_drop(sql).await;
        self.busy = false;
        told.map_err(|source| SessionError::Limits { source })
    }
}

/// The connection's own `Debug` would show the password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("lease", &self.slot.lease())
            .field("limits", &self.limits)
            .field("busy", &self.busy)
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // In the middle of a statement there is no good-bye: the line is hung up.
        if let Some((conn, line)) = self.open.take()
            && !self.busy
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(close(conn, line));
        }
    }
}

async fn connect(
    slot: &Slot,
    token: ConnectionToken,
    options: &SessionOptions,
    credentials: &Credentials,
) -> Result<(Conn, Line), SessionError> {
    let Credentials { host, port, .. } = credentials;
    let line = Line::connect(slot, token, host, *port).await;
    let line = line.map_err(|error| SessionError::Connect { source: error.into() })?;
    // Whoever was frozen while connecting hangs up before it logs in.
    if Limits::within(slot, options.idle).is_none() {
        return Err(SessionError::LeaseOver);
    }
    // The driver panics at some answers of a server that it does not expect. The line shows what came of the
    // connection then, as ever.
    let login = AssertUnwindSafe(Conn::new(opts(options, credentials, &line))).catch_unwind();
    let failed = match login.await {
        Ok(Ok(conn)) => return Ok((conn, line)),
        Ok(Err(source)) => source,
        Err(_panic) => Error::Other(Box::new(DriverPanicked)),
    };
    line.ended().await;
    Err(SessionError::Connect { source: failed })
}

async fn close(conn: Conn, line: Line) {
    // An error means that the connection is broken already, and then the line ends.
    let _ = conn.disconnect().await;
    line.ended().await;
}

fn opts(options: &SessionOptions, credentials: &Credentials, line: &Line) -> Opts {
    let host = credentials.host.clone();
    OptsBuilder::default()
        .ip_or_hostname(Ipv4Addr::LOCALHOST.to_string())
        .tcp_port(line.port())
        // The server's certificate is for its own name, not for the line's near end.
        .ssl_opts(
            options.tls.ssl_opts().map(|tls| tls.with_danger_tls_hostname_override(Some(host))),
        )
        .user(Some(&credentials.username))
        .pass(Some(credentials.password.expose_secret()))
        .db_name(credentials.database.as_ref())
        // A socket would lead past the address that was asked for.
        .prefer_socket(false)
        .stmt_cache_size(0)
        // Told here, they need not be asked of the server, which saves a round trip.
        .max_allowed_packet(Some(16 * 1024 * 1024))
        .wait_timeout(Some(options.idle.0 as usize))
        .into()
}
