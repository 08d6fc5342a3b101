//! The evidence of a run, which the verdict judges.

use std::collections::BTreeMap;
use std::time::Duration;

use rds_admission::backend::BackendKind;

use crate::aftermath::Aftermath;
use crate::control::Interruptions;
use crate::ledger::{Entry, Frozen, Group, Kind};
use crate::logs;
use crate::pool::Pool;
use crate::run_context::RunContext;

/// The evidence of a run.
#[derive(Clone, Default)]
pub(crate) struct Evidence {
    /// The backend of the queries: `counter` or `table`.
    pub(crate) via: &'static str,
    /// The pool's items.
    pub(crate) shards: u32,
    /// Slots for queries.
    pub(crate) slots: u64,
    /// All slots, including those for class `priority`.
    pub(crate) all_slots: u64,
    pub(crate) answers: BTreeMap<String, u64>,
    /// Requests that were logged as served with a kept slot.
    pub(crate) warm: u64,
    pub(crate) unexpected: Vec<String>,
    pub(crate) gateway: u64,
    pub(crate) interrupted_queries: u64,
    pub(crate) crashed: u64,
    pub(crate) faults: BTreeMap<Kind, Entry>,
    pub(crate) frozen: Frozen,
    pub(crate) server_samples: u64,
    pub(crate) samples_above: u64,
    pub(crate) above: Vec<String>,
    pub(crate) most_connections: usize,
    pub(crate) most_sockets: usize,
    pub(crate) longest_gap: Duration,
    pub(crate) pool_samples: u64,
    pub(crate) most_leases: u64,
    pub(crate) pool_broken: Vec<String>,
    pub(crate) aftermath: Aftermath,
    pub(crate) admits_again: bool,
}

impl Evidence {
    pub(crate) fn gather(
        context: &RunContext,
        pool: &Pool,
        interruptions: &BTreeMap<String, Interruptions>,
        aftermath: Aftermath,
        admits_again: bool,
    ) -> Self {
        let of_queries =
            interruptions.get(&context.stack.query_function).copied().unwrap_or_default();
        let (samples_above, above) = context.server.above();
        Self {
            via: name_of(context.via),
            shards: pool.shards,
            slots: pool.standard_limit,
            all_slots: pool.max_connections,
            answers: context.answers.counts(),
            warm: logs::warm_requests(&context.stack),
            unexpected: context.answers.unexpected(),
            gateway: context.answers.gateway(),
            interrupted_queries: of_queries.killed + of_queries.timed_out + of_queries.late,
            crashed: interruptions.values().map(|of| of.crashed).sum(),
            faults: context.ledger.entries(),
            frozen: context.ledger.frozen().clone(),
            server_samples: context.server.count(),
            samples_above,
            above,
            most_connections: context.server.most(),
            most_sockets: context.server.most_sockets(),
            longest_gap: context.server.longest_gap(),
            pool_samples: context.pool.count(),
            most_leases: context.pool.most(),
            pool_broken: context.pool.broken(),
            aftermath,
            admits_again,
        }
    }

    pub(crate) fn kills(&self) -> u64 {
        self.count(Group::Kill)
    }

    pub(crate) fn freezes(&self) -> u64 {
        self.count(Group::Freeze)
    }

    fn count(&self, group: Group) -> u64 {
        let of_group = self.faults.iter().filter(|(kind, _)| kind.group == group);
        of_group.map(|(_, entry)| entry.count).sum()
    }

    /// The evidence of a run that passes.
    #[cfg(test)]
    pub(crate) fn good() -> Self {
        let entry =
            |count| Entry { count, recoveries: vec![Duration::from_secs(1)], unrecovered: 0 };
        Self {
            slots: 18,
            all_slots: 20,
            warm: 2,
            gateway: 4,
            interrupted_queries: 4,
            faults: BTreeMap::from([
                (Kind::new(Group::Kill, "in a statement"), entry(3)),
                (Kind::new(Group::Freeze, "connected"), entry(1)),
            ]),
            frozen: Frozen { checks: 1, ..Frozen::default() },
            server_samples: 100,
            pool_samples: 100,
            aftermath: Aftermath { granted: 20, one_more_rejected: true, ..Aftermath::default() },
            admits_again: true,
            ..Self::default()
        }
    }
}

/// The name of a backend.
pub(crate) fn name_of(via: BackendKind) -> &'static str {
    match via {
        BackendKind::Counter => "counter",
        BackendKind::Table | BackendKind::Bypass => "table",
    }
}
