//! What is measured: the one list of the metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::Reason;

/// The unit of a metric, of those that `CloudWatch` knows
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// How long.
    Milliseconds,
    /// Of a hundred.
    Percent,
}

/// Which function measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The counter, which decides.
    Counter,
    /// Who holds the slot, or wanted one: the query.
    Holder,
}

/// Defines [`Metric`] and what is known of each, so that neither can be without the other.
macro_rules! metrics {
    ($($name:ident: $source:ident, $unit:ident, $meaning:literal;)+) => {
        /// What is measured. The names are the metrics' own.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub enum Metric {
            $(#[doc = $meaning] $name,)+
        }

        impl Metric {
            /// All of them.
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

            /// Who measures it.
            #[must_use]
            pub fn source(self) -> Source {
                match self { $(Self::$name => Source::$source,)+ }
            }

            /// What it means, as a sentence.
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
        "Acquires refused because all slots of the caller's class were out.";
    RejectedThrottled: Counter, Count,
        "Acquires refused undecided: more were asked for in a second than the counter decides.";
    RejectedDraining: Counter, Count,
        "Acquires refused because the pool is being emptied.";
    SlotsReleased: Counter, Count,
        "Slots that came back. A repeated release does not count.";
    LeasesTakenOver: Counter, Count,
        "Expired leases that were taken over: their holders crashed, or could not give them back.";
    LeasesRenewed: Counter, Count,
        "Renewals that made a lease last longer.";
    LeasesLost: Counter, Count,
        "Renewals that came too late: the slot was no longer the caller's.";
    DecisionLatency: Counter, Milliseconds,
        "How long the counter took for an acquire, a release or a renewal that the table decided.";
    SlotsInUse: Counter, Count,
        "Leases out, expired ones included, as each decision and the schedule saw it.";
    PoolSize: Counter, Count,
        "Slots of the pool, all classes, as grants, refusals and the schedule saw it.";
    SlotUtilisation: Counter, Percent,
        "Leases out of the pool's slots, as grants, refusals and the schedule saw it.";
    SlotHoldTime: Holder, Milliseconds,
        "How long a slot was used: from its grant until it was given back, or kept for the next request.";
    WarmRequests: Holder, Count,
        "Requests that went on with a slot that the instance had kept.";
    ReleaseFailures: Holder, Count,
        "Slots that could not be given back in time. They come back when their leases expire.";
    TooManyConnections: Holder, Count,
        "Connections that the server refused for want of one (1040, 1203, 1226): somebody connects past the controller.";
    HostBlocked: Holder, Count,
        "Connections that the server refused because it has blocked the host (1129), until somebody unblocks it.";
    AdmissionUnavailable: Holder, Count,
        "Requests turned away because the counter gave no answer.";
    BypassedRequests: Holder, Count,
        "Requests that were let past the controller, by ADMISSION=bypass.";
}

impl Metric {
    /// What counts refusals for this reason.
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
    /// The unit as `CloudWatch` writes it.
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
    /// The function's name, without the stack's.
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
