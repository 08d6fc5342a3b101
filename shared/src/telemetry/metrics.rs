//! The metrics of an invocation, and their form in a log line.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use super::Metric;
use crate::backend::BackendKind;
use crate::client::{AdmissionError, ReleaseOutcome, SlotReport};
use crate::pool::PoolName;
#[cfg(feature = "mysql")]
use crate::session::Refusal;
use crate::wire::Refused;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "rds-admission";

/// The dimension of all metrics: the pool's name. Each value is billed as separate metrics, so only names of pools in
/// the table may appear.
pub const DIMENSION: &str = "Pool";

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const _: () = assert!(Metric::ALL.len() <= 100, "a line has 100 metrics at the most");

/// The metrics of one invocation, about one pool.
///
/// As the field [`FIELD`](Self::FIELD) of a log line they are written in `CloudWatch`'s embedded metric format, which
/// `CloudWatch` reads from the log.
///
/// ```
/// use rds_admission::telemetry::{Metric, Metrics};
///
/// # let pool: rds_admission::pool::PoolName = "Prod_MySQL".parse()?;
/// let metrics = Metrics::new(pool).count(Metric::SlotsGranted, 1).gauge(Metric::PoolSize, 62);
/// tracing::info!(outcome = "granted", %metrics, "decision");
/// # Ok::<(), rds_admission::pool::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pool: PoolName,
    values: BTreeMap<Metric, Number>,
}

impl Metrics {
    /// Name of the log line's field.
    pub const FIELD: &str = "metrics";

    /// Creates an empty set, about `pool`.
    #[must_use]
    pub fn new(pool: PoolName) -> Self {
        Self { pool, values: BTreeMap::new() }
    }

    /// Adds a count. 0 is left out: `CloudWatch` bills a metric for the hours in which it has values.
    #[must_use]
    pub fn count(self, metric: Metric, times: u32) -> Self {
        if times == 0 { self } else { self.gauge(metric, times) }
    }

    /// Adds a value.
    #[must_use]
    pub fn gauge(mut self, metric: Metric, value: impl Into<Number>) -> Self {
        self.values.insert(metric, value.into());
        self
    }

    /// Adds a value with a fraction. One that is not finite is left out.
    #[must_use]
    pub fn fraction(self, metric: Metric, value: f64) -> Self {
        match Number::from_f64(value) {
            Some(value) => self.gauge(metric, value),
            None => self,
        }
    }

    /// Adds the pool's leases in use and its size, where they are known.
    #[must_use]
    pub fn filled(self, in_use: Option<u32>, max_connections: Option<u32>) -> Self {
        let metrics = match in_use {
            Some(in_use) => self.gauge(Metric::SlotsInUse, in_use),
            None => self,
        };
        let metrics = match max_connections {
            Some(size) => metrics.gauge(Metric::PoolSize, size),
            None => metrics,
        };
        match (in_use, max_connections) {
            (Some(in_use), Some(size)) => {
                let share = 100.0 * f64::from(in_use) / f64::from(size);
                metrics.fraction(Metric::SlotUtilisation, share)
            }
            _ => metrics,
        }
    }

    /// Counts a rejected login, if there is one of a kind that has a metric.
    #[cfg(feature = "mysql")]
    #[must_use]
    pub fn refused(self, refusal: Option<Refusal>) -> Self {
        match refusal {
            Some(Refusal::ServerFull | Refusal::AccountFull) => {
                self.count(Metric::TooManyConnections, 1)
            }
            Some(Refusal::HostBlocked) => self.count(Metric::HostBlocked, 1),
            Some(Refusal::Credentials | Refusal::Other) | None => self,
        }
    }

    /// Adds the metrics of one admission by `backend`, given the report on the slot or the error. A process that
    /// decides by writing to the table has its decisions in no other log; a bypassed request has no slot to measure.
    #[must_use]
    pub fn admission(
        self,
        backend: BackendKind,
        slot: Option<&SlotReport>,
        error: Option<&AdmissionError>,
    ) -> Self {
        match backend {
            BackendKind::Counter => self.wanted(slot, error),
            BackendKind::Table => self.decided(slot, error).wanted(slot, error),
            BackendKind::Bypass => self.count(Metric::BypassedRequests, 1),
        }
    }

    /// Adds what every holder measures of its slot, given the report or the error of admission.
    fn wanted(self, slot: Option<&SlotReport>, error: Option<&AdmissionError>) -> Self {
        match (slot, error) {
            (Some(slot), _) => {
                let time = (slot.work + slot.release).as_secs_f64() * 1_000.0;
                let failed = matches!(slot.outcome, ReleaseOutcome::Failed(_));
                self.fraction(Metric::SlotHoldTime, time)
                    .count(Metric::WarmRequests, u32::from(slot.resumed.is_some()))
                    .count(Metric::ReleaseFailures, u32::from(failed))
            }
            (None, Some(AdmissionError::Unavailable { .. } | AdmissionError::OutOfTime { .. })) => {
                self.count(Metric::AdmissionUnavailable, 1)
            }
            // The decider has counted a rejection.
            (None, Some(AdmissionError::Rejected(_)) | None) => self,
        }
    }

    /// Adds what the counter would have measured, for a process that decides itself, as far as the report or the
    /// error shows it. `docs/metrics.md` lists what it does not show.
    fn decided(self, slot: Option<&SlotReport>, error: Option<&AdmissionError>) -> Self {
        let Some(slot) = slot else {
            let Some(AdmissionError::Rejected(refused)) = error else { return self };
            let Refused { reason, in_use, max_connections, .. } = refused;
            return self.count(Metric::of_refusal(*reason), 1).filled(*in_use, *max_connections);
        };
        let released = matches!(slot.outcome, ReleaseOutcome::Released);
        let metrics = self.count(Metric::SlotsReleased, u32::from(released));
        if let Some(resumed) = slot.resumed {
            return metrics.count(Metric::LeasesRenewed, u32::from(resumed.renewed));
        }
        metrics
            .count(Metric::SlotsGranted, 1)
            .count(Metric::LeasesTakenOver, slot.granted.taken_over)
            .count(Metric::LeasesLost, u32::from(slot.lost))
            .fraction(Metric::DecisionLatency, slot.decision.as_secs_f64() * 1_000.0)
            .filled(Some(slot.granted.in_use), Some(slot.granted.max_connections))
    }

    /// Returns the value of `metric`.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).and_then(Number::as_f64)
    }

    /// Returns the line's members for the metrics, with the timestamp `at` in milliseconds since the epoch.
    pub(super) fn at(self, at: u64) -> Vec<(&'static str, Value)> {
        if self.values.is_empty() {
            return Vec::new();
        }
        let defined = |metric: &Metric| json!({ "Name": metric, "Unit": metric.unit().as_str() });
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": self.values.keys().map(defined).collect::<Vec<_>>(),
        });
        let metadata = json!({ "Timestamp": at, "CloudWatchMetrics": [directive] });
        let values = self.values.into_iter().map(|(metric, value)| (metric.name(), value.into()));
        [("_aws", metadata), (DIMENSION, self.pool.as_str().into())]
            .into_iter()
            .chain(values)
            .collect()
    }
}

/// As JSON, for a field of a log line.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}
