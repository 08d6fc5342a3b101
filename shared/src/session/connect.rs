//! Connecting and logging in.

use std::net::Ipv4Addr;
use std::time::Duration;

use mysql_async::{Conn, Error, Opts, OptsBuilder};
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::DriverPanicked;
use super::relay::LeaseGuardedRelay;
use super::{Limits, Session, SessionError, SessionOptions};
use crate::client::{ConnectionToken, Slot};
use crate::secret::Credentials;
use crate::telemetry::catch_panic;

/// A session that was told no limits yet, within `patience`. A login that takes longer goes on in the background, as
/// long as something may be said under the lease, and then says good-bye.
pub(super) async fn within(
    patience: Duration,
    slot: &Slot,
    options: &SessionOptions,
    credentials: &Credentials,
) -> Result<Session, SessionError> {
    let token = slot.connecting()?;
    let (hand_over, handed_over) = oneshot::channel();
    let (slot, options, credentials) = (slot.clone(), options.clone(), credentials.clone());
    tokio::spawn(async move {
        let connecting = connect(&slot, token, &options, &credentials);
        if let Ok(connected) = timeout(slot.may_speak_for(), connecting).await {
            // Where nobody takes it, the session is dropped, and says good-bye.
            let _ = hand_over.send(connected);
        }
    });
    match timeout(patience, handed_over).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(_)) | Err(_) => Err(SessionError::ConnectTimeout { after: patience }),
    }
}

async fn connect(
    slot: &Slot,
    token: ConnectionToken,
    options: &SessionOptions,
    credentials: &Credentials,
) -> Result<Session, SessionError> {
    let Credentials { host, port, .. } = credentials;
    let relay = LeaseGuardedRelay::connect(slot, token, host, *port).await;
    let relay = relay.map_err(|error| SessionError::Connect { source: error.into() })?;
    // Whoever was frozen while connecting hangs up before it logs in.
    let limits = Limits::within(slot, options.idle).ok_or(SessionError::LeaseOver)?;
    // The driver panics at some answers of a server that it does not expect. The relay shows what came of the
    // connection then, as ever.
    let source = match catch_panic(Conn::new(opts(options, credentials, &relay))).await {
        Ok(Ok(conn)) => {
            return Ok(Session {
                open: Some((conn, relay)),
                slot: slot.clone(),
                credentials: credentials.clone(),
                idle: options.idle,
                limits,
                baseline: None,
            });
        }
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
        // The server's certificate is for its own name, not for the relay's near end.
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
