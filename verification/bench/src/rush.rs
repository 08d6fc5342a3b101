//! Overload: the cost of a rejection, and whether slots are released and granted again as fast as without it.

mod tally;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rds_admission::pool::{LeaseId, PoolName};
use rds_admission::time::{saturating_seconds, saturating_times};
use support::capacity::Meter;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::decider::Decider;
pub use tally::Outcome;
use tally::Tally;

/// Callers that acquire, hold a granted slot, and acquire again after a pause, whatever the decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The number of callers.
    pub callers: u32,
    /// The mean time that a slot is held.
    pub hold: Duration,
    /// The mean pause.
    pub pause: Duration,
}

impl Load {
    /// Callers who together acquire `times` as often as `slots` slots become free.
    ///
    /// All slots are held; the remaining callers pause just long enough for that rate.
    #[must_use]
    pub fn rush(callers: u32, slots: u32, hold: Duration, times: f64) -> Self {
        let acquires = times * f64::from(slots) / hold.as_secs_f64();
        let waiting = f64::from(callers.saturating_sub(slots));
        Self { callers, hold, pause: saturating_seconds(waiting / acquires) }
    }
}

/// A random time, exponentially distributed.
fn exponential(mean: Duration, rng: &mut impl RngExt) -> Duration {
    saturating_times(mean, -(1.0 - rng.random_range(0.0..1.0_f64)).ln())
}

/// The end of a run: whichever limit is reached first.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// Rejections.
    pub rejections: u64,
    /// Time, without the warm-up.
    pub length: Duration,
}

/// Warm-up, in mean holds. Afterwards the pool is full and releases are spread evenly.
const WARM_UP: u32 = 3;

/// Runs the callers, spread evenly over `deciders`, on the `slots` slots of `pool`.
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
            let result = call(&*decider, &pool, load, &tally, &over).await;
            if result.is_err() {
                tally.enough.notify_one();
            }
            result
        });
    }
    sleep(load.hold * WARM_UP).await;
    let before = meter.used();
    tally.begin();
    // A timeout ends the run just as well.
    let _ = timeout(until.length, tally.enough.notified()).await;
    let outcome = tally.end(slots, meter.used() - before);
    over.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.context("a caller panicked")??;
    }
    Ok(outcome)
}

/// Runs one caller.
async fn call(
    decider: &dyn Decider,
    pool: &PoolName,
    load: Load,
    tally: &Tally,
    over: &AtomicBool,
) -> Result<()> {
    let random = |mean| exponential(mean, &mut rand::rng());
    let stagger = saturating_times(load.pause, rand::rng().random_range(0.0..1.0));
    sleep(stagger).await;
    while !over.load(Ordering::Relaxed) {
        let lease = LeaseId::random(&mut rand::rng());
        let sent = Instant::now();
        if let Some(slot) = decider.acquire(pool, lease).await? {
            tally.granted(sent.elapsed());
            sleep(random(load.hold)).await;
            let sent = Instant::now();
            ensure!(decider.release(pool, slot).await?, "the lease was not held");
            tally.released(sent.elapsed());
        } else {
            tally.rejected(sent.elapsed());
        }
        sleep(random(load.pause)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn who_waits_acquires_often_enough() {
        let load = Load::rush(256, 60, Duration::from_secs(1), 10.0);
        let acquires = (256.0 - 60.0) / load.pause.as_secs_f64();
        assert!((acquires - 600.0).abs() < 0.1, "{acquires}");
    }

    #[test]
    fn times_have_the_mean_that_they_should() {
        let mut rng = StdRng::seed_from_u64(1);
        let sum: Duration =
            (0..10_000).map(|_| exponential(Duration::from_secs(1), &mut rng)).sum();
        let mean = sum.as_secs_f64() / 10_000.0;
        assert!((0.97..1.03).contains(&mean), "{mean}");
    }
}
