//! The faults.

mod aws;
mod catch;
mod database;
mod freezes;
mod kills;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rds_admission::time::saturating_times;

use crate::run_context::{RunContext, Watchers};

/// The mean intervals between faults.
pub(crate) struct Pace {
    pub(crate) until: Instant,
    pub(crate) kill_every: Duration,
    pub(crate) freeze_every: Duration,
    pub(crate) rest: Duration,
}

/// Kills queries and counters, in all phases in turn.
pub(crate) async fn kill(
    context: Arc<RunContext>,
    pace: &Pace,
    mut rng: StdRng,
) -> Result<Watchers> {
    let mut watchers = Watchers::new();
    for kill in kills::all(context.via).iter().cycle() {
        let next = Instant::now() + about(pace.kill_every, &mut rng);
        kill.inject(&context, &mut rng, &mut watchers).await?;
        if !pause_until(next, pace.until).await {
            break;
        }
    }
    Ok(watchers)
}

/// Freezes queries beyond their leases, in all phases in turn. Several are frozen at a time.
pub(crate) async fn freeze(
    context: Arc<RunContext>,
    pace: &Pace,
    mut rng: StdRng,
) -> Result<Watchers> {
    let mut watchers = Watchers::new();
    for freeze in freezes::ALL.iter().cycle() {
        let next = Instant::now() + about(pace.freeze_every, &mut rng);
        freeze.inject(&context, &mut rng, &mut watchers).await?;
        if !pause_until(next, pace.until).await {
            break;
        }
    }
    Ok(watchers)
}

/// Injects faults into AWS and the database, one at a time, each until recovery.
pub(crate) async fn disturb(context: Arc<RunContext>, pace: &Pace, mut rng: StdRng) -> Result<()> {
    let mut turn: Vec<Disturbance> = Vec::new();
    loop {
        if turn.is_empty() {
            turn = all(&mut rng);
        }
        let Some(disturbance) = turn.pop() else { return Ok(()) };
        match disturbance {
            Disturbance::Aws(fault) => fault.inject(&context).await?,
            Disturbance::Database(fault) => fault.inject(&context).await?,
        }
        if !pause_until(Instant::now() + pace.rest, pace.until).await {
            return Ok(());
        }
    }
}

enum Disturbance {
    Aws(aws::Fault),
    Database(database::Fault),
}

/// All disturbances in random order.
fn all(rng: &mut StdRng) -> Vec<Disturbance> {
    let mut all: Vec<_> = aws::all().into_iter().map(Disturbance::Aws).collect();
    all.extend(database::ALL.map(Disturbance::Database));
    for last in (1..all.len()).rev() {
        all.swap(last, rng.random_range(0..=last));
    }
    all
}

/// A random time from half to one and a half of `time`.
fn about(time: Duration, rng: &mut StdRng) -> Duration {
    saturating_times(time, rng.random_range(0.5..1.5))
}

/// Waits until `next`. Returns false if `end` is earlier.
async fn pause_until(next: Instant, end: Instant) -> bool {
    tokio::time::sleep_until(next.min(end).into()).await;
    next < end
}
