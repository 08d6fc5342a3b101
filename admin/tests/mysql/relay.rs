//! A TCP relay to the server from another address of this machine. It can stall.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub(crate) struct Relay {
    port: u16,
    stalls: Arc<AtomicBool>,
}

impl Relay {
    /// Starts a relay to `port` of this machine, which connects from the address `from`.
    pub(crate) async fn from(from: Ipv4Addr, port: u16) -> Self {
        let [from, server] =
            [(from, 0), (Ipv4Addr::LOCALHOST, port)].map(|(ip, port)| SocketAddrV4::new(ip, port));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let stalls = Arc::new(AtomicBool::new(false));
        let stall = Arc::clone(&stalls);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, from, server, stall.load(Ordering::SeqCst)));
            }
        });
        Self { port, stalls }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sets whether new connections get no data from the server.
    pub(crate) fn stall(&self, stall: bool) {
        self.stalls.store(stall, Ordering::SeqCst);
    }
}

async fn carry(
    mut client: TcpStream,
    from: SocketAddrV4,
    server: SocketAddrV4,
    stall: bool,
) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(from.into())?;
    let mut server = socket.connect(server.into()).await?;
    if stall {
        // Until the client gives up; then the server sees an aborted login.
        copy(&mut client, &mut tokio::io::sink()).await?;
        return server.shutdown().await;
    }
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}
