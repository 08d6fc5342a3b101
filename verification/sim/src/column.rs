//! What a table shows of a run.

use std::time::Duration;

use crate::outcome::{Outcome, Times, number};
use crate::scenario::Scenario;

/// What a table shows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What the run is.
    Name,
    /// Admissions a second, and their share of what the pool can do.
    Goodput,
    /// Slots that were out, of all.
    Utilisation,
    /// Read units for each caller that was rejected.
    Units,
    /// Read units for each refusal.
    UnitsARefusal,
    /// Looks for each admission.
    Peeks,
    /// Refused writes for each admission.
    Failed,
    /// Callers that were rejected, of all.
    Rejected,
    /// Refusals while one slot of twenty, or more, was free.
    BesideRoom,
    /// Callers a second.
    Arrived,
    /// Write units a second of an item.
    Writes,
    /// The most write units of an item in one second.
    PeakWrites,
    /// Read units a second of an item.
    Reads,
    /// Throttled requests a second, without releases.
    Throttled,
    /// Throttled releases a second.
    ThrottledReleases,
    /// How long grants took.
    Grant,
    /// How long refusals took.
    Refusal,
    /// How long a slot stayed taken after the work.
    Release,
    /// How long the admitted had waited.
    Waited,
    /// From one slot of a client to its next.
    Between,
    /// The most refusals of a client in a row.
    MostRefused,
    /// Jain's index.
    Fairness,
    /// Slots that nobody can ever get again.
    Lost,
    /// Answers a second to callers that were admitted.
    Answers,
    /// Connections that were made, for 1,000 admissions.
    Connects,
    /// Requests to the table, for 1,000 admissions.
    Requests,
    /// Write units, for 1,000 admissions.
    WriteUnits,
    /// How long an answer took.
    Answer,
    /// How much of that was not the work.
    BesideTheWork,
    /// Slots out on average.
    Out,
    /// How many of them were kept.
    Kept,
    /// The largest share of an item's slots that was ever kept.
    MostKept,
    /// Connections that were open on average.
    Connections,
    /// Refusals while one slot of twenty, or more, was kept.
    BesideKept,
}

impl Column {
    pub(crate) fn head(self) -> &'static str {
        match self {
            Self::Name => "run",
            Self::Goodput => "admitted/s",
            Self::Utilisation => "slots in use",
            Self::Units => "read units per rejection",
            Self::UnitsARefusal => "read units per rejected attempt",
            Self::Peeks => "peeks per grant",
            Self::Failed => "failed writes per grant",
            Self::Rejected => "rejected",
            Self::BesideRoom => "rejections with 5 % free",
            Self::Arrived => "calls/s",
            Self::Writes => "write units/s of an item",
            Self::PeakWrites => "peak",
            Self::Reads => "read units/s of an item",
            Self::Throttled => "throttled/s",
            Self::ThrottledReleases => "throttled releases/s",
            Self::Grant => "grant p50, p99",
            Self::Refusal => "rejection p50, p99",
            Self::Release => "release p50, p99",
            Self::Waited => "wait p50, p99, max",
            Self::Between => "between slots p50, p99, max",
            Self::MostRefused => "most rejections in a row",
            Self::Fairness => "Jain's index",
            Self::Lost => "slots lost",
            Self::Answers => "answers/s",
            Self::Connects => "connections per 1,000 answers",
            Self::Requests => "requests per 1,000",
            Self::WriteUnits => "write units per 1,000",
            Self::Answer => "answer p50, p99",
            Self::BesideTheWork => "overhead p50, p99",
            Self::Out => "slots held",
            Self::Kept => "of them kept",
            Self::MostKept => "most kept of a shard",
            Self::Connections => "connections",
            Self::BesideKept => "rejections with 5 % kept",
        }
    }

    pub(crate) fn cell(self, scenario: &Scenario, outcome: &Outcome) -> String {
        let measured = scenario.length.saturating_sub(scenario.warm_up).as_secs_f64();
        let rate = |count: u64| format!("{:.0}", number(count) / measured);
        match self {
            Self::Name => scenario.name.clone(),
            Self::Goodput => {
                let share = outcome.goodput / scenario.capacity();
                format!("{:.1} ({:.0} %)", outcome.goodput, share * 100.0)
            }
            Self::Utilisation => percent(outcome.utilisation),
            Self::Units if outcome.rejected == 0 => "-".to_owned(),
            Self::Units => format!("{:.2}", outcome.units_per_rejection()),
            Self::UnitsARefusal => format!("{:.2}", outcome.units_per_refusal()),
            Self::Peeks => format!("{:.2}", outcome.peeks_per_grant()),
            Self::Failed => format!("{:.2}", outcome.failed_per_grant()),
            Self::Rejected => percent(outcome.rejected_share()),
            Self::BesideRoom => percent(outcome.beside_room_share()),
            Self::Arrived => rate(outcome.arrived),
            Self::Writes => format!("{:.0}", outcome.writes),
            Self::PeakWrites => format!("{:.0}", outcome.peak_writes),
            Self::Reads => format!("{:.0}", outcome.reads),
            Self::Throttled => rate(outcome.throttled),
            Self::ThrottledReleases => rate(outcome.throttled_releases),
            Self::Grant => halves(outcome.grant),
            Self::Refusal => halves(outcome.refusal),
            Self::Release => halves(outcome.release),
            Self::Waited => all(outcome.waited),
            Self::Between => all(outcome.between),
            Self::MostRefused => outcome.most_refused.to_string(),
            Self::Fairness => format!("{:.3}", outcome.fairness),
            Self::Lost => outcome.lost.to_string(),
            Self::Answers => format!("{:.0}", outcome.goodput),
            Self::Connects => thousandth(outcome, number(outcome.connects)),
            Self::Requests => thousandth(outcome, number(outcome.requests)),
            Self::WriteUnits => thousandth(outcome, outcome.write_units),
            Self::Answer => halves(outcome.answer),
            Self::BesideTheWork => halves(outcome.beside_the_work),
            Self::Out => format!("{:.1}", outcome.out),
            Self::Kept => format!("{:.1}", outcome.kept),
            Self::MostKept => percent(outcome.most_kept),
            Self::Connections => format!("{:.1}", outcome.connections),
            Self::BesideKept => percent(outcome.beside_kept_share()),
        }
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn thousandth(outcome: &Outcome, count: f64) -> String {
    format!("{:.1}", outcome.of_a_thousand(count))
}

fn halves(times: Times) -> String {
    format!("{}, {}", time(times.p50), time(times.p99))
}

fn all(times: Times) -> String {
    format!("{}, {}", halves(times), time(times.max))
}

pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A round time.
pub(crate) fn words(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", duration.as_secs())
    }
}
