//! An open session: its statements, its end, and its reuse.

use std::fmt;

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, DriverError, Row};
use tokio::time::Instant;

use super::baseline::SessionBaseline;
use super::connect::{Connection, SessionOptions};
use super::error::SessionError;
use super::limits::Limits;
use super::relay::LeaseGuardedRelay;
use crate::client::Slot;
use crate::pool::warm::Warm;
use crate::secret::Credentials;
use crate::time::{Deadline, FreezeAwareInstant, Seconds};

/// A connection under a slot. A slot allows one at a time.
///
/// Closed by [`close`](Self::close), or in the background when it is dropped: an open transaction is rolled back,
/// and the slot is released when the server has ended the session. A session that is dropped in the middle of a
/// statement is cut. The server may then work on until the statement's limit. The slot is released after that
/// where the statement is a `SELECT` of [`query_first`](Self::query_first) outside of a transaction. Otherwise the
/// server may roll back, unseen, after it has closed the connection, and the slot is left to its lease. The
/// statements of a [`run`](Self::run) are unknown and count as the latter.
pub struct Session {
    connection: Connection,
    slot: Slot,
    credentials: Credentials,
    idle: Seconds,
    limits: Limits,
    baseline: Option<SessionBaseline>,
}

/// The driver's names of the handshake, which some servers forget in a reset.
const SET_NAMES: &str = "NAMES utf8mb4 COLLATE utf8mb4_general_ci";

impl Session {
    /// Connects, logs in, and limits the session to its lease.
    ///
    /// A login that takes too long, or whose future is dropped, is completed and closed in the background, within
    /// the lease: a server blocks a host after `max_connect_errors` broken logins in a row.
    ///
    /// A refused password is tried once more: the driver cuts a trailing zero off the challenge of a MariaDB account
    /// with `ed25519`, so that one correct login in 256 fails (`AuthSwitchRequest::plugin_data` of `mysql_common`
    /// 0.37).
    ///
    /// # Errors
    /// [`SessionError::Slot`] when the slot has a connection already, or was released;
    /// [`SessionError::LeaseOver`] when there is not enough time left;
    /// [`SessionError::ConnectTimeout`], [`SessionError::Connect`] or [`SessionError::Limits`] when there is no usable
    /// connection. One that may still be open is counted against the slot.
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
        let connection = match Connection::open(patience, slot, options, credentials).await {
            Err(denied) if denied.is_access_denied() => {
                let patience = patience.saturating_sub(begun.elapsed());
                match Connection::open(patience, slot, options, credentials).await {
                    // Of two causes the password is the one that another version of the secret cures.
                    Err(error) if !error.is_access_denied() => return Err(denied),
                    again => again?,
                }
            }
            connected => connected?,
        };
        // The holder may have been frozen while it connected.
        let limits = Limits::within(slot, options.idle).ok_or(SessionError::LeaseOver)?;
        let mut session = Self {
            connection,
            slot: slot.clone(),
            credentials: credentials.clone(),
            idle: options.idle,
            limits,
            baseline: None,
        };
        session.set_limits().await?;
        Ok(session)
    }

    /// Runs a closure with the connection: statements, each of which may take the time that is left. A text of several
    /// statements is rejected by the server (error 1064), because the limit is one statement's.
    ///
    /// A transaction that the closure leaves open is rolled back at the session's end.
    ///
    /// # Errors
    /// [`SessionError::LeaseOver`] when there is not enough time left to begin;
    /// [`SessionError::StatementLimit`] when the server ended the statement;
    /// [`SessionError::Statement`] when it failed otherwise, or an earlier one was abandoned;
    /// [`SessionError::Limits`] when the server did not accept new limits.
    pub async fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut Conn) -> Result<T, mysql_async::Error>,
    ) -> Result<T, SessionError> {
        let (conn, relay) = self.ready().await?;
        relay.transaction().set_unknown();
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
        relay.transaction().before(sql);
        let row = conn.query_first(sql).await.map_err(SessionError::of_statement)?;
        relay.transaction().update(conn);
        Ok(row)
    }

    /// Rolls back, quits, and waits until the server has ended the session or the lease is over. The slot's release
    /// shows which. An abandoned statement is cut.
    pub async fn close(self) {
        self.connection.close().await;
    }

    /// Returns the connection, with limits that suit another statement.
    async fn ready(&mut self) -> Result<(&mut Conn, &LeaseGuardedRelay), SessionError> {
        let now = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        if self.connection.is_abandoned() {
            // The next packet would belong to the abandoned statement.
            let source = DriverError::ConnectionClosed.into();
            return Err(SessionError::Statement { source });
        }
        if self.limits.must_shrink_to(&self.slot) {
            self.limits = now;
            self.set_limits().await?;
        }
        Ok(self.connection.parts())
    }

    async fn set_limits(&mut self) -> Result<(), SessionError> {
        self.configure(&self.limits.sql()).await
    }

    /// Runs a statement about the session itself.
    async fn configure(&mut self, sql: &str) -> Result<(), SessionError> {
        let (conn, relay) = self.connection.parts();
        conn.query_drop(sql).await.map_err(|source| SessionError::Limits { source })?;
        relay.transaction().update(conn);
        Ok(())
    }

    /// Returns whether `slot` is the session's.
    pub(crate) fn is_under(&self, slot: &Slot) -> bool {
        self.slot.is(slot)
    }

    /// Returns whether a session with `credentials` would be of the same user and database.
    pub(crate) fn matches(&self, credentials: &Credentials) -> bool {
        self.credentials.same_database(credentials)
    }

    /// Records what [`reset_for_reuse`](Self::reset_for_reuse) compares. To be called before the session is used.
    pub(crate) async fn capture_baseline(&mut self) -> Result<(), SessionError> {
        self.baseline = self.read_baseline().await?;
        Ok(())
    }

    async fn read_baseline(&mut self) -> Result<Option<SessionBaseline>, SessionError> {
        let row = self.query_first::<Row>(SessionBaseline::SQL).await?;
        Ok(row.and_then(SessionBaseline::from_row))
    }

    /// Clears the session, and makes the server end it at the returned time unless it is resumed before. `None`: it
    /// cannot be reused and must be closed.
    ///
    /// A reset drops temporary tables, user variables, prepared statements, locks and the transaction, and restores
    /// all settings to their global values
    /// (<https://dev.mysql.com/doc/c-api/8.0/en/mysql-reset-connection.html>), the limits too: until the next
    /// statement the global `wait_timeout` applies, as between a login and its first limits.
    pub(crate) async fn reset_for_reuse(&mut self, warm: &Warm) -> Option<Deadline> {
        if self.connection.is_abandoned() || self.baseline.is_none() {
            return None;
        }
        if self.read_baseline().await.ok()? != self.baseline {
            return None;
        }
        // Checked before the reset, which lifts the limits: the session could otherwise outlive the lease.
        warm.kept_for(self.slot.lease_left())?;
        let (conn, relay) = self.connection.parts();
        if !conn.reset().await.ok()? {
            return None;
        }
        relay.transaction().set_none();
        if let Some(sql) = self.baseline.as_ref().and_then(SessionBaseline::use_database) {
            self.configure(&sql).await.ok()?;
        }
        let now = FreezeAwareInstant::now();
        let keep = warm.kept_for(self.slot.lease_left())?;
        self.configure(&format!("SET SESSION wait_timeout = {}", keep.0)).await.ok()?;
        Some(Deadline::after(now, keep.into()))
    }

    /// Sets the limits of the slot again after a reset. On an error the session is unusable.
    pub(crate) async fn resume(&mut self) -> Result<(), SessionError> {
        self.limits = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        self.configure(&format!("{}, {SET_NAMES}", self.limits.sql())).await
    }
}

/// Leaves out the credentials and the names in the baseline.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("lease", &self.slot.lease())
            .field("limits", &self.limits)
            .field("abandoned", &self.connection.is_abandoned())
            .finish_non_exhaustive()
    }
}
