//! Builds the functions and deploys `template.yaml` with the same tools as to AWS: cargo-lambda and the SAM CLI.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::REGION;
use crate::parameters::Parameters;
use crate::process::{Daemon, log_to, tethered};
use crate::progress::Step;

/// The lines of a failed tool's output in the error.
const TAIL_LINES: usize = 15;

/// The SAM CLI and cargo-lambda, and their folders.
pub(crate) struct Sam {
    /// The Python environment that has `sam` and `cargo-lambda`.
    pub(crate) venv: PathBuf,
    /// The folder of `template.yaml`.
    pub(crate) project: PathBuf,
    /// The working folder.
    pub(crate) dir: PathBuf,
    /// The file that the tools' output goes to.
    pub(crate) log: PathBuf,
}

impl Sam {
    /// Builds the functions and the template that refers to them.
    ///
    /// `sam build` compiles without any output, which can take minutes. So cargo-lambda runs first, with its progress
    /// as notes of `step`; `sam build` then finds everything compiled.
    pub(crate) async fn build(&self, parameters: &Parameters, step: &Step) -> Result<()> {
        self.compile(step).await?;
        step.note("packaging");
        let mut command = self.sam("build")?;
        command
            .args(["--beta-features", "--build-dir"])
            .arg(self.build_dir())
            .arg("--template-file")
            .arg(self.project.join("template.yaml"))
            .arg("--parameter-overrides")
            .args(parameters.arguments());
        self.run("sam build", command).await
    }

    /// Deploys the built template as a CloudFormation stack to the AWS APIs at `endpoint`.
    pub(crate) async fn deploy(
        &self,
        endpoint: &str,
        stack: &str,
        parameters: &Parameters,
    ) -> Result<()> {
        let mut command = self.sam("deploy")?;
        command
            .env("AWS_ENDPOINT_URL", endpoint)
            .arg("--template-file")
            .arg(self.build_dir().join("template.yaml"))
            .args(["--stack-name", stack, "--region", REGION])
            .args(["--capabilities", "CAPABILITY_IAM"])
            .args(["--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset"])
            .args(["--no-progressbar", "--parameter-overrides"])
            .args(parameters.arguments());
        self.run("sam deploy", command).await
    }

    /// Compiles all functions at once: they are the workspace's default members and share dependencies.
    async fn compile(&self, step: &Step) -> Result<()> {
        let mut command = self.tool("cargo-lambda")?;
        command
            .args(["lambda", "build", "--release"])
            .args(cfg!(target_arch = "aarch64").then_some("--arm64"))
            .current_dir(&self.project)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("opening {}", self.log.display()))?;
        let mut cargo = Daemon::spawn("cargo lambda", &mut command)?;
        let stderr = cargo.stderr().context("cargo lambda has no output")?;
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.context("reading cargo's output")? {
            writeln!(log, "{line}").with_context(|| format!("writing {}", self.log.display()))?;
            step.note(line.trim());
        }
        let status = cargo.wait().await?;
        ensure!(status.success(), "building the functions failed ({status}):\n{}", self.tail());
        Ok(())
    }

    /// A tool of the venv, in the project's folder, without the caller's AWS settings.
    fn tool(&self, name: &str) -> Result<Command> {
        let program = self.venv.join("bin").join(name);
        ensure!(program.exists(), "{} is missing: run local/setup.sh first", program.display());
        let mut command = tethered(program);
        command.current_dir(&self.project);
        for (name, _) in std::env::vars_os() {
            let is_setting = name.to_str().is_some_and(|name| {
                name.starts_with("AWS_") || name.starts_with("SAM_") || name.starts_with("CARGO")
            });
            // The variables that cargo sets for programs it runs would confuse the next cargo. These two the user may
            // have set on purpose.
            let is_kept = name == "CARGO_HOME" || name == "CARGO_TARGET_DIR";
            if is_setting && !is_kept {
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

    /// A `sam` subcommand that ignores `samconfig.toml`: a deployment depends on the template and the parameters only.
    fn sam(&self, subcommand: &str) -> Result<Command> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("creating {}", self.dir.display()))?;
        let empty = self.dir.join("samconfig.toml");
        fs::write(&empty, "version = 0.1\n")
            .with_context(|| format!("writing {}", empty.display()))?;
        let mut command = self.tool("sam")?;
        command.arg(subcommand).arg("--config-file").arg(&empty);
        Ok(command)
    }

    fn build_dir(&self) -> PathBuf {
        self.dir.join("build")
    }

    /// Runs a tool with its output in the log.
    async fn run(&self, name: &'static str, mut command: Command) -> Result<()> {
        log_to(&mut command, &self.log)?;
        command.stdin(Stdio::null());
        let status = Daemon::spawn(name, &mut command)?.wait().await?;
        if !status.success() {
            bail!("{name} failed ({status}):\n{}", self.tail());
        }
        Ok(())
    }

    /// The last lines of the log, for an error.
    fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("{}\n(full log: {})", tail.join("\n"), self.log.display())
    }
}
