//! The list of metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::Reason;

/// The unit of a metric in `CloudWatch`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of events or things.
    Count,
    /// A time.
    Milliseconds,
    /// A percentage.
    Percent,
}

/// The function that writes a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The counter.
    Counter,
    /// The holder of a slot, such as the query.
    Holder,
}

/// Defines [`Metric`] and the properties of each.
macro_rules! metrics {
    ($($name:ident: $source:ident, $unit:ident, $meaning:literal;)+) => {
        /// A metric. The variants have its name in `CloudWatch`.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub enum Metric {
            $(#[doc = $meaning] $name,)+
        }

        impl Metric {
            /// All metrics.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name in `CloudWatch`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// Its unit.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)+ }
            }

            /// The function that writes it.
            #[must_use]
            pub fn source(self) -> Source {
                match self { $(Self::$name => Source::$source,)+ }
            }

            /// Its meaning, as a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

metrics! {
    SlotsGranted: Counter, Count,
        "Acquires that were granted. A repeated one counts again.";
    RejectedFull: Counter, Count,
        "Acquires rejected because no slot of the caller's class was free.";
    RejectedThrottled: Counter, Count,
        "Acquires rejected by the counter's rate limit, or because the table throttles.";
    RejectedDraining: Counter, Count,
        "Acquires rejected because the pool is draining.";
    SlotsReleased: Counter, Count,
        "Slots that were released. A repeated release does not count.";
    LeasesTakenOver: Counter, Count,
        "Expired leases that were taken over: their holders crashed, or could not release them.";
    LeasesRenewed: Counter, Count,
        "Renewals that extended a lease.";
    LeasesLost: Counter, Count,
        "Renewals that were too late: the caller no longer held the slot.";
    DecisionLatency: Counter, Milliseconds,
        "Time that the counter took for an acquire, a release or a renewal that the table decided.";
    SlotsInUse: Counter, Count,
        "Leases, expired ones included, as seen by each decision and by the schedule.";
    PoolSize: Counter, Count,
        "Slots of the pool, all classes, as seen by grants, rejections and the schedule.";
    SlotUtilisation: Counter, Percent,
        "Leases per slot of the pool, as seen by grants, rejections and the schedule.";
    SlotHoldTime: Holder, Milliseconds,
        "Time from the grant of a slot until it was released, or kept for the next request.";
    WarmRequests: Holder, Count,
        "Requests that reused the instance's warm slot.";
    ReleaseFailures: Holder, Count,
        "Slots that could not be released in time. They return when their leases expire.";
    TooManyConnections: Holder, Count,
        "Connections refused because the server or account had none left (1040, 1203, 1226): another client connects without a slot.";
    HostBlocked: Holder, Count,
        "Connections refused because the server has blocked the host (1129), until an administrator unblocks it.";
    AdmissionUnavailable: Holder, Count,
        "Requests rejected because the counter gave no answer.";
    BypassedRequests: Holder, Count,
        "Requests that connected without a slot, by ADMISSION=bypass.";
}

impl Metric {
    /// Returns the metric of rejections for this reason.
    #[must_use]
    pub fn of_refusal(reason: Reason) -> Self {
        match reason {
            Reason::Full => Self::RejectedFull,
            Reason::Throttled => Self::RejectedThrottled,
            Reason::Draining => Self::RejectedDraining,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Unit {
    /// Its name in `CloudWatch`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
        }
    }
}

impl Source {
    /// The function's name, without the stack's prefix.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Holder => "query",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/metrics.md`.
    fn table() -> String {
        let head = "| metric | unit | from | meaning |\n|---|---|---|---|\n".to_owned();
        Metric::ALL.iter().fold(head, |table, metric| {
            let (unit, source) = (metric.unit().as_str(), metric.source().as_str());
            table + &format!("| `{metric}` | {unit} | {source} | {} |\n", metric.meaning())
        })
    }

    #[test]
    fn the_documentation_has_this_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        let documentation = std::fs::read_to_string(path).expect("docs/metrics.md");
        assert!(documentation.contains(&table()), "docs/metrics.md should have\n\n{}", table());
    }
}
