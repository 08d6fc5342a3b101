//! What a [`Stack`](super::Stack) is brought up with.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::deploy::Parameters;
use crate::mariadb::MariaDbOptions;
use crate::progress::Progress;

/// Options of a stack. Start with [`new`](Self::new) and change what differs.
#[derive(Clone)]
pub struct StackOptions {
    pub(super) project: PathBuf,
    pub(super) dir: PathBuf,
    pub(super) venv: PathBuf,
    pub(super) max_connections: NonZeroU32,
    pub(super) parameters: Parameters,
    pub(super) progress: Progress,
}

impl StackOptions {
    /// A stack of the project in the folder `project` (the one with `template.yaml`).
    /// Defaults: everything below `target/local` of the project, tools from its `.venv`,
    /// 66 connections, the template's own parameters, no word about the progress.
    #[must_use]
    pub fn new(project: impl Into<PathBuf>) -> Self {
        let project = project.into();
        Self {
            dir: project.join("target/local"),
            venv: project.join(".venv"),
            project,
            max_connections: MariaDbOptions::MAX_CONNECTIONS,
            parameters: Parameters::default(),
            progress: Progress::silent(),
        }
    }

    /// The working folder. Stacks in different folders run side by side.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }

    /// The Python environment that has MiniStack, the SAM CLI and cargo-lambda.
    #[must_use]
    pub fn venv(mut self, venv: impl Into<PathBuf>) -> Self {
        self.venv = venv.into();
        self
    }

    /// How many connections the database accepts.
    #[must_use]
    pub fn max_connections(mut self, connections: NonZeroU32) -> Self {
        self.max_connections = connections;
        self
    }

    /// Parameters of the template, beside those of the local database.
    #[must_use]
    pub fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Where to say what is going on.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Where the logs go.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// Where a stack in the working folder `dir` is described.
    #[must_use]
    pub fn stack_json(dir: &Path) -> PathBuf {
        dir.join("stack.json")
    }
}
