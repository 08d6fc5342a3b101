//! MiniStack: the AWS APIs (CloudFormation, API Gateway, `DynamoDB`, Secrets Manager, …) on a
//! loopback port.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

use crate::process::{Daemon, log_to, tethered};
use crate::{REGION, port};

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const PORT_TRIES: u32 = 5;

/// What MiniStack is started with.
#[derive(Clone, Debug)]
pub struct MiniStackOptions {
    /// The Python environment that has it, e.g. `.venv`.
    pub venv: PathBuf,
    /// A folder for its scratch files.
    pub dir: PathBuf,
    /// The file its output goes to.
    pub log: PathBuf,
    /// Functions that it does not run itself: name, and the URL that takes their events.
    pub proxied: Vec<(String, String)>,
}

/// A running MiniStack. [`stop`](Self::stop) it; dropped, it is killed.
#[derive(Debug)]
pub struct MiniStack {
    daemon: Daemon,
    url: String,
}

impl MiniStack {
    /// Starts it and waits until its health endpoint answers.
    ///
    /// # Errors
    /// When the venv lacks it, or it ends or does not answer within a minute; the message has
    /// the path of its log.
    pub async fn start(options: &MiniStackOptions) -> Result<Self> {
        let program = options.venv.join("bin/ministack");
        if !program.exists() {
            bail!("{} is missing: run local/setup.sh first", program.display());
        }
        fs::create_dir_all(&options.dir)
            .with_context(|| format!("creating {}", options.dir.display()))?;
        for attempt in 1.. {
            let port = port::free()?;
            let mut ministack = Self {
                daemon: spawn(&program, options, port)?,
                url: format!("http://127.0.0.1:{port}"),
            };
            match ministack.answers(&options.log).await {
                Ok(()) => return Ok(ministack),
                Err(_) if attempt < PORT_TRIES && port_was_taken(&options.log) => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop returns at its last attempt")
    }

    async fn answers(&mut self, log: &Path) -> Result<()> {
        let health = format!("{}/_ministack/health", self.url);
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self.daemon.ended()? {
                bail!("MiniStack ended ({status}) before it answered; see {}", log.display());
            }
            match reqwest::get(&health).await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                _ if Instant::now() >= deadline => {
                    bail!("MiniStack did not answer in time; see {}", log.display())
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it and waits for the end.
    ///
    /// # Errors
    /// When the kernel can't be asked about the process.
    pub async fn stop(mut self) -> Result<()> {
        self.daemon.stop(STOP_LIMIT).await
    }
}

fn spawn(program: &Path, options: &MiniStackOptions, port: u16) -> Result<Daemon> {
    let mut command = tethered(program);
    command
        // Nothing of the caller's AWS settings may reach it.
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", &options.dir)
        .env("TMPDIR", &options.dir)
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        // These would listen on every interface, at fixed ports.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // The name it puts into the URLs it hands out.
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("MINISTACK_WORKER_THREADS", "512")
        // AWS's own default. MiniStack's is guessed from the machine's memory.
        .env("LAMBDA_ACCOUNT_CONCURRENCY", "1000")
        .envs(
            options.proxied.iter().map(|(function, url)| {
                (format!("MINISTACK_LAMBDA_PROXY_{function}"), url.as_str())
            }),
        );
    log_to(&mut command, &options.log)?;
    Daemon::spawn("MiniStack", &mut command)
}

fn port_was_taken(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|log| log.to_lowercase().contains("already in use"))
}
