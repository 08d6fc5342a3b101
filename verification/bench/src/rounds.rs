//! Rounds in turn: the floor, the others, the floor again, so that what the machine does meanwhile hits all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rds_admission::time::saturating_seconds;
use tokio::task::JoinSet;

use crate::cpu::{Clocks, Cpu};
use crate::latencies::{Latencies, Quantiles};
use crate::subject::Subject;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds of each subject, after one that is thrown away.
    pub rounds: usize,
    /// How long a round lasts.
    pub length: Duration,
}

/// What one round came to.
#[derive(Debug, Clone)]
pub struct Round {
    /// How long each decision took.
    pub latencies: Latencies,
    /// How long the round took, until the last caller was done.
    pub lasted: Duration,
    /// Callers that were in it.
    pub callers: usize,
    /// Processor time that it took, where that was measured.
    pub cpu: Option<Cpu>,
}

impl Round {
    /// Decisions a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        count(self.latencies.count()) / self.lasted.as_secs_f64()
    }

    /// The time that a decision takes on average, in seconds: a caller asks again as soon as it is answered.
    fn mean(&self) -> f64 {
        count(self.callers as u64) / self.per_second()
    }
}

/// What all rounds of a subject came to: the medians of the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Latencies.
    pub quantiles: Quantiles,
    /// Decisions a second.
    pub per_second: f64,
    /// How many times as long as the floor, in the round beside, a decision took on average.
    pub ratio: Ratio,
    /// How many times as much processor time as the floor a decision took, over all rounds, where that was
    /// measured.
    pub cpu: Option<CpuRatio>,
}

/// A ratio of processor times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuRatio {
    /// Of the process that asks.
    pub client: f64,
    /// Of both.
    pub both: f64,
}

/// A ratio that was measured several times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.low, self.high)
    }
}

/// Measures all `subjects` in turn, with so many callers of each; the first is the floor. `clocks` are those of
/// the processes that work for it, when nobody else does.
///
/// # Errors
/// When a decision fails, or comes out otherwise than it should.
pub async fn compare(
    subjects: &[Arc<dyn Subject>],
    callers: usize,
    plan: Plan,
    mut clocks: Option<Clocks>,
) -> Result<Vec<Summary>> {
    let mut rounds = vec![Vec::with_capacity(plan.rounds); subjects.len()];
    for nth in 0..=plan.rounds {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            let before = clocks.as_mut().map(Clocks::read);
            let mut round = round(subject, callers, plan.length).await?;
            let after = clocks.as_mut().map(Clocks::read);
            round.cpu = after.zip(before).map(|(after, before)| after.since(before));
            // The first opens connections and warms caches.
            if nth > 0 {
                rounds.push(round);
            }
        }
    }
    let floor = rounds.first().context("nothing to measure")?;
    Ok(rounds.iter().map(|own| Summary::of(own, floor)).collect())
}

/// One round: every caller decides, one after the other, until the time is over.
async fn round(subject: &Arc<dyn Subject>, callers: usize, length: Duration) -> Result<Round> {
    let mut running = JoinSet::new();
    let begun = Instant::now();
    for caller in 0..callers {
        let subject = Arc::clone(subject);
        running.spawn(async move {
            let mut latencies = Latencies::default();
            while begun.elapsed() < length {
                let asked = Instant::now();
                subject.once(caller).await?;
                latencies.record(asked.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Latencies::default();
    while let Some(caller) = running.join_next().await {
        latencies.merge(&caller.context("a caller panicked")??);
    }
    Ok(Round { latencies, lasted: begun.elapsed(), callers, cpu: None })
}

impl Summary {
    fn of(rounds: &[Round], floor: &[Round]) -> Self {
        let quantile = |share: f64| {
            median(rounds.iter().map(|round| round.latencies.quantile(share).as_secs_f64()))
        };
        let ratios = rounds.iter().zip(floor).map(|(own, floor)| own.mean() / floor.mean());
        Self {
            quantiles: Quantiles {
                p50: saturating_seconds(quantile(0.5)),
                p99: saturating_seconds(quantile(0.99)),
            },
            per_second: median(rounds.iter().map(Round::per_second)),
            ratio: Ratio::of(ratios),
            cpu: CpuRatio::of(rounds, floor),
        }
    }
}

impl CpuRatio {
    fn of(rounds: &[Round], floor: &[Round]) -> Option<Self> {
        let ratio = |part| Some(cpu_each(rounds, part)? / cpu_each(floor, part)?);
        Some(Self { client: ratio(|cpu| cpu.client)?, both: ratio(Cpu::sum)? })
    }
}

impl Ratio {
    fn of(ratios: impl Iterator<Item = f64>) -> Self {
        let sorted = sorted(ratios);
        let low = part(&sorted, 0.25);
        Self { low, median: part(&sorted, 0.5), high: part(&sorted, 0.75) }
    }
}

/// The processor time of a decision, in seconds, over all rounds.
fn cpu_each(rounds: &[Round], part: fn(Cpu) -> Duration) -> Option<f64> {
    let sum: Option<Duration> = rounds.iter().map(|round| round.cpu.map(part)).sum();
    let decisions = rounds.iter().map(|round| round.latencies.count()).sum();
    sum.map(|sum| sum.as_secs_f64() / count(decisions))
}

/// The median; 0 of none.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    part(&sorted(values), 0.5)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value that lies at this share of the way through sorted ones, between its neighbours.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a place among a few values"
)]
fn part(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn count(decisions: u64) -> f64 {
    f64::from(u32::try_from(decisions).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(callers: usize, decisions: u64, lasted: u64) -> Round {
        let mut latencies = Latencies::default();
        (0..decisions).for_each(|_| latencies.record(Duration::from_millis(2)));
        let cpu = Cpu { client: Duration::from_secs(1), server: Duration::from_secs(2) };
        Round { latencies, lasted: Duration::from_secs(lasted), callers, cpu: Some(cpu) }
    }

    #[test]
    fn a_ratio_is_that_of_neighbouring_rounds() {
        // The machine is half as fast in the second round, and both are hit by it.
        let floor = [round(4, 100, 1), round(4, 50, 1), round(4, 100, 1)];
        let own = [round(4, 80, 1), round(4, 40, 1), round(4, 100, 1)];
        let summary = Summary::of(&own, &floor);
        assert!((summary.ratio.median - 1.25).abs() < 1e-9, "{:?}", summary.ratio);
        assert!((summary.per_second - 80.0).abs() < 1e-9);
        // As much for 220 decisions as for the floor's 250.
        let CpuRatio { client, both } = summary.cpu.expect("it was measured");
        assert!([client, both].iter().all(|cpu| (cpu - 250.0 / 220.0).abs() < 1e-9), "{client}");
        let floor = Summary::of(&floor, &floor);
        assert!((floor.ratio.low - 1.0).abs() < 1e-9 && (floor.ratio.high - 1.0).abs() < 1e-9);
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "quarters are exact")]
    fn quartiles_lie_between_their_neighbours() {
        let Ratio { low, median, high } = Ratio::of([4.0, 1.0, 2.0, 3.0].into_iter());
        assert_eq!([low, median, high], [1.75, 2.5, 3.25]);
        assert_eq!(super::median(std::iter::empty()), 0.0);
    }
}
