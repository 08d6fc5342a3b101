//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use crate::parameters::Parameters;
use crate::progress::Progress;
use crate::stack::StackOptions;

/// The whole cloud on one machine: a real MariaDB, the AWS APIs, and template.yaml deployed
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) paths: Paths,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Paths {
    /// Folder of template.yaml [default: the nearest one above the current folder]
    #[arg(long, global = true)]
    project: Option<PathBuf>,
    /// Working folder: stack.json, logs, data [default: target/local of the project]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    /// Python environment with MiniStack, the SAM CLI and cargo-lambda [default: .venv of the
    /// project]
    #[arg(long, global = true, env = "LOCAL_VENV")]
    venv: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the stack and leave it running
    Up {
        #[command(flatten)]
        template: Template,
        /// Run in the foreground until Ctrl-C
        #[arg(long)]
        foreground: bool,
    },
    /// Stop the stack
    Down,
    /// Print whether the stack is up, and its addresses
    Status,
    /// Start the stack, run a command with `STACK_JSON` set to its stack.json, stop the stack
    Run {
        #[command(flatten)]
        template: Template,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// The supervisor that `up` starts in the background
    #[command(hide = true)]
    Serve {
        #[command(flatten)]
        template: Template,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Template {
    /// Seconds for which each query holds its connection (parameter `HoldSeconds`)
    #[arg(long, value_name = "SECONDS")]
    hold: Option<String>,
    /// A parameter of template.yaml; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
}

impl Paths {
    pub(crate) fn dir(&self) -> Result<PathBuf> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.project()?.join("target/local")),
        }
    }

    /// The stack that these options describe.
    pub(crate) fn stack(&self, template: &Template, progress: Progress) -> Result<StackOptions> {
        let project = self.project()?;
        let venv = match &self.venv {
            Some(venv) => std::path::absolute(venv).context("resolving --venv")?,
            None => project.join(".venv"),
        };
        Ok(StackOptions {
            dir: self.dir()?,
            venv,
            project,
            parameters: template.parameters()?,
            progress,
        })
    }

    /// These options as arguments, valid in any folder.
    pub(crate) fn arguments(&self) -> Result<Vec<OsString>> {
        let mut arguments = vec!["--project".into(), self.project()?.into()];
        arguments.extend(["--dir".into(), std::path::absolute(self.dir()?)?.into()]);
        if let Some(venv) = &self.venv {
            arguments.extend(["--venv".into(), std::path::absolute(venv)?.into()]);
        }
        Ok(arguments)
    }

    fn project(&self) -> Result<PathBuf> {
        if let Some(project) = &self.project {
            return std::path::absolute(project).context("resolving --project");
        }
        let here = std::env::current_dir().context("reading the current folder")?;
        here.ancestors()
            .find(|folder| folder.join("template.yaml").exists())
            .map(PathBuf::from)
            .context("no template.yaml here or above; name its folder with --project")
    }
}

impl Template {
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        let parameters = Parameters::parse(&self.params)?;
        Ok(match &self.hold {
            Some(seconds) => parameters.with("HoldSeconds", seconds),
            None => parameters,
        })
    }

    /// These options as arguments.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let hold = self.hold.iter().map(|seconds| format!("--hold={seconds}"));
        let params = self.params.iter().map(|param| format!("--param={param}"));
        hold.chain(params).map(OsString::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_to_run_keeps_its_own_options() {
        let line = ["local", "run", "--hold", "2", "--", "curl", "--fail", "x"];
        let Command::Run { command, template } = Cli::try_parse_from(line).unwrap().command else {
            panic!("not a run");
        };
        assert_eq!(command, ["curl", "--fail", "x"]);
        assert_eq!(template.hold.as_deref(), Some("2"));
    }

    #[test]
    fn the_background_gets_the_same_parameters() {
        let line = ["local", "up", "--hold", "2", "--param", "PoolName=x"];
        let Command::Up { template, .. } = Cli::try_parse_from(line).unwrap().command else {
            panic!("not an up");
        };
        let mut again = vec!["local".into(), "serve".into()];
        again.extend(template.arguments());
        let Command::Serve { template: same } = Cli::try_parse_from(again).unwrap().command else {
            panic!("not a serve");
        };
        assert_eq!(same.parameters().unwrap(), template.parameters().unwrap());
    }
}
