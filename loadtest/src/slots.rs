//! Samples of the pool, read from its table.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rds_admission::{
    pool::{Pool, PoolName},
    store::{DynamoStore, SlotStore, StoreError},
    time::{Clock, SystemClock},
};

use crate::{
    report::{SlotSamples, Slots, Timeline},
    sampling::{Gauges, Probe, SamplingError, seconds_between},
    utilisation::utilisation,
};

/// The interval of samples. Each reads the pool's item, at one read unit for 4 KB.
pub(crate) const EVERY: Duration = Duration::from_millis(250);

pub(crate) struct SlotProbe {
    store: DynamoStore<SystemClock>,
    name: PoolName,
    pool: Pool,
    taken: Vec<Instant>,
    samples: SlotSamples,
    gauges: Arc<Gauges>,
}

/// The samples, before the beginning of the run is known.
pub(crate) struct Sampled {
    name: PoolName,
    pool: Pool,
    taken: Vec<Instant>,
    samples: SlotSamples,
}

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotsError {
    #[error("reading the pool from its table failed")]
    Read(#[source] StoreError),
    #[error("sampling the pool failed")]
    Sampling(#[from] SamplingError),
}

impl SlotProbe {
    /// Reads the pool for the first time, to report a wrong table or pool before the flood.
    pub(crate) async fn open(
        store: DynamoStore<SystemClock>,
        name: PoolName,
        gauges: Arc<Gauges>,
    ) -> Result<Self, SlotsError> {
        let pool = store.read(&name).await.map_err(SlotsError::Read)?;
        Ok(Self { store, name, pool, taken: Vec::new(), samples: SlotSamples::default(), gauges })
    }
}

impl Probe for SlotProbe {
    type Result = Sampled;
    type Error = SlotsError;

    async fn sample(&mut self, now: Instant) -> Result<(), SlotsError> {
        self.pool = self.store.read(&self.name).await.map_err(SlotsError::Read)?;
        let expired = self.pool.expired(SystemClock.now()).count();
        self.taken.push(now);
        self.samples.in_use.push(self.pool.in_use());
        self.samples.expired.push(u32::try_from(expired).unwrap_or(u32::MAX));
        self.gauges.set_slots(self.pool.in_use().into(), self.pool.size.standard_limit().into());
        Ok(())
    }

    async fn conclude(self) -> Result<Sampled, SlotsError> {
        let Self { name, pool, taken, samples, .. } = self;
        Ok(Sampled { name, pool, taken, samples })
    }
}

impl Sampled {
    /// The samples with their times from the beginning of the run.
    pub(crate) fn since(self, start: Instant, timeline: &Timeline) -> Slots {
        let at = self.taken.iter().map(|taken| seconds_between(start, *taken)).collect();
        let samples = SlotSamples { at, ..self.samples };
        let standard = self.pool.size.standard_limit();
        Slots {
            pool: self.name.to_string(),
            size: self.pool.size.max_connections(),
            standard,
            peak: samples.in_use.iter().copied().max().unwrap_or_default(),
            utilisation: utilisation(&samples, timeline, standard),
            samples,
        }
    }
}
