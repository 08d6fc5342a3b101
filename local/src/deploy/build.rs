//! Builds the functions.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{Parameters, Sam};
use crate::FUNCTIONS;
use crate::process::{Daemon, tethered};
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
    for (function, package) in packages(sam).await? {
        compile(sam, &function, package, step).await?;
    }
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

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Each function's binary with the folder of its package.
async fn packages(sam: &Sam) -> Result<Vec<(String, PathBuf)>> {
    let output = tethered("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&sam.project)
        .output()
        .await
        .context("running cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).context("reading cargo metadata")?;
    FUNCTIONS
        .iter()
        .map(|function| {
            let is_it = |target: &Target| target.name == *function && target.kind == ["bin"];
            let package = metadata
                .packages
                .iter()
                .find(|package| package.targets.iter().any(is_it))
                .with_context(|| format!("no package has a binary {function}"))?;
            let folder = package.manifest_path.parent().map(PathBuf::from);
            Ok((String::from(*function), folder.unwrap_or_default()))
        })
        .collect()
}

async fn compile(sam: &Sam, function: &str, package: PathBuf, step: &Step) -> Result<()> {
    let mut command: Command = sam.tool("cargo-lambda")?;
    command
        .args(["lambda", "build", "--release", "--bin", function])
        .args(cfg!(target_arch = "aarch64").then_some("--arm64"))
        .current_dir(package)
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
        step.note(format!("{function}: {}", line.trim()));
    }
    let status = cargo.wait().await?;
    ensure!(status.success(), "building {function} failed ({status}):\n{}", sam.tail());
    Ok(())
}
