//! Connecting and logging in once.

use std::net::Ipv4Addr;
use std::time::Duration;

use mysql_async::{Conn, Error, Opts, OptsBuilder};
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::{DriverPanicked, SessionError};
use super::limits::Limits;
use super::relay::LeaseGuardedRelay;
use super::tls::Tls;
use crate::client::{ConnectionToken, Slot};
use crate::secret::Credentials;
use crate::telemetry::catch_panic;
use crate::time::Seconds;

/// How to connect.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Encryption, and the roots to trust. Default: RDS's own.
    pub tls: Tls,
    /// Timeout of connecting and logging in. Default: 3 seconds.
    pub connect_timeout: Duration,
    /// How long the server lets the connection idle between two statements. Default: 2 seconds.
    pub idle: Seconds,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { tls: Tls::default(), connect_timeout: Duration::from_secs(3), idle: Seconds(2) }
    }
}

/// A connection that is logged in. Closed in the background when it is dropped.
pub(super) struct Connection(Option<(Conn, LeaseGuardedRelay)>);

impl Connection {
    /// Connects and logs in within `patience`.
    ///
    /// A login that takes longer continues in the background, until the lease is nearly over, and is then closed
    /// properly: a server blocks a host after too many logins that broke off ([`Refusal::HostBlocked`]).
    ///
    /// [`Refusal::HostBlocked`]: super::Refusal::HostBlocked
    pub(super) async fn open(
        patience: Duration,
        slot: &Slot,
        options: &SessionOptions,
        credentials: &Credentials,
    ) -> Result<Self, SessionError> {
        let token = slot.connecting()?;
        let (sender, receiver) = oneshot::channel();
        let (slot, options, credentials) = (slot.clone(), options.clone(), credentials.clone());
        tokio::spawn(async move {
            let connecting = connect(&slot, token, &options, &credentials);
            if let Ok(connected) = timeout(slot.may_speak_for(), connecting).await {
                let _ = sender.send(connected);
            }
        });
        match timeout(patience, receiver).await {
            Ok(Ok(connected)) => connected,
            Ok(Err(_)) | Err(_) => Err(SessionError::ConnectTimeout { after: patience }),
        }
    }

    pub(super) fn parts(&mut self) -> (&mut Conn, &LeaseGuardedRelay) {
        let (conn, relay) = self.0.as_mut().expect("a connection is open until it is dropped");
        (conn, relay)
    }

    /// Returns whether a statement was dropped before its result was read, or the connection has failed. The driver
    /// calls a connection disconnected while a statement is under way.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.as_ref().is_none_or(|(conn, _)| conn.is_disconnected())
    }

    /// Rolls back, quits, and waits until the server has closed the connection, or the lease is over. An abandoned
    /// connection is cut instead.
    pub(super) async fn close(mut self) {
        if let Some((conn, relay)) = self.0.take() {
            // In a task of its own, which continues when this future is dropped.
            let _ = tokio::spawn(close(conn, relay)).await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some((conn, relay)) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(close(conn, relay));
        }
    }
}

async fn close(mut conn: Conn, relay: LeaseGuardedRelay) {
    // Dropping the relay cuts the connection. It then reports whether that proves its end.
    if conn.is_disconnected() {
        return;
    }
    relay.transaction().roll_back(&mut conn).await;
    // On an error the connection is broken, and the relay ends as well.
    let _ = conn.disconnect().await;
    relay.ended().await;
}

async fn connect(
    slot: &Slot,
    token: ConnectionToken,
    options: &SessionOptions,
    credentials: &Credentials,
) -> Result<Connection, SessionError> {
    let Credentials { host, port, .. } = credentials;
    let relay = LeaseGuardedRelay::connect(slot, token, host, *port).await;
    let relay = relay.map_err(|error| SessionError::Connect { source: error.into() })?;
    // The holder may have been frozen while it connected.
    Limits::within(slot, options.idle).ok_or(SessionError::LeaseOver)?;
    // The driver panics at some unexpected answers.
    let source = match catch_panic(Conn::new(opts(options, credentials, &relay))).await {
        Ok(Ok(conn)) => return Ok(Connection(Some((conn, relay)))),
        Ok(Err(source)) => source,
        Err(panicked) => Error::Other(Box::new(DriverPanicked(panicked))),
    };
    relay.ended().await;
    Err(SessionError::Connect { source })
}

fn opts(options: &SessionOptions, credentials: &Credentials, relay: &LeaseGuardedRelay) -> Opts {
    let host = credentials.host.clone();
    OptsBuilder::default()
        .ip_or_hostname(Ipv4Addr::LOCALHOST.to_string())
        .tcp_port(relay.port())
        // The certificate is for the server's name, not for the relay's address.
        .ssl_opts(
            options.tls.ssl_opts().map(|tls| tls.with_danger_tls_hostname_override(Some(host))),
        )
        .user(Some(&credentials.username))
        .pass(Some(credentials.password.expose_secret()))
        .db_name(credentials.database.as_ref())
        // A socket would bypass the relay.
        .prefer_socket(false)
        .stmt_cache_size(0)
        // The driver would query the server for values that are not set here: one more round trip.
        .max_allowed_packet(Some(16 * 1024 * 1024))
        .wait_timeout(Some(options.idle.0 as usize))
        .into()
}
