//! An embedded DynamoDB over HTTP, in a process of its own: it shares no thread with what asks it.

use std::process::Stdio;

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};

/// The subcommand that serves.
pub const SUBCOMMAND: &str = "serve";

/// Such a process; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    endpoint: String,
    process: Child,
    /// The process serves as long as this is open: also when this one is killed, it ends.
    _open: ChildStdin,
}

impl Server {
    /// Starts `program`, this crate's, as a server with an empty database.
    ///
    /// # Errors
    /// When it can't be started, or says nothing.
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

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The process's id; `None` when it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }
}

/// Serves an empty database on a free port of loopback, says where on standard output, and ends when
/// standard input does.
///
/// # Errors
/// When there is no port, or no database.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("binding a port")?;
    let endpoint = format!("http://{}", listener.local_addr().context("the port's address")?);
    let database = dynoxide::Database::memory().map_err(|error| anyhow!("no database: {error}"))?;
    println!("{endpoint}");
    dynoxide::server::serve_with_shutdown(listener, database, async {
        let mut rest = Vec::new();
        // Whichever way it ends, whoever opened it is gone.
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    })
    .await
    .map_err(|error| anyhow!("serving: {error}"))
}
