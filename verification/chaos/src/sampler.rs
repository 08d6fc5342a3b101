//! A task that samples until it is told to stop.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A sampler at work, and what its samples came to so far.
pub(crate) struct Sampler<S> {
    pub(crate) samples: Arc<S>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl<S> Sampler<S> {
    /// Starts what `sample` makes of the samples to fill, and of the word that says when to stop.
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

    /// Stops it, and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // A panic shows in the number of samples.
        let _ = self.task.await;
    }
}
