//! A connection that does not outlive its lease.
//!
//! The holder closes its connection before it gives the slot back. A holder that can't (killed,
//! frozen, cut off) is served by the server: right after logging in, the session tells the server how
//! long it may idle and how long a statement may take, so that the server ends it by itself before
//! the lease expires ([`Limits`]).

mod connect;
mod error;
mod greeting;
mod keep;
mod limits;
mod login;
mod refusal;
mod relay;
mod tls;
mod undo;

pub use error::SessionError;
pub use limits::Limits;
pub use login::LoginError;
pub(crate) use login::is_gone;
pub use refusal::{MIN_CONNECT_ERRORS, Refusal};
pub use tls::{InvalidTls, Tls};

use std::fmt;
use std::time::Duration;

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, DriverError};
use tokio::time::Instant;

use keep::SessionBaseline;
use relay::LeaseGuardedRelay;

use crate::client::Slot;
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

/// A connection under a slot: the only one, while it is open.
///
/// Closed by [`close`](Self::close), or in the background when it is dropped: what it leaves open is rolled back,
/// and the slot waits until that is done and the server has ended the session. One that is dropped in the middle of a
/// statement is hung up. The server then goes on to the statement's end, which can take until its limit; the slot
/// waits for that too where the statement is a `SELECT` of [`query_first`](Self::query_first) outside of a transaction.
/// Else the server may roll back after it has hung up, for as long as that takes and unseen, and the slot is left to its
/// lease. What a closure of [`run`](Self::run) was at is not known, and counts as such.
pub struct Session {
    open: Option<(Conn, LeaseGuardedRelay)>,
    slot: Slot,
    credentials: Credentials,
    idle: Seconds,
    limits: Limits,
    baseline: Option<SessionBaseline>,
}

impl Session {
    /// Connects and logs in, and has the server limit the session to its lease.
    ///
    /// A login that is not waited for any more (it takes too long, or this is dropped) goes on to its end in the
    /// background, within the lease, and is followed by a good-bye: a server counts the logins that break off, and
    /// lets nobody in any more from a host with more than `max_connect_errors` of them in a row.
    ///
    /// A password that is refused is tried once more: of the challenges that a MariaDB account with `ed25519` is sent,
    /// the driver cuts a zero off the end, so that one right login in 256 is refused
    /// (`AuthSwitchRequest::plugin_data` of `mysql_common` 0.37).
    ///
    /// # Errors
    /// [`SessionError`]; no connection is then left open, or the slot knows of it.
    /// [`SessionError::Slot`] when a connection is open under the slot already, or the slot was given back.
    pub async fn open(
        slot: &Slot,
        options: &SessionOptions,
        credentials: &Credentials,
    ) -> Result<Self, SessionError> {
        let patience = options.connect_timeout.min(slot.work_left());
        if Limits::within(slot, options.idle).is_none() || patience.is_zero() {
            return Err(SessionError::LeaseOver);
        }
        let begun = Instant::now();
        let mut session = match connect::within(patience, slot, options, credentials).await {
            Err(refused) if refused.is_access_denied() => {
                let patience = patience.saturating_sub(begun.elapsed());
                match connect::within(patience, slot, options, credentials).await {
                    Ok(session) => session,
                    Err(again) if again.is_access_denied() => return Err(again),
                    // Of two reasons, the password is the one that another secret would mend.
                    Err(_) => return Err(refused),
                }
            }
            connected => connected?,
        };
        // Whoever was frozen while connecting finds out before it uses the connection.
        session.limits = Limits::within(slot, options.idle).ok_or(SessionError::LeaseOver)?;
        session.tell_limits().await?;
        Ok(session)
    }

    /// Runs a closure with the connection: statements, each of which may take the time that is left. Several in one
    /// text are not taken by the server (error 1064): its limit is for one.
    ///
    /// What the closure leaves open is rolled back before the session ends, or is kept.
    ///
    /// # Errors
    /// [`SessionError::LeaseOver`] when there is not enough time left to begin;
    /// [`SessionError::StatementLimit`] when the server ended the statement;
    /// [`SessionError::Statement`] when it failed otherwise, or an earlier one was abandoned half-way.
    pub async fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut Conn) -> Result<T, mysql_async::Error>,
    ) -> Result<T, SessionError> {
        let (conn, relay) = self.ready().await?;
        relay.undo().unknown();
        statement(conn).await.map_err(SessionError::of_statement)
    }

    /// Runs a query and returns its first row, if it has one.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn query_first<T>(&mut self, sql: &str) -> Result<Option<T>, SessionError>
    where
        T: FromRow + Send + 'static,
    {
        let (conn, relay) = self.ready().await?;
        relay.undo().about_to_run(sql);
        let row = conn.query_first(sql).await.map_err(SessionError::of_statement)?;
        relay.undo().as_answered(conn);
        Ok(row)
    }

    /// Says good-bye to the server, after what is open is rolled back, and waits until it has ended the session; at
    /// the most until the lease is over. Whether it has shows in what becomes of the slot.
    ///
    /// In the middle of a statement that was abandoned there is no good-bye: the relay is hung up.
    pub async fn close(mut self) {
        if let Some((conn, relay)) = self.open.take() {
            // A task of its own, which goes on when this is not waited for.
            let _ = tokio::spawn(close(conn, relay)).await;
        }
    }

    /// The connection, its limits fit for another statement.
    async fn ready(&mut self) -> Result<(&mut Conn, &LeaseGuardedRelay), SessionError> {
        let now = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        if self.is_abandoned() {
            // What the server says next is the answer to another statement.
            let source = DriverError::ConnectionClosed.into();
            return Err(SessionError::Statement { source });
        }
        if self.limits.must_shrink_to(&self.slot) {
            self.limits = now;
            self.tell_limits().await?;
        }
        let (conn, relay) = self.open.as_mut().ok_or(SessionError::LeaseOver)?;
        Ok((conn, relay))
    }

    /// Whether a statement was dropped while the server was at it, or the connection has failed. The driver takes a
    /// connection for disconnected as long as something is under way.
    fn is_abandoned(&self) -> bool {
        self.open.as_ref().is_none_or(|(conn, _)| conn.is_disconnected())
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
        let Some((conn, relay)) = self.open.as_mut() else { return Err(SessionError::LeaseOver) };
        conn.query_drop(sql).await.map_err(|source| SessionError::Limits { source })?;
        relay.undo().as_answered(conn);
        Ok(())
    }
}

/// The connection's own `Debug` would show the password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("lease", &self.slot.lease())
            .field("limits", &self.limits)
            .field("abandoned", &self.is_abandoned())
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some((conn, relay)) = self.open.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(close(conn, relay));
        }
    }
}

async fn close(mut conn: Conn, relay: LeaseGuardedRelay) {
    // In the middle of a statement there is no good-bye: the relay is hung up, and says what that proves.
    if conn.is_disconnected() {
        return;
    }
    relay.undo().roll_back(&mut conn).await;
    // An error means that the connection is broken already, and then the relay ends.
    let _ = conn.disconnect().await;
    relay.ended().await;
}
