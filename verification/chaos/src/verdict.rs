//! The verdict on a run.

use std::time::Duration;

use crate::evidence::Evidence;

/// The least that a run must contain to count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demands {
    pub(crate) kills: u64,
    pub(crate) freezes: u64,
    pub(crate) warm: u64,
    pub(crate) duration: Duration,
}

/// The longest time without a sample of the server while it is up.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// The fewest samples a second, of the server and of the pool; normal are 5 to 50 times as many.
const SAMPLES_A_SECOND: u64 = 2;

/// The failures of a run.
#[derive(Clone, Debug)]
pub struct Verdict(Vec<String>);

impl Verdict {
    /// Whether there is none.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.0.is_empty()
    }

    /// The failures.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn of(evidence: &Evidence, demands: &Demands) -> Self {
        let mut failures = Vec::new();
        let mut demand = |holds: bool, failure: String| {
            if !holds {
                failures.push(failure);
            }
        };
        let Evidence { slots, all_slots, .. } = *evidence;
        let above = evidence.samples_above;
        demand(
            above == 0,
            format!("{above} samples of the server had more than {slots} connections"),
        );
        demand(
            evidence.pool_broken.is_empty(),
            format!("the pool's item was wrong: {}", evidence.pool_broken.join("; ")),
        );
        demand(
            evidence.unexpected.is_empty(),
            format!("answers that are not in the contract: {}", evidence.unexpected.join("; ")),
        );
        let (gateway, explained) = (evidence.gateway, evidence.interrupted_queries);
        demand(
            gateway <= explained,
            format!(
                "the gateway answered {gateway} times by itself, for {explained} interruptions"
            ),
        );
        let crashed = evidence.crashed;
        demand(crashed == 0, format!("{crashed} processes ended by themselves in an invocation"));
        demand(
            evidence.frozen.late_connections.is_empty(),
            format!("connections after the lease: {}", evidence.frozen.late_connections.join("; ")),
        );
        for (kind, entry) in &evidence.faults {
            let (name, lost) = (&kind.name, entry.unrecovered);
            demand(lost == 0, format!("{name}: {lost} times without recovery in time"));
        }
        let after = &evidence.aftermath;
        demand(
            after.connections == 0,
            format!("{} connections were left on the server", after.connections),
        );
        demand(
            after.granted == all_slots && after.one_more_rejected && after.in_use == 0,
            format!(
                "at the end {} of {all_slots} slots were granted, one more {}, and InUse was {}",
                after.granted,
                if after.one_more_rejected { "not" } else { "too" },
                after.in_use
            ),
        );
        demand(evidence.admits_again, "no request was admitted after the faults".to_owned());
        let (kills, freezes) = (evidence.kills(), evidence.freezes());
        demand(kills >= demands.kills, format!("{kills} kills are fewer than {}", demands.kills));
        demand(
            freezes >= demands.freezes,
            format!("{freezes} freezes are fewer than {}", demands.freezes),
        );
        let (warm, least) = (evidence.warm, demands.warm);
        demand(warm >= least, format!("{warm} requests on kept slots are fewer than {least}"));
        demand(
            freezes == 0 || evidence.frozen.checks > 0,
            "no frozen instance was checked after its lease".to_owned(),
        );
        let gap = evidence.longest_gap;
        demand(gap <= LONGEST_GAP, format!("the server was not watched for {gap:.1?}"));
        let enough = SAMPLES_A_SECOND * demands.duration.as_secs();
        let few = evidence.server_samples.min(evidence.pool_samples);
        demand(few >= enough, format!("{few} samples are fewer than {enough}"));
        Self(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Entry, Group, Kind};

    fn demands() -> Demands {
        Demands { kills: 3, freezes: 1, warm: 2, duration: Duration::from_secs(10) }
    }

    fn judge(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let mut evidence = Evidence::good();
        change(&mut evidence);
        Verdict::of(&evidence, &demands()).0
    }

    #[test]
    fn what_holds_passes() {
        assert_eq!(judge(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_thing_that_does_not_hold_fails_by_itself() {
        type Change = fn(&mut Evidence);
        let changes: [(Change, &str); 18] = [
            (|e| e.samples_above = 1, "more than 18 connections"),
            (|e| e.pool_broken.push("x".into()), "the pool's item was wrong"),
            (|e| e.unexpected.push("x".into()), "not in the contract"),
            (|e| e.gateway = 5, "by itself"),
            (|e| e.crashed = 1, "ended by themselves"),
            (|e| e.frozen.late_connections.push("x".into()), "after the lease"),
            (|e| e.aftermath.connections = 1, "left on the server"),
            (|e| e.aftermath.granted = 19, "19 of 20 slots"),
            (|e| e.aftermath.one_more_rejected = false, "one more too"),
            (|e| e.aftermath.in_use = 1, "InUse was 1"),
            (|e| e.admits_again = false, "after the faults"),
            (|e| e.faults.retain(|kind, _| kind.group != Group::Kill), "0 kills"),
            (|e| e.warm = 1, "1 requests on kept slots"),
            (|e| e.frozen.checks = 0, "no frozen instance"),
            (|e| e.longest_gap = Duration::from_secs(4), "was not watched"),
            (|e| e.server_samples = 19, "19 samples"),
            (|e| e.pool_samples = 0, "0 samples"),
            (
                |e| {
                    let lost = Entry { count: 1, unrecovered: 1, ..Entry::default() };
                    e.faults.insert(Kind::new(Group::Aws, "gone"), lost);
                },
                "gone: 1 times without recovery",
            ),
        ];
        for (change, expected) in changes {
            let failures = judge(change);
            assert_eq!(failures.len(), 1, "{failures:?}");
            assert!(failures[0].contains(expected), "{failures:?}");
        }
    }

    #[test]
    fn too_few_freezes_do_not_count() {
        let failures = judge(|e| e.faults.retain(|kind, _| kind.group != Group::Freeze));
        assert_eq!(failures, ["0 freezes are fewer than 1"]);
    }
}
