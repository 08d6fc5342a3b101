//! Supervises the process of an instance.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::process::Daemon;

/// A supervised process.
pub(super) struct Life {
    /// How it ended, in Lambda's words.
    ended: watch::Receiver<Option<String>>,
    kill: Arc<Notify>,
}

impl Life {
    pub(super) fn supervise(daemon: Daemon) -> Self {
        let (report, ended) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        tokio::spawn(wait_or_kill(daemon, Arc::clone(&kill), report));
        Self { ended, kill }
    }

    pub(super) fn kill(&self) {
        self.kill.notify_one();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for the end; returns how the process ended.
    pub(super) async fn ended(&self) -> String {
        match self.ended.clone().wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "lost".to_owned(),
        }
    }
}

async fn wait_or_kill(
    mut daemon: Daemon,
    kill: Arc<Notify>,
    report: watch::Sender<Option<String>>,
) {
    let status = tokio::select! {
        status = daemon.wait() => status,
        () = kill.notified() => {
            daemon.kill();
            daemon.wait().await
        }
    };
    let text = status.map_or_else(|error| format!("{error:#}"), describe);
    let _ = report.send(Some(text));
}

/// Lambda's words: `exit status 1`, `signal: killed`.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(nix::libc::SIGKILL)) => "signal: killed".to_owned(),
        (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
    }
}
