//! A sampling task.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running task and its samples.
pub(crate) struct Sampler<S> {
    pub(crate) samples: Arc<S>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl<S> Sampler<S> {
    /// Spawns `sample`, which fills the samples until the receiver holds true.
    pub(crate) fn start<F>(
        samples: S,
        sample: impl FnOnce(Arc<S>, watch::Receiver<bool>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let samples = Arc::new(samples);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(sample(Arc::clone(&samples), stopped));
        Self { samples, stop, task }
    }

    /// Stops the task and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // After a panic the number of samples is too low.
        let _ = self.task.await;
    }
}
