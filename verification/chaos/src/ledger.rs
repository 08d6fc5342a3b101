//! The record of what was done to the stack, and how long each thing took to be made good.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A kind of fault, by its name in the report. Kinds are listed by group, then by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: Group,
    pub(crate) name: String,
}

/// What kinds have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Kill,
    Freeze,
    Aws,
    Database,
}

/// What was recorded of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) count: u64,
    /// How long until it was made good, each time that was seen.
    pub(crate) recoveries: Vec<Duration>,
    /// How often it was never made good.
    pub(crate) unrecovered: u64,
}

/// The record.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<Kind, Entry>>);

impl Ledger {
    pub(crate) fn happened(&self, kind: &Kind) {
        self.entry(kind, |entry| entry.count += 1);
    }

    /// It was made good after this time, or never.
    pub(crate) fn made_good(&self, kind: &Kind, after: Option<Duration>) {
        self.entry(kind, |entry| match after {
            Some(after) => entry.recoveries.push(after),
            None => entry.unrecovered += 1,
        });
    }

    pub(crate) fn entries(&self) -> BTreeMap<Kind, Entry> {
        self.lock().clone()
    }

    /// How often faults of this group happened.
    pub(crate) fn count(&self, group: Group) -> u64 {
        let entries = self.lock();
        entries.iter().filter(|(kind, _)| kind.group == group).map(|(_, entry)| entry.count).sum()
    }

    fn entry(&self, kind: &Kind, change: impl FnOnce(&mut Entry)) {
        change(self.lock().entry(kind.clone()).or_default());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kind {
    pub(crate) fn new(group: Group, name: impl Into<String>) -> Self {
        Self { group, name: name.into() }
    }
}

impl Entry {
    /// The recovery time that `percent` of the cases did not exceed.
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
            ledger.happened(&kind);
            ledger.made_good(&kind, Some(Duration::from_secs(seconds)));
        }
        ledger.made_good(&kind, None);
        let entry = &ledger.entries()[&kind];
        assert_eq!((entry.count, entry.unrecovered), (4, 1));
        assert_eq!(entry.percentile(50), Some(Duration::from_secs(2)));
        assert_eq!(entry.percentile(95), Some(Duration::from_secs(4)));
        assert_eq!((ledger.count(Group::Kill), ledger.count(Group::Freeze)), (4, 0));
        assert_eq!(Entry::default().percentile(50), None);
    }
}
