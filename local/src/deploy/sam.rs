//! The SAM CLI.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::process::Command;

use super::Parameters;
use crate::REGION;
use crate::process::{Daemon, log_to, tethered};

/// How much of a failed tool's output goes into the error.
const TAIL_LINES: usize = 15;

/// Where the tools are, and what they work on.
#[derive(Clone, Debug)]
pub struct Sam {
    /// The Python environment that has `sam` and `cargo-lambda`.
    pub venv: PathBuf,
    /// The folder of `template.yaml`.
    pub project: PathBuf,
    /// A folder of its own.
    pub dir: PathBuf,
    /// The file that the tools' output goes to.
    pub log: PathBuf,
}

impl Sam {
    /// A tool of the venv, in the project's folder, without any AWS settings of the caller.
    pub(super) fn tool(&self, name: &str) -> Result<Command> {
        let program = self.venv.join("bin").join(name);
        ensure!(program.exists(), "{} is missing: run local/setup.sh first", program.display());
        let mut command = tethered(program);
        command.current_dir(&self.project);
        for (name, _) in std::env::vars_os() {
            let ours = name.to_str().is_some_and(|name| {
                name.starts_with("AWS_") || name.starts_with("SAM_") || name.starts_with("CARGO")
            });
            // What cargo tells a program that it runs would confuse the next cargo; but where
            // things are built, and cargo's own home, the user may have set on purpose.
            let wanted = name == "CARGO_HOME" || name == "CARGO_TARGET_DIR";
            if ours && !wanted {
                command.env_remove(&name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}:{path}", self.venv.join("bin").display()))
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", REGION);
        Ok(command)
    }

    /// A `sam` subcommand that reads no `samconfig.toml`: what is deployed here must depend on
    /// nothing but the template and the parameters.
    pub(super) fn sam(&self, subcommand: &str) -> Result<Command> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("creating {}", self.dir.display()))?;
        let none = self.dir.join("samconfig.toml");
        fs::write(&none, "version = 0.1\n")
            .with_context(|| format!("writing {}", none.display()))?;
        let mut command = self.tool("sam")?;
        command.arg(subcommand).arg("--config-file").arg(&none);
        Ok(command)
    }

    /// Where `sam build` puts the functions and the template that refers to them.
    pub(super) fn build_dir(&self) -> PathBuf {
        self.dir.join("build")
    }

    /// The end of the log, for an error's message.
    pub(super) fn tail(&self) -> String {
        tail(&self.log)
    }

    /// Runs a tool to its end with its output in the log.
    pub(super) async fn run(&self, name: &'static str, mut command: Command) -> Result<()> {
        log_to(&mut command, &self.log)?;
        command.stdin(Stdio::null());
        let status = Daemon::spawn(name, &mut command)?.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(anyhow!("{name} failed ({status}):\n{}", self.tail()))
    }
}

/// Deploys the built template to the AWS APIs at `endpoint` as the stack `stack`.
///
/// # Errors
/// When the SAM CLI fails; the message has the end of its output.
pub async fn deploy(sam: &Sam, endpoint: &str, stack: &str, parameters: &Parameters) -> Result<()> {
    let mut command = sam.sam("deploy")?;
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .arg("--template-file")
        .arg(sam.build_dir().join("template.yaml"))
        .args(["--stack-name", stack, "--region", REGION])
        .args(["--capabilities", "CAPABILITY_IAM"])
        .args(["--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset"])
        .args(["--no-progressbar", "--parameter-overrides"])
        .args(parameters.arguments());
    sam.run("sam deploy", command).await
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut lines = VecDeque::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    lines.push_back("");
    let lines: Vec<_> = lines.into();
    format!("{}(all of it: {})", lines.join("\n"), log.display())
}
