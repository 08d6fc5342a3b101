//! What has to happen in some behaviour.

mod split;
mod warm;

use stateright::Property;

use crate::lease::Lease;
use crate::phase::Phase;
use crate::protocol::Protocol;
use crate::script::Kind;
use crate::state::{Connection, Holder, State};

/// Something that has to happen in some behaviour, so that the model is known not to be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// A lease is taken over whose holder never gave it back.
    Takeover,
    /// A holder hears that no slot is free.
    Refusal,
    /// The answer that a slot was granted is lost, and a repeated call brings it.
    RecoveredGrant,
    /// A write is applied, its answer is lost, and the same write, sent again, finds the lease.
    RecoveredWrite,
    /// A copy of an acquire that arrives after the release leaves a lease that nobody holds.
    LeaseOfNobody,
    /// The server ends a session by its limits while its holder still believes in it.
    EndedByTheServer,
    /// A statement runs when its holder's work should have ended.
    LateStatement,
    /// The server has hung up, and rolls back what the session had left open.
    UndoneAfterTheEnd,
    /// A holder has what was open rolled back before it hangs up.
    UndoneInTime,
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
    /// A lease is out in a shard that it did not begin with.
    AnotherShard,
    /// Each shard is one that a lease began with, and is in.
    BothBeginnings,
    /// A lease is out in two shards.
    InTwoShards,
    /// A release that does not know the shard comes to the one in which the lease is, after another.
    FoundByRelease,
    /// The same of a renewal.
    FoundByRenewal,
    /// A caller is refused by a pool that has room.
    RefusedFromMemory,
    /// A split pool that was made smaller has grown again.
    GrownAgain,
    /// Slots of a split pool have moved to another item, and are out there.
    Moved,
    /// A split pool is used while only part of a move is written.
    HalfMoved,
    /// The server ends a session that is kept.
    EndedWhileKept,
    /// A session that was kept is used again.
    UsedAgain,
    /// And is kept again.
    KeptAgain,
    /// The lease of a slot that is kept is taken over.
    LostWhileKept,
    /// A holder that is woken has its lease renewed.
    WokenInTime,
    /// A holder that is woken finds out by its renewal that its lease is lost.
    WokenTooLate,
    /// A session that was kept and is dead is replaced, under the same slot.
    ReplacedSession,
    /// As many slots may be kept as ever may, and all the others are out.
    ShareKept,
}

impl Reached {
    /// What has to happen, in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Takeover => "a lease is taken over",
            Self::Refusal => "a grant is refused",
            Self::RecoveredGrant => "a lost answer is recovered by a repeated call",
            Self::RecoveredWrite => "a write whose answer was lost is recognised",
            Self::LeaseOfNobody => "a late copy leaves a lease that nobody holds",
            Self::EndedByTheServer => "the server ends a session whose holder believes in it",
            Self::LateStatement => "a statement runs after the last word",
            Self::UndoneAfterTheEnd => "the server rolls back after it has hung up",
            Self::UndoneInTime => "a transaction is rolled back before the holder hangs up",
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
            Self::AnotherShard => "a lease is out in a shard that it did not begin with",
            Self::BothBeginnings => "leases are out that began with either shard",
            Self::InTwoShards => "a lease is out in two shards",
            Self::FoundByRelease => "a release finds its lease in another shard",
            Self::FoundByRenewal => "a renewal finds its lease in another shard",
            Self::RefusedFromMemory => "a caller is refused by a pool that has room",
            Self::GrownAgain => "a pool that was made smaller has grown again",
            Self::Moved => "a slot is out that has moved to another item",
            Self::HalfMoved => "a pool is used in the middle of a move",
            Self::EndedWhileKept => "the server ends a session that is kept",
            Self::UsedAgain => "a session that was kept is used again",
            Self::KeptAgain => "a session that was used again is kept again",
            Self::LostWhileKept => "a slot that is kept is lost to a takeover",
            Self::WokenInTime => "a lease is renewed on waking",
            Self::WokenTooLate => "a renewal on waking comes too late",
            Self::ReplacedSession => "a session that was kept is replaced",
            Self::ShareKept => "the whole share may be kept, and the pool is full",
        }
    }

    pub(crate) fn property(self) -> Property<Protocol> {
        let condition: fn(&Protocol, &State) -> bool = match self {
            Self::Takeover => takeover,
            Self::Refusal => |_, state| state.holders.iter().any(|holder| holder.mail.refused),
            Self::RecoveredGrant => recovered,
            Self::RecoveredWrite => recovered_write,
            Self::LeaseOfNobody => lease_of_nobody,
            Self::EndedByTheServer => ended_by_the_server,
            Self::LateStatement => late_statement,
            Self::UndoneAfterTheEnd => |_, state| {
                let undone =
                    |holder: &Holder| matches!(holder.connection, Connection::RollingBack(_));
                state.holders.iter().any(undone)
            },
            Self::UndoneInTime => |_, state| {
                let undone = |holder: &Holder| {
                    holder.phase == Phase::Ready && holder.statements == 0 && !holder.undo
                };
                state.holders.iter().any(undone)
            },
            Self::WorkDone => |_, state| {
                let done = |holder: &Holder| holder.phase == Phase::Ready && holder.statements == 0;
                state.holders.iter().any(done)
            },
            Self::Drained => came_down,
            Self::AboveTheNewLimit => |_, state| state.pool.leases() > state.pool.slots(),
            Self::Emptied => |_, state| {
                let released = |holder: &Holder| holder.phase == Phase::Released;
                state.pool[0].draining
                    && state.pool.leases() == 0
                    && state.holders.iter().any(released)
            },
            Self::Swept => |protocol, state| {
                let mut holders =
                    (0..state.holders.len()).filter(|at| state.holders[*at].has_slot());
                let gone = holders.all(|at| !state.pool.have(Lease::of(at, false)));
                state.pool[0].draining && state.sweeps < protocol.configuration.sweeps && gone
            },
            Self::RenewalRefused => |_, state| state.holders.iter().any(|holder| holder.mail.lost),
            Self::Renewed => renewed,
            Self::TwoAnonymous | Self::TwoSessions => |_, state| state.connections() >= 2,
            Self::PriorityBeyondStandard => |_, state| {
                state.pool[0].leases.len() > usize::from(state.pool[0].slots - state.pool[0].kept)
            },
            Self::AnotherShard => split::another_shard,
            Self::BothBeginnings => split::both_beginnings,
            Self::InTwoShards => split::in_two_shards,
            Self::FoundByRelease => split::found_by_release,
            Self::FoundByRenewal => split::found_by_renewal,
            Self::RefusedFromMemory => split::refused_from_memory,
            Self::GrownAgain => split::grown_again,
            Self::Moved => split::moved,
            Self::HalfMoved => split::half_moved,
            Self::EndedWhileKept => warm::ended_while_kept,
            Self::UsedAgain => warm::used_again,
            Self::KeptAgain => warm::kept_again,
            Self::LostWhileKept => warm::lost_while_kept,
            Self::WokenInTime => warm::woken_in_time,
            Self::WokenTooLate => warm::woken_too_late,
            Self::ReplacedSession => warm::replaced,
            Self::ShareKept => warm::share_kept,
        };
        Property::sometimes(self.name(), condition)
    }
}

fn takeover(protocol: &Protocol, state: &State) -> bool {
    let taken = |at: usize| {
        protocol.configuration.holders[at].kind != Kind::Anonymous
            && state.holders[at].has_slot()
            && !state.pool.have(Lease::of(at, false))
    };
    state.pool.leases() > 0 && (0..state.holders.len()).any(taken)
}

fn recovered(_: &Protocol, state: &State) -> bool {
    // It holds a slot, and of the two answers the first one is still under way.
    let recovered = |holder: &Holder| {
        let mail = holder.mail;
        holder.phase == Phase::Holding
            && !mail.granted.is_empty()
            && mail.granted_before.is_empty()
            && !mail.acquire
            && mail.repeats == 0
    };
    state.holders.iter().any(recovered)
}

fn recovered_write(_: &Protocol, state: &State) -> bool {
    // The only try that has arrived is answered as one that was granted before.
    let recovered = |holder: &Holder| {
        let mail = holder.mail;
        !mail.granted_before.is_empty() && !mail.acquire && mail.repeats > 0
    };
    state.holders.iter().any(recovered)
}

/// After the last size that it was given, which is smaller, with leases out.
fn came_down(protocol: &Protocol, state: &State) -> bool {
    let slots = state.pool.slots();
    let smaller =
        slots < protocol.configuration.shards.iter().map(|slots| usize::from(*slots)).sum();
    smaller
        && state.shares.is_empty()
        && state.pool.leases() > 0
        && usize::from(state.most) == slots
}

fn lease_of_nobody(protocol: &Protocol, state: &State) -> bool {
    let left = |at: usize| {
        let holder = &state.holders[at];
        protocol.configuration.holders[at].kind != Kind::Anonymous
            && holder.phase == Phase::Released
            && holder.mail.releases == 0
            && state.pool.have(Lease::of(at, false))
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
