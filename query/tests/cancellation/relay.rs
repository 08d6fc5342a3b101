//! A relay in front of the server that forwards the server's close late, to detect callers that do not wait for it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

/// Delay of the close.
const LATE: Duration = Duration::from_millis(10);

/// The relay.
pub(crate) struct Relay {
    port: u16,
    open: Arc<AtomicUsize>,
}

impl Relay {
    /// Starts a relay to the port `server` of this machine.
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass_on(client, server, Arc::clone(&counted)));
            }
        });
        Self { port, open }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the number of connections whose close was not yet forwarded to the client.
    pub(crate) fn open(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.open)
    }
}

async fn pass_on(mut client: TcpStream, server: u16, open: Arc<AtomicUsize>) {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.expect("the server");
    // An error also ends the connection.
    let _ = end_of(&mut client, &mut server).await;
    drop(server);
    tokio::time::sleep(LATE).await;
    // Before the client can notice the close.
    open.fetch_sub(1, Ordering::SeqCst);
}

/// Copies in both directions until the server closes. The client may stop sending before, and still receives.
async fn end_of(client: &mut TcpStream, server: &mut TcpStream) -> std::io::Result<()> {
    let (mut client_reads, mut client_writes) = client.split();
    let (mut server_reads, mut server_writes) = server.split();
    let up = async {
        copy(&mut client_reads, &mut server_writes).await?;
        server_writes.shutdown().await?;
        std::future::pending::<std::io::Result<()>>().await
    };
    tokio::select! {
        up = up => up,
        down = copy(&mut server_reads, &mut client_writes) => down.map(drop),
    }
}
