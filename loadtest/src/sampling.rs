//! Asking for a state again and again, beside the flood.

use std::time::{Duration, Instant};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::report::rounded;

/// The most samples of a run, so that a long one does not make a long report.
const SAMPLES: u32 = 1_200;
/// How long a probe may take to conclude.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be asked again and again.
pub(crate) trait Probe: Send + 'static {
    /// What all samples come to.
    type Told: Send + 'static;
    /// Why that is not known.
    type Error: Send + 'static;

    /// Takes one sample.
    fn sample(&mut self, now: Instant) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Concludes after the last sample.
    fn conclude(self) -> impl Future<Output = Result<Self::Told, Self::Error>> + Send;
}

/// A probe at work. Dropping it ends it.
pub(crate) struct Sampling<P: Probe> {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<P::Told, P::Error>>,
}

/// Why a sampling came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SamplingError {
    /// The last answer did not come.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// The task that sampled ended by a panic.
    #[error("the sampling broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
}

impl<P: Probe> Sampling<P> {
    /// Samples at this interval, or a longer one in a run so long that there were too many samples.
    pub(crate) fn start(probe: P, every: Duration, run: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample(probe, every.max(run / SAMPLES), stopped));
        Self { stop, task }
    }

    /// Takes no more samples, and returns what they came to.
    pub(crate) async fn finish(self) -> Result<P::Told, P::Error>
    where
        P::Error: From<SamplingError>,
    {
        // A task that has ended already has its result ready.
        let _ = self.stop.send(());
        timeout(PATIENCE, self.task)
            .await
            .map_err(|_| SamplingError::Slow)?
            .map_err(SamplingError::BrokeOff)?
    }
}

/// Samples until told to stop, or until the [`Sampling`] is dropped.
async fn sample<P: Probe>(
    mut probe: P,
    every: Duration,
    mut stopped: oneshot::Receiver<()>,
) -> Result<P::Told, P::Error> {
    let mut ticks = interval(every);
    // A busy machine delays samples; catching up would only add to the load.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => return probe.conclude().await,
            _ = ticks.tick() => {}
        }
        probe.sample(Instant::now()).await?;
    }
}

/// Seconds from `from` to `to`; below zero when that came first.
pub(crate) fn seconds_between(from: Instant, to: Instant) -> f64 {
    rounded(match to.checked_duration_since(from) {
        Some(after) => after.as_secs_f64(),
        None => -from.duration_since(to).as_secs_f64(),
    })
}
