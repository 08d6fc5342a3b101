//! A relay before a server that passes nothing on while it stalls, like a server that stalls.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::Ipv4Addr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The relay.
pub(crate) struct Stalling {
    pub(crate) port: u16,
    stalls: watch::Sender<bool>,
    callers: watch::Sender<u32>,
}

impl Stalling {
    /// A relay to `server`, a port of this machine, that stalls.
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stalls, callers) = (watch::Sender::new(true), watch::Sender::new(0));
        let (stalled, called) = (stalls.clone(), callers.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                called.send_modify(|callers| *callers += 1);
                tokio::spawn(pass_on(client, server, stalled.subscribe()));
            }
        });
        Self { port, stalls, callers }
    }

    /// Waits until this number of clients has connected.
    pub(crate) async fn has_called(&self, callers: u32) {
        let mut called = self.callers.subscribe();
        called.wait_for(|now| *now >= callers).await.expect("the relay is there");
    }

    /// The number of clients that have connected.
    pub(crate) fn callers(&self) -> u32 {
        *self.callers.borrow()
    }

    /// Stalls no longer.
    pub(crate) fn goes_on(&self) {
        self.stalls.send_replace(false);
    }
}

async fn pass_on(client: TcpStream, server: u16, stalls: watch::Receiver<bool>) {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.expect("the server");
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    let up = carry(client_reads, server_writes, stalls.clone());
    tokio::join!(up, carry(server_reads, client_writes, stalls));
}

/// Until the end of either, which is passed on as well.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut stalls: watch::Receiver<bool>,
) {
    let mut piece = vec![0; 4096];
    loop {
        let length = from.read(&mut piece).await.unwrap_or(0);
        stalls.wait_for(|stalls| !stalls).await.expect("the relay is there");
        if length == 0 || to.write_all(&piece[..length]).await.is_err() {
            // An error is an end like another.
            let _ = to.shutdown().await;
            return;
        }
    }
}
