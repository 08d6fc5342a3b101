//! The relay to the server: a connection that knows when the server has hung up.
//!
//! The driver says good-bye and closes its socket, and does not wait for the server to have ended the
//! session; a slot that was given back then could meet the old session still on the server's list. And
//! it looks at no lease before it sends. So the driver is given the near end of a relay instead, a port
//! of this machine that takes one caller, and a task carries the bytes between it and the server:
//!
//! - no byte goes to the server in the last seconds of the lease or after them, however long the
//!   holder was frozen, so that the server's own limits end the session in time;
//! - after hanging up, the task listens until the server hangs up too, and only then says that the
//!   connection is gone, also when the session was dropped in the middle of a statement. Where a transaction may
//!   be open it does not say so even then: the server hangs up before it rolls back ([`Undo`]);
//! - a packet is one statement ([`OneStatement`]).

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

use super::greeting::OneStatement;
use super::undo::Undo;
use crate::client::{ConnectionToken, Slot};

/// What is carried at once. Results of a count fit many times.
const PIECE: usize = 16 * 1024;

/// A relay to the server. Dropped, it is hung up; its task stays until the server has hung up as well,
/// or the lease is over.
pub(super) struct LeaseGuardedRelay {
    port: u16,
    holding: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
    undo: Undo,
}

impl LeaseGuardedRelay {
    /// Connects to the server. Nothing is sent before the driver has taken the near end.
    ///
    /// Dropped while it waits for the server, it leaves the task to find out whether there was a
    /// connection, and to hang up.
    pub(super) async fn connect(
        slot: &Slot,
        token: ConnectionToken,
        host: &str,
        port: u16,
    ) -> io::Result<Self> {
        let near_end = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
            Ok(near_end) => near_end,
            Err(error) => {
                token.gone();
                return Err(error);
            }
        };
        let near_port = near_end.local_addr()?.port();
        let (holding, hung_up) = oneshot::channel();
        let (connecting, connected) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let far_end = (host.to_owned(), port);
        let undo = Undo::default();
        let carrier = Carrier { slot: slot.clone(), near_end, hung_up, undo: undo.clone() };
        tokio::spawn(async move {
            carrier.run(far_end, token, connecting).await;
            // Whoever waited for this may have gone.
            let _ = ending.send(());
        });
        match connected.await {
            Ok(connected) => connected.map(|()| Self { port: near_port, holding, ended, undo }),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// The port of this machine at which the driver finds the server.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether the server would have something to undo if it hung up now.
    pub(super) fn undo(&self) -> &Undo {
        &self.undo
    }

    /// Waits until the server has hung up, after the driver has; at the most until the lease is over.
    pub(super) async fn ended(self) {
        // An error means that the task was ended with the runtime.
        let _ = self.ended.await;
        // Only now: hanging up sooner could overtake the driver's good-bye.
        drop(self.holding);
    }
}

/// How long a connection is still waited for when nobody wants it any more. One that comes later than
/// this may be seen by the server, and is not known to be gone.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// What the task works with.
struct Carrier {
    slot: Slot,
    near_end: TcpListener,
    hung_up: oneshot::Receiver<()>,
    undo: Undo,
}

impl Carrier {
    /// Connects, reports that, and carries until the server has hung up. The `token` is not told that the connection is
    /// gone when the lease was over first, the server may yet have something to undo, or it is not known what became
    /// of the connection.
    async fn run(
        mut self,
        far_end: (String, u16),
        token: ConnectionToken,
        connecting: oneshot::Sender<io::Result<()>>,
    ) {
        let (slot, undo) = (self.slot.clone(), self.undo.clone());
        let call = async {
            let server = match self.connect(far_end).await {
                Some(Ok(server)) => server,
                Some(Err(error)) => {
                    // First, so that its holder may connect again at once.
                    token.gone();
                    let _ = connecting.send(Err(error));
                    return;
                }
                None => return,
            };
            // Whoever wanted it may have gone; then the relay is hung up below.
            let _ = connecting.send(Ok(()));
            if self.carry(server).await && !undo.may_be() {
                token.gone();
            }
        };
        tokio::select! {
            () = call => {}
            () = slot.lease_over() => {}
        }
    }

    /// `None` when it was given up.
    async fn connect(&mut self, (host, port): (String, u16)) -> Option<io::Result<TcpStream>> {
        let mut connected = pin!(async {
            let server = TcpStream::connect((host, port)).await?;
            server.set_nodelay(true)?;
            Ok(server)
        });
        tokio::select! {
            connected = &mut connected => Some(connected),
            _ = &mut self.hung_up => timeout(LAST_CHANCE, connected).await.ok(),
        }
    }

    async fn carry(self, server: TcpStream) -> bool {
        let Self { slot, near_end, mut hung_up, .. } = self;
        let driver = if hung_up.is_terminated() {
            None
        } else {
            tokio::select! {
                driver = near_end.accept() => driver.ok().map(|(driver, _)| driver.into_split()),
                _ = &mut hung_up => None,
            }
        };
        drop(near_end);
        let (from_driver, to_driver) = driver.unzip();
        let (from_server, mut to_server) = server.into_split();
        let speak = async {
            if let Some(from_driver) = from_driver {
                tokio::select! {
                    () = pass_on(from_driver, &mut to_server, &slot) => {}
                    _ = hung_up => {}
                }
            }
            // An error means that the server has hung up, which is heard below.
            let _ = to_server.shutdown().await;
            pending().await
        };
        tokio::select! {
            gone = listen(from_server, to_driver) => gone,
            never = speak => never,
        }
    }
}

/// Passes on what the driver says until it hangs up, or the last word has been said.
async fn pass_on(mut from_driver: OwnedReadHalf, to_server: &mut OwnedWriteHalf, slot: &Slot) {
    let mut piece = vec![0; PIECE];
    let mut one_statement = OneStatement::default();
    while let Ok(length @ 1..) = from_driver.read(&mut piece).await {
        one_statement.pass(&mut piece[..length]);
        let over = slot.may_speak_for().is_zero();
        if over || to_server.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

/// Passes on what the server says, to a driver that still listens. True when the server has hung up.
async fn listen(mut from_server: OwnedReadHalf, mut to_driver: Option<OwnedWriteHalf>) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    let mut piece = vec![0; PIECE];
    loop {
        match from_server.read(&mut piece).await {
            Ok(0) => return true,
            Ok(length) => {
                if let Some(driver) = &mut to_driver
                    && driver.write_all(&piece[..length]).await.is_err()
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

    async fn heard(far_end: &mut TcpStream) -> Vec<u8> {
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
        assert_eq!(heard(&mut far_end).await, b"bye");
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
        assert_eq!(heard(&mut far_end).await, b"");
        far_end.write_all(b"a late result").await.expect("a write");
        drop(far_end);
        assert!(slot.connection_gone(PATIENCE).await);
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_and_may_have_something_to_undo_is_not_taken_for_gone() {
        let slot = slot(LONG);
        let (relay, far_end, _driver) = relay(&slot).await;
        relay.undo().unknown();
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
        assert_eq!(heard(&mut far_end).await, b"");
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
        assert_eq!(heard(&mut far_end).await, b"");
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
        assert_eq!(heard(&mut far_end).await, b"");
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
}
