//! The life of an instance's process: somebody watches it, and can end it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::process::Daemon;

/// A process that is watched until it ends.
pub(super) struct Life {
    /// How it ended, in Lambda's words.
    over: watch::Receiver<Option<String>>,
    end: Arc<Notify>,
}

impl Life {
    /// Watches `daemon` from now on.
    pub(super) fn of(daemon: Daemon) -> Self {
        let (report, over) = watch::channel(None);
        let end = Arc::new(Notify::new());
        tokio::spawn(watch_over(daemon, Arc::clone(&end), report));
        Self { over, end }
    }

    /// Kills the process, as Lambda does: at once.
    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }

    /// Waits for the end; returns how it came.
    pub(super) async fn over(&self) -> String {
        match self.over.clone().wait_for(Option::is_some).await {
            Ok(status) => status.clone().unwrap_or_default(),
            Err(_) => "lost".to_owned(),
        }
    }
}

/// Owns the process until it ends, by itself or because it is told to, and reports how.
async fn watch_over(mut daemon: Daemon, end: Arc<Notify>, report: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = daemon.wait() => status,
        () = end.notified() => {
            daemon.kill();
            daemon.wait().await
        }
    };
    let text = status.map_or_else(|error| format!("{error:#}"), describe);
    let _ = report.send(Some(text));
}

/// In Lambda's words: `exit status 1`, `signal: killed`.
fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(nix::libc::SIGKILL)) => "signal: killed".to_owned(),
        (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
    }
}
