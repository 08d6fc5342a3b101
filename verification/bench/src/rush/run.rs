//! A run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt as _;
use rds_admission::pool::{LeaseId, PoolName};
use rds_admission::time::saturating_times;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::load::exponential;
use super::tally::Tally;
use super::{Load, Outcome};
use crate::decider::Decider;
use crate::meter::Meter;

/// When a run is over: after so many rejections, or after so long, whichever is first.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// Rejections.
    pub rejections: u64,
    /// Time, from when it is measured.
    pub length: Duration,
}

/// How many times the mean hold a run goes on before it is measured: a pool is full then, and slots come back
/// at any time and not in the order in which they were taken at first.
const WARM_UP: u32 = 3;

/// Has the callers ask `deciders`, spread evenly over them, for the `slots` slots of `pool`.
///
/// # Errors
/// When a decider fails.
pub async fn run(
    deciders: &[Arc<dyn Decider>],
    (pool, slots): (&PoolName, u32),
    load: Load,
    until: Until,
    meter: &Meter,
) -> Result<Outcome> {
    let tally = Arc::new(Tally::new(until.rejections));
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for decider in deciders.iter().cycle().take(load.callers as usize) {
        let (decider, tally) = (Arc::clone(decider), Arc::clone(&tally));
        let (over, pool) = (Arc::clone(&over), pool.clone());
        callers.spawn(async move {
            let called = call(&*decider, &pool, load, &tally, &over).await;
            if called.is_err() {
                tally.enough.notify_one();
            }
            called
        });
    }
    sleep(load.hold * WARM_UP).await;
    let before = meter.used();
    tally.begin();
    // Either way it is over.
    let _ = timeout(until.length, tally.enough.notified()).await;
    let outcome = tally.end(slots, meter.used() - before);
    over.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.context("a caller panicked")??;
    }
    Ok(outcome)
}

/// One caller.
async fn call(
    decider: &dyn Decider,
    pool: &PoolName,
    load: Load,
    tally: &Tally,
    over: &AtomicBool,
) -> Result<()> {
    // Not all at once.
    let stagger = saturating_times(load.pause, rand::rng().random_range(0.0..1.0));
    sleep(stagger).await;
    while !over.load(Ordering::Relaxed) {
        let lease = LeaseId::random(&mut rand::rng());
        let asked = Instant::now();
        if let Some(slot) = decider.acquire(pool, lease).await? {
            tally.granted(asked.elapsed());
            sleep(drawn(load.hold)).await;
            let done = Instant::now();
            ensure!(decider.release(pool, slot).await?, "the lease was gone");
            tally.released(done.elapsed());
        } else {
            tally.refused(asked.elapsed());
        }
        sleep(drawn(load.pause)).await;
    }
    Ok(())
}

fn drawn(mean: Duration) -> Duration {
    exponential(mean, &mut rand::rng())
}
