//! The database server's side of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Connections;

/// What the database's server counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `VERSION()`.
    pub version: String,
    /// `@@max_connections`.
    pub max_connections: u64,
    /// `Max_used_connections` before the flood: the highest since the server's start.
    pub max_used_before: u64,
    /// `Max_used_connections` after it.
    pub max_used_after: u64,
    /// The highest sample of `Threads_connected`, the watch's own connection included.
    pub peak_threads: u64,
    /// The highest sample of connections to the service's database, the watch's own left out; missing
    /// when the account may not see whose they are (it lacks `PROCESS`).
    pub peak_service: Option<u64>,
    /// The most connections in use at once during the run: `maxUsedAfter` when it has grown, otherwise
    /// `peakThreads`, for the server's record is then from an earlier time.
    pub peak_used: u64,
    /// Whether `peakUsed` is from samples, which can miss a short peak.
    pub peak_is_sampled: bool,
    /// By how much `Aborted_connects` grew: every failed attempt to connect, for whatever reason. It is
    /// not judged: a wrong password counts too.
    pub aborted_connects: u64,
    /// By how much `Connection_errors_max_connections` grew: connections refused for want of one. MariaDB
    /// leaves out those that it refuses only after their login.
    pub connection_errors_max_connections: u64,
    /// The samples that the peaks are from.
    pub samples: Connections,
}

impl Server {
    /// Concludes which peak is the one of this run.
    #[must_use]
    pub fn concluded(mut self) -> Self {
        self.peak_is_sampled = self.max_used_after <= self.max_used_before;
        self.peak_used = if self.peak_is_sampled { self.peak_threads } else { self.max_used_after };
        self
    }

    /// The connections that the server says it refused for want of one.
    #[must_use]
    pub fn refused(&self) -> u64 {
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
        .concluded();
        assert_eq!((grown.peak_used, grown.peak_is_sampled), (64, false));
        let old = Server {
            max_used_before: 66,
            max_used_after: 66,
            peak_threads: 60,
            ..Server::default()
        }
        .concluded();
        assert_eq!((old.peak_used, old.peak_is_sampled), (60, true));
    }
}
