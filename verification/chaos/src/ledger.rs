//! The record of faults, of the recovery from each, and of frozen instances.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kind of fault, with its name in the report. Sorted by group, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: Group,
    pub(crate) name: String,
}

/// A group of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Kill,
    Freeze,
    Aws,
    Database,
}

/// The record of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) count: u64,
    /// The time to recovery, one for each recovery seen.
    pub(crate) recoveries: Vec<Duration>,
    /// Faults without a recovery in time.
    pub(crate) unrecovered: u64,
}

/// Checks of instances that were frozen until after their lease.
#[derive(Clone, Default)]
pub(crate) struct Frozen {
    /// Checks of an instance after its lease.
    pub(crate) checks: u64,
    /// Checks that found a connection.
    pub(crate) late_connections: Vec<String>,
    /// The outcomes that the instances logged after the thaw, with their numbers.
    pub(crate) outcomes: BTreeMap<String, u64>,
}

/// The record of a run.
#[derive(Default)]
pub(crate) struct Ledger {
    faults: Mutex<BTreeMap<Kind, Entry>>,
    frozen: Mutex<Frozen>,
}

impl Ledger {
    /// Records a fault.
    pub(crate) fn injected(&self, kind: &Kind) {
        self.entry(kind, |entry| entry.count += 1);
    }

    /// Records a recovery; `None` when there was none in time.
    pub(crate) fn recovered(&self, kind: &Kind, after: Option<Duration>) {
        self.entry(kind, |entry| match after {
            Some(after) => entry.recoveries.push(after),
            None => entry.unrecovered += 1,
        });
    }

    pub(crate) fn entries(&self) -> BTreeMap<Kind, Entry> {
        self.lock().clone()
    }

    /// The number of faults of this group.
    pub(crate) fn count(&self, group: Group) -> u64 {
        let entries = self.lock();
        entries.iter().filter(|(kind, _)| kind.group == group).map(|(_, entry)| entry.count).sum()
    }

    pub(crate) fn frozen(&self) -> MutexGuard<'_, Frozen> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, kind: &Kind, change: impl FnOnce(&mut Entry)) {
        change(self.lock().entry(kind.clone()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Entry>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The phase of an instance between two invocations that keeps its slot and connection.
pub(crate) const KEEPING: &str = "query: keeping its slot";

impl Kind {
    pub(crate) fn new(group: Group, name: impl Into<String>) -> Self {
        Self { group, name: name.into() }
    }
}

impl Entry {
    /// The recovery time at this percentile.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.recoveries.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_kind_and_group_and_ranks_recoveries() {
        let ledger = Ledger::default();
        let kind = Kind::new(Group::Kill, "in a statement");
        for seconds in [3, 1, 2, 4] {
            ledger.injected(&kind);
            ledger.recovered(&kind, Some(Duration::from_secs(seconds)));
        }
        ledger.recovered(&kind, None);
        let entry = &ledger.entries()[&kind];
        assert_eq!((entry.count, entry.unrecovered), (4, 1));
        assert_eq!(entry.percentile(50), Some(Duration::from_secs(2)));
        assert_eq!(entry.percentile(95), Some(Duration::from_secs(4)));
        assert_eq!((ledger.count(Group::Kill), ledger.count(Group::Freeze)), (4, 0));
        assert_eq!(Entry::default().percentile(50), None);
    }
}
