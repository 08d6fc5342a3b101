//! Samples a state regularly during a flood.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::report::rounded;

/// The most samples of a run, which limits the size of a report.
const SAMPLES: u32 = 1_200;
/// How long the last sample may take.
const CONCLUSION_LIMIT: Duration = Duration::from_secs(10);

/// A state that can be sampled.
pub(crate) trait Probe: Send + 'static {
    /// The result of all samples.
    type Result: Send + 'static;
    type Error: Send + 'static;

    fn sample(&mut self, now: Instant) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Returns the result after the last sample.
    fn conclude(self) -> impl Future<Output = Result<Self::Result, Self::Error>> + Send;
}

/// A probe in a task. Dropping it ends the task.
pub(crate) struct Sampling<P: Probe> {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<P::Result, P::Error>>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SamplingError {
    #[error("no answer within {} s", CONCLUSION_LIMIT.as_secs())]
    Slow,
    /// The task panicked.
    #[error("the sampling broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
}

impl<P: Probe> Sampling<P> {
    /// Samples at this interval, or at a longer one in a long run.
    pub(crate) fn start(probe: P, every: Duration, run: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(sample(probe, every.max(run / SAMPLES), stopped));
        Self { stop, task }
    }

    /// Ends the sampling; returns its result.
    pub(crate) async fn finish(self) -> Result<P::Result, P::Error>
    where
        P::Error: From<SamplingError>,
    {
        // An error means that the task has ended already.
        let _ = self.stop.send(());
        timeout(CONCLUSION_LIMIT, self.task)
            .await
            .map_err(|_| SamplingError::Slow)?
            .map_err(SamplingError::BrokeOff)?
    }
}

/// Samples until `stopped`, or until the [`Sampling`] is dropped.
async fn sample<P: Probe>(
    mut probe: P,
    every: Duration,
    mut stopped: oneshot::Receiver<()>,
) -> Result<P::Result, P::Error> {
    let mut ticks = interval(every);
    // On a busy machine, catching up would only add to the load.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut stopped => return probe.conclude().await,
            _ = ticks.tick() => {}
        }
        probe.sample(Instant::now()).await?;
    }
}

/// Seconds from `from` to `to`; negative when `to` is earlier.
pub(crate) fn seconds_between(from: Instant, to: Instant) -> f64 {
    rounded(match to.checked_duration_since(from) {
        Some(after) => after.as_secs_f64(),
        None => -from.duration_since(to).as_secs_f64(),
    })
}

/// A number in use, and its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gauge {
    pub(crate) used: u64,
    pub(crate) of: u64,
}

/// The latest samples of a run, for the live view.
#[derive(Debug, Default)]
pub(crate) struct Gauges(Mutex<Latest>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    /// The slots in use, of those for class `standard`.
    pub(crate) slots: Option<Gauge>,
    /// The server's connections.
    pub(crate) connections: Option<Gauge>,
}

impl Gauges {
    pub(crate) fn set_slots(&self, used: u64, of: u64) {
        self.lock().slots = Some(Gauge { used, of });
    }

    pub(crate) fn set_connections(&self, used: u64, of: u64) {
        self.lock().connections = Some(Gauge { used, of });
    }

    pub(crate) fn latest(&self) -> Latest {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
