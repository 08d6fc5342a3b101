//! An embedded DynamoDB over HTTP, in a process of its own so that it shares no thread with its client.

use std::process::Stdio;

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};

/// The subcommand that runs the database.
pub const SUBCOMMAND: &str = "serve";

/// The database's process; ends when dropped.
#[derive(Debug)]
pub struct Server {
    endpoint: String,
    process: Child,
    /// Its standard input: closing it ends the process, even if this one is killed.
    _open: ChildStdin,
}

impl Server {
    /// Starts `program`, which is this crate's, as a server with an empty database.
    ///
    /// # Errors
    /// When it cannot be started, or prints no endpoint.
    pub async fn start(program: &std::path::Path) -> Result<Self> {
        let mut process = Command::new(program)
            .arg(SUBCOMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting the database")?;
        let open = process.stdin.take().context("the database has no input")?;
        let output = process.stdout.take().context("the database has no output")?;
        let mut lines = BufReader::new(output).lines();
        let endpoint = lines.next_line().await.context("waiting for the database")?;
        let endpoint = endpoint.context("the database ended at once")?;
        Ok(Self { endpoint, process, _open: open })
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process id; `None` after its end.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }
}

/// Serves an empty database on a free loopback port, prints its URL on standard output, and ends with standard
/// input.
///
/// # Errors
/// When the port or the database is not available.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("binding a port")?;
    let endpoint = format!("http://{}", listener.local_addr().context("the port's address")?);
    let database = dynoxide::Database::memory().map_err(|error| anyhow!("no database: {error}"))?;
    println!("{endpoint}");
    dynoxide::server::serve_with_shutdown(listener, database, async {
        let mut rest = Vec::new();
        // An error means the same as the end: the parent process is gone.
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    })
    .await
    .map_err(|error| anyhow!("serving: {error}"))
}
