//! Builds the functions.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{Parameters, Sam};
use crate::process::Daemon;
use crate::progress::Step;

/// Builds the functions and the template that refers to them into the build folder.
///
/// `sam build` would compile in silence, which can take minutes. So cargo-lambda is run first
/// just as `sam build` runs it, with its progress as notes of `step`; then `sam build` finds
/// everything compiled.
///
/// # Errors
/// When a tool fails; the message has the end of its output.
pub async fn build(sam: &Sam, parameters: &Parameters, step: &Step) -> Result<()> {
    compile(sam, step).await?;
    step.note("packaging");
    let mut command = sam.sam("build")?;
    command
        .args(["--beta-features", "--build-dir"])
        .arg(sam.build_dir())
        .arg("--template-file")
        .arg(sam.project.join("template.yaml"))
        .arg("--parameter-overrides")
        .args(parameters.arguments());
    sam.run("sam build", command).await
}

/// All functions at once: they are the workspace's default members, and share what they depend on.
async fn compile(sam: &Sam, step: &Step) -> Result<()> {
    let mut command: Command = sam.tool("cargo-lambda")?;
    command
        .args(["lambda", "build", "--release"])
        .args(cfg!(target_arch = "aarch64").then_some("--arm64"))
        .current_dir(&sam.project)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&sam.log)
        .with_context(|| format!("opening {}", sam.log.display()))?;
    let mut cargo = Daemon::spawn("cargo lambda", &mut command)?;
    let stderr = cargo.stderr().context("cargo lambda has no output")?;
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await.context("reading cargo's output")? {
        writeln!(log, "{line}").with_context(|| format!("writing {}", sam.log.display()))?;
        step.note(line.trim());
    }
    let status = cargo.wait().await?;
    ensure!(status.success(), "building the functions failed ({status}):\n{}", sam.tail());
    Ok(())
}
