//! The database server during a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The database server's counters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `VERSION()`.
    pub version: String,
    /// `@@max_connections`.
    pub max_connections: u64,
    /// `Max_used_connections` before the run: the peak since the server's start.
    pub max_used_before: u64,
    /// `Max_used_connections` after the run.
    pub max_used_after: u64,
    /// The highest sample of `Threads_connected`, including the load test's connection.
    pub peak_threads: u64,
    /// The highest sample of connections to the service's database, without the load test's; missing when the account lacks
    /// the privilege `PROCESS`.
    pub peak_service: Option<u64>,
    /// The most connections in use at once during the run: `maxUsedAfter` if it has grown; otherwise `peakThreads`, because
    /// the server's peak is from an earlier time.
    pub peak_used: u64,
    /// Whether `peakUsed` is from samples, which can miss a short peak.
    pub peak_is_sampled: bool,
    /// The increase of `Aborted_connects`: all failed attempts to connect. It is not judged: a wrong password counts too.
    pub aborted_connects: u64,
    /// The increase of `Connection_errors_max_connections`: refused connections. MariaDB does not count those that it
    /// refuses after their login.
    pub connection_errors_max_connections: u64,
    /// The samples.
    pub samples: Connections,
}

/// Samples of the server's connections. All lists have the same length; `service` may be empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// The time of each sample, in seconds after the beginning of the run; negative before it.
    pub at: Vec<f64>,
    /// `Threads_connected`, including the load test's connection.
    pub used: Vec<u64>,
    /// Connections to the service's database, without the load test's; empty when the account lacks the privilege
    /// `PROCESS`.
    pub service: Vec<u64>,
}

impl Server {
    /// Sets the peak of this run.
    pub(crate) fn with_peak(mut self) -> Self {
        self.peak_is_sampled = self.max_used_after <= self.max_used_before;
        self.peak_used = if self.peak_is_sampled { self.peak_threads } else { self.max_used_after };
        self
    }

    /// The connections that the server counted as refused.
    pub(crate) fn refused(&self) -> u64 {
        self.connection_errors_max_connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_login_is_no_refused_connection() {
        let server = Server {
            aborted_connects: 12,
            connection_errors_max_connections: 3,
            ..Server::default()
        };
        assert_eq!(server.refused(), 3);
    }

    #[test]
    fn a_record_from_before_the_run_is_not_its_peak() {
        let grown = Server {
            max_used_before: 3,
            max_used_after: 64,
            peak_threads: 60,
            ..Server::default()
        }
        .with_peak();
        assert_eq!((grown.peak_used, grown.peak_is_sampled), (64, false));
        let old = Server {
            max_used_before: 66,
            max_used_after: 66,
            peak_threads: 60,
            ..Server::default()
        }
        .with_peak();
        assert_eq!((old.peak_used, old.peak_is_sampled), (60, true));
    }
}
