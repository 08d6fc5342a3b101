//! What surrounds the algorithm.

use std::time::Duration;

use crate::chance::Latency;

/// What surrounds the algorithm.
#[derive(Debug, Clone, Copy)]
pub struct Cloud {
    /// An eventually consistent read.
    pub read: Latency,
    /// A conditional write.
    pub write: Latency,
    /// Invoking the counter, there and back, without its work.
    pub invoke: Latency,
    /// Starting an instance.
    pub cold_start: Latency,
    /// Connecting to the database.
    pub connect: Latency,
    /// A word to the database on a connection that is there, and its answer.
    pub word: Latency,
    /// How far the two followers of an item's three replicas are behind, on average.
    pub staleness: Duration,
    /// Write units that an item takes in a second.
    pub writes: f64,
    /// Read units that an item takes in a second.
    pub reads: f64,
    /// Tries of an acquire when the table throttles.
    pub acquire_tries: u32,
    /// Tries of a release, after which the holder starts over.
    pub release_tries: u32,
    /// The bound of the pause after the first throttled try; it doubles.
    pub backoff: Duration,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            read: Latency::millis(4, 15),
            write: Latency::millis(6, 20),
            invoke: Latency::millis(12, 40),
            cold_start: Latency::millis(150, 400),
            connect: Latency::millis(5, 20),
            word: Latency::millis(1, 5),
            staleness: Duration::from_millis(20),
            writes: 1_000.0,
            reads: 3_000.0,
            acquire_tries: 1,
            release_tries: 6,
            backoff: Duration::from_millis(50),
        }
    }
}

impl Cloud {
    /// With the SDK's default retries: the same for acquires and releases, and after
    /// up to a second (<https://docs.rs/aws-smithy-types/latest/aws_smithy_types/retry/struct.RetryConfig.html>).
    #[must_use]
    pub fn with_the_sdks_retries(self) -> Self {
        Self { acquire_tries: 3, release_tries: 3, backoff: Duration::from_secs(1), ..self }
    }
}
