//! A relay on loopback between the driver and the server, which guards the lease.
//!
//! The driver does not check the lease before it sends, and closes its socket without waiting for the server to end
//! the session: a slot released then could meet the old session still on the server's list. So it connects to a
//! port of this relay, which passes the bytes on:
//!
//! - nothing is sent to the server in the last seconds of the lease or later, however long the holder was frozen, so
//!   that the server's own limits end the session in time;
//! - the connection counts as gone only when the server has closed it, also when the session was dropped in the
//!   middle of a statement. Where a transaction may be open, even that is no proof ([`TransactionState`]);
//! - a packet holds a single statement ([`MultiStatementsFilter`]).

use std::future::pending;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::transaction::TransactionState;
use crate::client::{ConnectionToken, Slot};

const BUFFER: usize = 16 * 1024;

/// A dropped relay is given this long to learn whether the server accepted its connection. After that the
/// connection is not known to be gone.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// The driver's end of a relay. When it is dropped the connection is cut; the task ends when the server has closed the
/// connection, or the lease is over.
pub(super) struct LeaseGuardedRelay {
    port: u16,
    holding: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    transaction: TransactionState,
}

impl LeaseGuardedRelay {
    /// Connects to the server. Nothing is sent before the driver connects to [`port`](Self::port).
    ///
    /// If this future is dropped, the task waits for the connection and closes it.
    pub(super) async fn connect(
        slot: &Slot,
        token: ConnectionToken,
        host: &str,
        port: u16,
    ) -> io::Result<Self> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(listener) => listener,
            Err(error) => {
                token.gone();
                return Err(error);
            }
        };
        let driver_port = listener.local_addr()?.port();
        let (holding, dropped) = oneshot::channel();
        let (connecting, connected) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let server = (host.to_owned(), port);
        let transaction = TransactionState::default();
        let task =
            RelayTask { slot: slot.clone(), listener, dropped, transaction: transaction.clone() };
        tokio::spawn(async move {
            task.run(server, token, connecting).await;
            let _ = ending.send(());
        });
        match connected.await {
            Ok(connected) => {
                connected.map(|()| Self { port: driver_port, holding, ended, transaction })
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// The loopback port that stands for the server.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn transaction(&self) -> &TransactionState {
        &self.transaction
    }

    /// Waits until the driver and the server have both closed the connection, or the lease is over.
    pub(super) async fn ended(self) {
        // An error means that the runtime has shut the task down.
        let _ = self.ended.await;
        // Not earlier: cutting the connection could overtake the driver's last packet.
        drop(self.holding);
    }
}

struct RelayTask {
    slot: Slot,
    listener: TcpListener,
    dropped: oneshot::Receiver<()>,
    transaction: TransactionState,
}

impl RelayTask {
    /// Reports the connection's end to `token`. Does not where the lease ends first, a transaction may be open, or the
    /// outcome of connecting is unknown.
    async fn run(
        mut self,
        server: (String, u16),
        token: ConnectionToken,
        connecting: oneshot::Sender<io::Result<()>>,
    ) {
        let (slot, transaction) = (self.slot.clone(), self.transaction.clone());
        let relaying = async {
            let server = match self.connect(server).await {
                Some(Ok(server)) => server,
                Some(Err(error)) => {
                    // First, so that the holder may connect again at once.
                    token.gone();
                    let _ = connecting.send(Err(error));
                    return;
                }
                None => return,
            };
            let _ = connecting.send(Ok(()));
            if self.relay(server).await && !transaction.may_be_open() {
                token.gone();
            }
        };
        tokio::select! {
            () = relaying => {}
            () = slot.lease_over() => {}
        }
    }

    /// Returns `None` when the relay was dropped and the outcome is unknown.
    async fn connect(&mut self, server: (String, u16)) -> Option<io::Result<TcpStream>> {
        let mut connected = pin!(async {
            let server = TcpStream::connect(server).await?;
            server.set_nodelay(true)?;
            Ok(server)
        });
        tokio::select! {
            connected = &mut connected => Some(connected),
            _ = &mut self.dropped => timeout(LAST_CHANCE, connected).await.ok(),
        }
    }

    /// Returns whether the server has closed the connection.
    async fn relay(self, server: TcpStream) -> bool {
        let Self { slot, listener, mut dropped, .. } = self;
        let driver = if dropped.is_terminated() {
            None
        } else {
            tokio::select! {
                driver = listener.accept() => driver.ok().map(|(driver, _)| driver.into_split()),
                _ = &mut dropped => None,
            }
        };
        drop(listener);
        let (from_driver, to_driver) = driver.unzip();
        let (from_server, mut to_server) = server.into_split();
        let send = async {
            if let Some(from_driver) = from_driver {
                tokio::select! {
                    () = relay_to_server(from_driver, &mut to_server, &slot) => {}
                    _ = dropped => {}
                }
            }
            // On an error the server has closed the connection, which `relay_to_driver` sees.
            let _ = to_server.shutdown().await;
            pending().await
        };
        tokio::select! {
            closed = relay_to_driver(from_server, to_driver) => closed,
            never = send => never,
        }
    }
}

/// Runs until the driver closes the connection, or the lease forbids to send.
async fn relay_to_server(
    mut from_driver: OwnedReadHalf,
    to_server: &mut OwnedWriteHalf,
    slot: &Slot,
) {
    let mut buffer = vec![0; BUFFER];
    let mut filter = MultiStatementsFilter::default();
    while let Ok(length @ 1..) = from_driver.read(&mut buffer).await {
        filter.apply(&mut buffer[..length]);
        let over = slot.may_speak_for().is_zero();
        if over || to_server.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// Runs until the server closes the connection (true) or reading fails (false). A driver that is gone is ignored.
async fn relay_to_driver(
    mut from_server: OwnedReadHalf,
    mut to_driver: Option<OwnedWriteHalf>,
) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let mut buffer = vec![0; BUFFER];
    loop {
        match from_server.read(&mut buffer).await {
            Ok(0) => return true,
            Ok(length) => {
                if let Some(driver) = &mut to_driver
                    && driver.write_all(&buffer[..length]).await.is_err()
                {
                    to_driver = None;
                }
            }
            Err(error) => {
                return matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset);
            }
        }
    }
}

/// Clears `CLIENT_MULTI_STATEMENTS` in the first packet of a driver, which always sets it: several statements in
/// one packet have a limit each, and could outlive the lease together.
///
/// With TLS the first packet is a short unencrypted one, and servers ignore the capabilities in the encrypted one
/// that follows (`parse_client_handshake_packet`, of MySQL and of MariaDB).
#[derive(Debug, Default)]
struct MultiStatementsFilter {
    passed: usize,
}

impl MultiStatementsFilter {
    /// Bit 16 of the capabilities, which are 4 bytes, least significant first, after a header of 4 bytes
    /// (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html>).
    const BYTE: usize = 4 + 2;
    const BIT: u8 = 1;

    fn apply(&mut self, chunk: &mut [u8]) {
        let flags = Self::BYTE.checked_sub(self.passed).and_then(|at| chunk.get_mut(at));
        if let Some(flags) = flags {
            *flags &= !Self::BIT;
        }
        self.passed = self.passed.saturating_add(chunk.len());
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;
    use crate::time::Deadline;

    const LONG: Duration = Duration::from_secs(60);
    const PATIENCE: Duration = Duration::from_secs(10);

    /// A relay under `slot` and the server's end of it, with the driver's.
    async fn relay(slot: &Slot) -> (LeaseGuardedRelay, TcpStream, TcpStream) {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        let relay = LeaseGuardedRelay::connect(slot, token(slot), "127.0.0.1", port)
            .await
            .expect("a relay");
        let (far_end, _) = server.accept().await.expect("a connection");
        let driver = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).await;
        (relay, far_end, driver.expect("a connection"))
    }

    async fn received(far_end: &mut TcpStream) -> Vec<u8> {
        let mut all = Vec::new();
        timeout(PATIENCE, far_end.read_to_end(&mut all)).await.expect("an end").expect("a read");
        all
    }

    fn token(slot: &Slot) -> ConnectionToken {
        slot.connecting().expect("the only connection")
    }

    fn slot(left: Duration) -> Slot {
        Slot::outside_the_pool(Deadline::within(left))
    }

    #[tokio::test]
    async fn carries_both_ways_and_the_slot_waits_for_the_server_to_hang_up() {
        let slot = slot(LONG);
        let (relay, mut far_end, mut driver) = relay(&slot).await;
        far_end.write_all(b"greeting").await.expect("a write");
        let mut greeting = [0; 8];
        driver.read_exact(&mut greeting).await.expect("a read");
        assert_eq!(&greeting, b"greeting");

        driver.write_all(b"bye").await.expect("a write");
        drop(driver);
        assert_eq!(received(&mut far_end).await, b"bye");
        assert!(!slot.connection_gone(Duration::from_millis(50)).await);
        drop(far_end);
        relay.ended().await;
        assert!(slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn a_line_that_is_dropped_is_hung_up_though_the_driver_is_not_done() {
        let slot = slot(LONG);
        let (relay, mut far_end, _driver) = relay(&slot).await;
        drop(relay);
        assert_eq!(received(&mut far_end).await, b"");
        far_end.write_all(b"a late result").await.expect("a write");
        drop(far_end);
        assert!(slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_and_may_have_something_to_undo_is_not_taken_for_gone() {
        let slot = slot(LONG);
        let (relay, far_end, _driver) = relay(&slot).await;
        relay.transaction().set_unknown();
        drop(far_end);
        relay.ended().await;
        assert!(!slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn a_line_that_nobody_takes_is_hung_up() {
        let slot = slot(LONG);
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        drop(
            LeaseGuardedRelay::connect(&slot, token(&slot), "127.0.0.1", port)
                .await
                .expect("a relay"),
        );
        let (mut far_end, _) = server.accept().await.expect("a connection");
        assert_eq!(received(&mut far_end).await, b"");
        drop(far_end);
        assert!(slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn a_line_that_nobody_waits_for_any_more_is_hung_up_when_it_is_there() {
        let slot = slot(LONG);
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = server.local_addr().expect("an address").port();
        {
            let mut connecting =
                pin!(LeaseGuardedRelay::connect(&slot, token(&slot), "127.0.0.1", port));
            // Once, so that the task is there, and then never again.
            assert!(futures::poll!(connecting.as_mut()).is_pending());
        }
        let (mut far_end, _) = server.accept().await.expect("a connection");
        assert_eq!(received(&mut far_end).await, b"");
        drop(far_end);
        assert!(slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn nothing_is_said_after_the_last_word() {
        let slot = slot(Duration::from_secs(1));
        let (_line, mut far_end, mut driver) = relay(&slot).await;
        driver.write_all(b"in time").await.expect("a write");
        let mut in_time = [0; 7];
        far_end.read_exact(&mut in_time).await.expect("a read");
        while !slot.lease_left().is_zero() {
            tokio::time::sleep(slot.lease_left()).await;
        }
        // By now the relay may have been cut, and then this fails.
        let _ = driver.write_all(b"late").await;
        assert_eq!(received(&mut far_end).await, b"");
        // The server never hung up: the slot does not take it for gone.
        assert!(!slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn nobody_at_the_address_is_no_connection() {
        let slot = slot(LONG);
        let unused = TcpSocket::new_v4().expect("a socket");
        unused.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let port = unused.local_addr().expect("an address").port();
        let failed = LeaseGuardedRelay::connect(&slot, token(&slot), "127.0.0.1", port).await;
        assert!(failed.is_err());
        assert!(slot.connection_gone(Duration::ZERO).await);
    }

    #[test]
    fn one_bit_is_cleared_however_the_bytes_come() {
        let sent: Vec<u8> = vec![0xFF; 40];
        let mut expected = sent.clone();
        expected[6] = 0xFE;
        for size in 1..=sent.len() {
            let mut filter = MultiStatementsFilter::default();
            let mut passed = sent.clone();
            passed.chunks_mut(size).for_each(|chunk| filter.apply(chunk));
            assert_eq!(passed, expected, "in pieces of {size}");
        }
    }
}
