//! What has to happen in some behaviour.

use stateright::Property;

use crate::lease::Lease;
use crate::protocol::Protocol;
use crate::script::Kind;
use crate::state::{Connection, Holder, Phase, State};

/// Something that has to happen in some behaviour, so that the model is known not to be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// A lease is taken over whose holder never gave it back.
    Takeover,
    /// A holder hears that no slot is free.
    Refusal,
    /// The answer that a slot was granted is lost, and a repeated call brings it.
    RecoveredGrant,
    /// A copy of an acquire that arrives after the release leaves a lease that nobody holds.
    LeaseOfNobody,
    /// The server ends a session by its limits while its holder still believes in it.
    EndedByTheServer,
    /// A statement runs when its holder's work should have ended.
    LateStatement,
    /// A holder runs all its statements.
    WorkDone,
    /// A pool that was made smaller comes down to its new size.
    Drained,
    /// Leases are out above a limit that was lowered.
    AboveTheNewLimit,
    /// A pool drains to the last lease, without any coming in.
    Emptied,
    /// A lease is swept whose holder never gave it back.
    Swept,
    /// A holder hears that its renewal came too late.
    RenewalRefused,
    /// A lease lives on by a renewal.
    Renewed,
    /// Two connections of the article's protocol are open at once.
    TwoAnonymous,
    /// Two sessions are open at once.
    TwoSessions,
    /// All slots of class standard are out, and one of class priority is granted.
    PriorityBeyondStandard,
}

impl Reached {
    /// What has to happen, in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Takeover => "a lease is taken over",
            Self::Refusal => "a grant is refused",
            Self::RecoveredGrant => "a lost answer is recovered by a repeated call",
            Self::LeaseOfNobody => "a late copy leaves a lease that nobody holds",
            Self::EndedByTheServer => "the server ends a session whose holder believes in it",
            Self::LateStatement => "a statement runs after the last word",
            Self::WorkDone => "a holder runs all its statements",
            Self::Drained => "a pool made smaller comes down to its size",
            Self::AboveTheNewLimit => "leases are out above a lowered limit",
            Self::Emptied => "a pool drains to its last lease",
            Self::Swept => "a lease is swept while the pool drains",
            Self::RenewalRefused => "a renewal comes too late",
            Self::Renewed => "a lease lives on by a renewal",
            Self::TwoAnonymous => "two anonymous connections are open",
            Self::TwoSessions => "two sessions are open",
            Self::PriorityBeyondStandard => "class priority gets a slot beyond the standard ones",
        }
    }

    pub(crate) fn property(self) -> Property<Protocol> {
        let condition: fn(&Protocol, &State) -> bool = match self {
            Self::Takeover => takeover,
            Self::Refusal => |_, state| state.holders.iter().any(|holder| holder.mail.refused),
            Self::RecoveredGrant => recovered,
            Self::LeaseOfNobody => lease_of_nobody,
            Self::EndedByTheServer => ended_by_the_server,
            Self::LateStatement => late_statement,
            Self::WorkDone => |_, state| {
                let done = |holder: &Holder| holder.phase == Phase::Ready && holder.statements == 0;
                state.holders.iter().any(done)
            },
            Self::Drained => |_, state| state.drained && !state.table.leases.is_empty(),
            Self::AboveTheNewLimit => |_, state| state.resized && !state.drained,
            Self::Emptied => |_, state| {
                let released = |holder: &Holder| holder.phase == Phase::Released;
                state.table.draining
                    && state.table.leases.is_empty()
                    && state.holders.iter().any(released)
            },
            Self::Swept => |protocol, state| {
                let mut holders =
                    (0..state.holders.len()).filter(|at| state.holders[*at].has_slot());
                let gone = holders.all(|at| state.table.leases.get(Lease::of(at, false)).is_none());
                state.table.draining && state.sweeps < protocol.configuration.sweeps && gone
            },
            Self::RenewalRefused => |_, state| state.holders.iter().any(|holder| holder.mail.lost),
            Self::Renewed => renewed,
            Self::TwoAnonymous | Self::TwoSessions => |_, state| state.connections() >= 2,
            Self::PriorityBeyondStandard => |_, state| {
                state.table.leases.len() > usize::from(state.table.slots - state.table.kept)
            },
        };
        Property::sometimes(self.name(), condition)
    }
}

fn takeover(protocol: &Protocol, state: &State) -> bool {
    let taken = |at: usize| {
        protocol.configuration.holders[at].kind != Kind::Anonymous
            && state.holders[at].has_slot()
            && state.table.leases.get(Lease::of(at, false)).is_none()
    };
    !state.table.leases.is_empty() && (0..state.holders.len()).any(taken)
}

fn recovered(_: &Protocol, state: &State) -> bool {
    // It holds a slot, and of the two answers the first one is still under way.
    let recovered = |holder: &Holder| {
        let mail = holder.mail;
        holder.phase == Phase::Holding && mail.granted && !mail.granted_before && mail.acquires == 0
    };
    state.holders.iter().any(recovered)
}

fn lease_of_nobody(protocol: &Protocol, state: &State) -> bool {
    let left = |at: usize| {
        let holder = &state.holders[at];
        protocol.configuration.holders[at].kind != Kind::Anonymous
            && holder.phase == Phase::Released
            && holder.mail.releases == 0
            && state.table.leases.get(Lease::of(at, false)).is_some()
    };
    (0..state.holders.len()).any(left)
}

fn ended_by_the_server(_: &Protocol, state: &State) -> bool {
    let ended = |holder: &Holder| {
        matches!(holder.phase, Phase::Ready | Phase::Waiting) && !holder.connection.is_open()
    };
    state.holders.iter().any(ended)
}

fn late_statement(protocol: &Protocol, state: &State) -> bool {
    let late = |at: usize| {
        let holder = &state.holders[at];
        matches!(holder.connection, Connection::Running(..))
            && state.now > protocol.configuration.last_word(at, holder.asked)
    };
    (0..state.holders.len()).any(late)
}

fn renewed(protocol: &Protocol, state: &State) -> bool {
    let renewed = |at: usize| {
        let (holder, script) = (&state.holders[at], &protocol.configuration.holders[at]);
        script.renewals > 0
            && holder.phase == Phase::Holding
            && holder.asked > protocol.configuration.timing.ticks(script.begins_by)
    };
    (0..state.holders.len()).any(renewed)
}
