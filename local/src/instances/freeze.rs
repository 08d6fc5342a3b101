//! An instance that stands still for a while, as a paused virtual machine does.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Instance;

/// What a process whose invocation ran out of time while it stood still is left after the thaw,
/// before it is killed: long enough to see what it does.
const AFTERMATH: Duration = Duration::from_secs(3);

impl Instance {
    /// Stops the process (SIGSTOP) now and lets it go on after `time`. Meanwhile it gets no work, and
    /// is not killed when its invocation runs out of time.
    pub(crate) fn freeze(self: &Arc<Self>, time: Duration) {
        if !self.begin_freeze() {
            return;
        }
        self.signal(Signal::SIGSTOP);
        let instance = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if !instance.is_alive() {
                return;
            }
            instance.signal(Signal::SIGCONT);
            if instance.end_freeze() {
                tokio::time::sleep(AFTERMATH).await;
                instance.kill();
            }
        });
    }

    fn signal(&self, signal: Signal) {
        if let Ok(pid) = i32::try_from(self.pid) {
            // An error means that it is gone already.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}
