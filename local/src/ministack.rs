//! MiniStack: the AWS APIs (CloudFormation, API Gateway, `DynamoDB`, Secrets Manager, …) on a loopback port.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::REGION;
use crate::process::{Daemon, log_to, start_server, tethered};

const STOP_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct MiniStackOptions {
    /// The Python environment that has it, e.g. `.venv`.
    pub(crate) venv: PathBuf,
    /// A folder for its scratch files.
    pub(crate) dir: PathBuf,
    /// The file for its output.
    pub(crate) log: PathBuf,
    /// The functions that it does not run itself: name, and the URL for their events.
    pub(crate) proxied: Vec<(String, String)>,
}

/// A running MiniStack. [`stop`](Self::stop) it; dropped, it is killed.
pub(crate) struct MiniStack {
    daemon: Daemon,
    /// Its base URL, without a slash at the end.
    pub(crate) url: String,
}

impl MiniStack {
    /// Starts it and waits until its health endpoint answers.
    pub(crate) async fn start(options: &MiniStackOptions) -> Result<Self> {
        let program = options.venv.join("bin/ministack");
        if !program.exists() {
            bail!("{} is missing: run local/setup.sh first", program.display());
        }
        fs::create_dir_all(&options.dir)
            .with_context(|| format!("creating {}", options.dir.display()))?;
        let spawn = |port| spawn(&program, options, port);
        let probe = async |port| {
            let health = format!("http://127.0.0.1:{port}/_ministack/health");
            reqwest::get(health).await?.error_for_status().map(drop)
        };
        let (daemon, port) = start_server(&options.log, spawn, probe).await?;
        Ok(Self { daemon, url: format!("http://127.0.0.1:{port}") })
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.daemon.stop(STOP_LIMIT).await
    }
}

fn spawn(program: &Path, options: &MiniStackOptions, port: u16) -> Result<Daemon> {
    let mut command = tethered(program);
    command
        // Without the caller's AWS settings.
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", &options.dir)
        .env("TMPDIR", &options.dir)
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        // These would listen on every interface, at fixed ports.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // The host name in the URLs that it returns.
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("MINISTACK_WORKER_THREADS", "512")
        // AWS's default. MiniStack derives its own from the machine's memory.
        .env("LAMBDA_ACCOUNT_CONCURRENCY", "1000")
        .envs(
            options.proxied.iter().map(|(function, url)| {
                (format!("MINISTACK_LAMBDA_PROXY_{function}"), url.as_str())
            }),
        );
    log_to(&mut command, &options.log)?;
    Daemon::spawn("MiniStack", &mut command)
}
