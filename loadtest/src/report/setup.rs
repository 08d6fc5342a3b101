//! The setup of a test: its machine, the function, the load and the thresholds.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

pub use crate::shape::Shape;

/// The machine that sent the load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Operating system and its version.
    pub system: String,
    /// The kernel's version.
    pub kernel: String,
    /// The processor's name, or its architecture when the name is unknown.
    pub processor: String,
    /// Logical processors.
    pub processors: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// Describes this machine.
    pub(crate) fn this() -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        );
        let named = |name: Option<String>| name.unwrap_or_else(|| "unknown".to_owned());
        let brand = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        Self {
            system: named(System::long_os_version()),
            kernel: named(System::kernel_version()),
            processor: brand.filter(|brand| !brand.is_empty()).unwrap_or_else(System::cpu_arch),
            processors: u32::try_from(system.cpus().len()).unwrap_or(u32::MAX),
            memory_bytes: system.total_memory(),
        }
    }
}

/// The query function before the test changed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Its name.
    pub query_function: String,
    /// The SHA-256 of its code in base64, from Lambda.
    pub code_sha256: Option<String>,
    /// The time of the last change of its code or configuration, from Lambda.
    pub last_modified: Option<String>,
    /// Its variables that affect the numbers; missing when they are not readable. Others are left out: some may hold a
    /// secret.
    pub variables: Option<BTreeMap<String, String>>,
    /// Why its variables are not readable.
    pub variables_failure: Option<String>,
}

/// The load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How the load changes over a run.
    pub shape: Shape,
    /// What starts a request.
    pub arrival: Arrival,
    /// In a closed loop, the number of users at the peak of the load; with open arrivals, the most concurrent requests.
    pub users: u32,
    /// Seconds in which requests are started.
    pub duration_seconds: u32,
    /// The timeout of a request in seconds.
    pub timeout_seconds: u32,
    /// Seconds for which the query holds its connection, if set by the test. Otherwise see `HOLD_SECONDS` of the deployment.
    pub hold_seconds: Option<f64>,
    /// What users do after a 503.
    pub retries: Retries,
}

/// What starts a request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Arrival {
    /// The end of the user's last request. A slow service gets fewer requests, and those not made have no latency
    /// (coordinated omission).
    Closed,
    /// A Poisson process, independent of the answers. Latencies count from when a request was due, so a request that had to
    /// wait counts as slow.
    #[serde(rename_all = "camelCase")]
    Open {
        /// Mean requests per second at the peak of the load.
        per_second: f64,
        /// The seed of the random arrival times.
        seed: u64,
    },
}

/// What users do after a 503 with `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Retries {
    /// They wait for it.
    Honoured,
    /// They retry at once.
    Ignored,
    /// Every second user ignores it.
    Mixed,
    /// They do not retry: with open arrivals, each request is another client's.
    None,
}

/// The limits of the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Thresholds {
    /// The most broken answers.
    pub max_broken: u64,
    /// The most connections refused by the server.
    pub max_refused: u64,
    /// The fewest admitted answers.
    pub min_admitted: u64,
    /// The lowest utilisation of the standard slots, from 0 to 1; not judged when missing.
    pub min_utilisation: Option<f64>,
    /// The highest p99 of the rejections in milliseconds; not judged when missing.
    pub max_rejection_p99_ms: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_processors_and_memory() {
        let machine = Machine::this();
        assert!(machine.processors > 0 && machine.memory_bytes > 0, "{machine:?}");
        assert!(!machine.system.is_empty() && !machine.processor.is_empty(), "{machine:?}");
    }
}
