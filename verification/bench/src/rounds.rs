//! Interleaved rounds: bare writes, the other subjects, bare writes again, so that other load hits all alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rds_admission::time::saturating_seconds;
use tokio::task::JoinSet;

use crate::latencies::{Latencies, Quantiles};
use crate::machine::{Cpu, CpuClocks};
use crate::subject::Subject;

/// Number and length of the rounds.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds for each subject, after one for warm-up.
    pub rounds: usize,
    /// The length of a round.
    pub length: Duration,
}

/// The result of one round.
#[derive(Debug, Clone)]
pub struct Round {
    /// The latency of each decision.
    pub latencies: Latencies,
    /// The time until the last caller finished.
    pub lasted: Duration,
    /// The number of callers.
    pub callers: usize,
    /// The processor time, if measured.
    pub cpu: Option<Cpu>,
}

impl Round {
    /// Decisions per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        count(self.latencies.count()) / self.lasted.as_secs_f64()
    }

    /// The average time of a decision, in seconds. Callers do not pause between decisions.
    fn mean(&self) -> f64 {
        count(self.callers as u64) / self.per_second()
    }
}

/// The medians over all rounds of a subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Latencies.
    pub quantiles: Quantiles,
    /// Decisions per second.
    pub per_second: f64,
    /// The average decision time relative to the bare writes of the same turn.
    pub ratio: Ratio,
    /// The processor time per decision relative to bare writes, over all rounds, if measured.
    pub cpu: Option<CpuRatio>,
}

/// Ratios of processor time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuRatio {
    /// Of the client's process.
    pub client: f64,
    /// Of client and database together.
    pub both: f64,
}

/// Quartiles of a ratio.
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

/// Measures all `subjects` in turn, each with `callers` callers. The first is the baseline. `clocks` are those of
/// the two processes, if these do all the work.
///
/// # Errors
/// When a decision fails or is not the expected one.
pub async fn compare(
    subjects: &[Arc<dyn Subject>],
    callers: usize,
    plan: Plan,
    mut clocks: Option<CpuClocks>,
) -> Result<Vec<Summary>> {
    let mut rounds = vec![Vec::with_capacity(plan.rounds); subjects.len()];
    for nth in 0..=plan.rounds {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            let before = clocks.as_mut().map(CpuClocks::read);
            let mut round = round(subject, callers, plan.length).await?;
            let after = clocks.as_mut().map(CpuClocks::read);
            round.cpu = after.zip(before).map(|(after, before)| after.since(before));
            // Round 0 opens connections and warms caches.
            if nth > 0 {
                rounds.push(round);
            }
        }
    }
    let baseline = rounds.first().context("nothing to measure")?;
    Ok(rounds.iter().map(|own| Summary::of(own, baseline)).collect())
}

/// Runs one round: every caller decides repeatedly until the time is over.
async fn round(subject: &Arc<dyn Subject>, callers: usize, length: Duration) -> Result<Round> {
    let mut running = JoinSet::new();
    let begun = Instant::now();
    for caller in 0..callers {
        let subject = Arc::clone(subject);
        running.spawn(async move {
            let mut latencies = Latencies::default();
            while begun.elapsed() < length {
                let sent = Instant::now();
                subject.once(caller).await?;
                latencies.record(sent.elapsed());
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
    fn of(rounds: &[Round], baseline: &[Round]) -> Self {
        let quantile = |share: f64| {
            median(rounds.iter().map(|round| round.latencies.quantile(share).as_secs_f64()))
        };
        let ratios =
            rounds.iter().zip(baseline).map(|(own, baseline)| own.mean() / baseline.mean());
        Self {
            quantiles: Quantiles {
                p50: saturating_seconds(quantile(0.5)),
                p99: saturating_seconds(quantile(0.99)),
            },
            per_second: median(rounds.iter().map(Round::per_second)),
            ratio: Ratio::of(ratios),
            cpu: CpuRatio::of(rounds, baseline),
        }
    }
}

impl CpuRatio {
    fn of(rounds: &[Round], baseline: &[Round]) -> Option<Self> {
        let ratio = |part| Some(cpu_each(rounds, part)? / cpu_each(baseline, part)?);
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

/// The processor time per decision, in seconds, over all rounds.
fn cpu_each(rounds: &[Round], part: fn(Cpu) -> Duration) -> Option<f64> {
    let sum: Option<Duration> = rounds.iter().map(|round| round.cpu.map(part)).sum();
    let decisions = rounds.iter().map(|round| round.latencies.count()).sum();
    sum.map(|sum| sum.as_secs_f64() / count(decisions))
}

/// The median; 0 without values.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    part(&sorted(values), 0.5)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The quantile of `share`, interpolated linearly.
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
        let baseline = [round(4, 100, 1), round(4, 50, 1), round(4, 100, 1)];
        let own = [round(4, 80, 1), round(4, 40, 1), round(4, 100, 1)];
        let summary = Summary::of(&own, &baseline);
        assert!((summary.ratio.median - 1.25).abs() < 1e-9, "{:?}", summary.ratio);
        assert!((summary.per_second - 80.0).abs() < 1e-9);
        // As much for 220 decisions as for the baseline's 250.
        let CpuRatio { client, both } = summary.cpu.expect("it was measured");
        assert!([client, both].iter().all(|cpu| (cpu - 250.0 / 220.0).abs() < 1e-9), "{client}");
        let baseline = Summary::of(&baseline, &baseline);
        assert!(
            (baseline.ratio.low - 1.0).abs() < 1e-9 && (baseline.ratio.high - 1.0).abs() < 1e-9
        );
    }

    #[test]
    #[allow(clippy::float_cmp, reason = "quarters are exact")]
    fn quartiles_lie_between_their_neighbours() {
        let Ratio { low, median, high } = Ratio::of([4.0, 1.0, 2.0, 3.0].into_iter());
        assert_eq!([low, median, high], [1.75, 2.5, 3.25]);
        assert_eq!(super::median(std::iter::empty()), 0.0);
    }
}
