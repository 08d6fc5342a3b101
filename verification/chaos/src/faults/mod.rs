//! What is done to the stack.

mod aws;
mod database;
mod freezes;
mod kills;
mod login;
mod trap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rds_admission::time::saturating_times;
use tokio::task::JoinSet;

use crate::scene::Scene;

/// What a query is doing that is in no invocation and has a connection.
const KEEPING: &str = "query: keeping its slot";

/// Tasks that watch how a fault is made good.
pub(crate) type Watchers = JoinSet<()>;

/// How densely faults come.
pub(crate) struct Pace {
    pub(crate) until: Instant,
    pub(crate) kill_every: Duration,
    pub(crate) freeze_every: Duration,
    pub(crate) rest: Duration,
}

/// Kills holders and counters, one after the other, in all phases in turn.
pub(crate) async fn kill(scene: Arc<Scene>, pace: &Pace, mut dice: StdRng) -> Result<Watchers> {
    let mut watchers = Watchers::new();
    for kill in kills::all(scene.via).iter().cycle() {
        let next = Instant::now() + about(pace.kill_every, &mut dice);
        kill.happen(&scene, &mut dice, &mut watchers).await?;
        if !pause_until(next, pace.until).await {
            break;
        }
    }
    Ok(watchers)
}

/// Freezes holders beyond their leases, in all phases in turn. Several are frozen at a time.
pub(crate) async fn freeze(scene: Arc<Scene>, pace: &Pace, mut dice: StdRng) -> Result<Watchers> {
    let mut watchers = Watchers::new();
    for freeze in freezes::ALL.iter().cycle() {
        let next = Instant::now() + about(pace.freeze_every, &mut dice);
        freeze.happen(&scene, &mut dice, &mut watchers).await?;
        if !pause_until(next, pace.until).await {
            break;
        }
    }
    Ok(watchers)
}

/// Disturbs what the functions depend on, one thing at a time, each until it is good again.
pub(crate) async fn disturb(scene: Arc<Scene>, pace: &Pace, mut dice: StdRng) -> Result<()> {
    let mut turn: Vec<Disturbance> = Vec::new();
    loop {
        if turn.is_empty() {
            turn = all(&mut dice);
        }
        let Some(disturbance) = turn.pop() else { return Ok(()) };
        match disturbance {
            Disturbance::Aws(fault) => fault.happen(&scene).await?,
            Disturbance::Database(fault) => fault.happen(&scene).await?,
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

/// All disturbances, in an order that the dice give.
fn all(dice: &mut StdRng) -> Vec<Disturbance> {
    let mut all: Vec<_> = aws::all().into_iter().map(Disturbance::Aws).collect();
    all.extend(database::ALL.map(Disturbance::Database));
    for last in (1..all.len()).rev() {
        all.swap(last, dice.random_range(0..=last));
    }
    all
}

/// A time around `time`, from its half to one and a half.
fn about(time: Duration, dice: &mut StdRng) -> Duration {
    saturating_times(time, dice.random_range(0.5..1.5))
}

/// Waits. False when all is to end before.
async fn pause_until(next: Instant, end: Instant) -> bool {
    tokio::time::sleep_until(next.min(end).into()).await;
    next < end
}
