//! A holder's connection: `session`, `session::limits` and `session::relay`.

use std::time::Duration;

use rds_admission::session::Limits;
use rds_admission::time::Seconds;

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::phase::{Message, Phase};
use crate::state::{Connection, Holder, State};
use crate::timing::{Ticks, Timing};
use crate::warm;

/// What an ablation adds to a limit of the server.
const TOO_LONG: Seconds = Seconds(3);

/// The next phase after a check of the clock, `Limits::within`; `None` if no time is left.
pub(crate) fn check_clock(
    configuration: &Configuration,
    state: &State,
    at: usize,
) -> Option<Phase> {
    let Configuration { timing, .. } = configuration;
    let (holder, script) = (&state.holders[at], &configuration.holders[at]);
    let now = holder.clock(state.now);
    let ends = configuration.lease_ends(at, holder.requested);
    let work_ends = timing.work_ends(ends, script.ttl, holder.granted_at, script.without_deadline);
    // An ablation of half the margin: the real rule is called with a lease that is longer by an idle limit.
    let once = configuration.lacks(Ablation::TwiceIdle);
    let ends_for_rule = ends + if once { timing.ticks(timing.idle) } else { 0 };
    let limits = fit(timing, now, ends_for_rule, work_ends.min(ends));
    let send = |message| Some(Phase::Sending { message, passed: false });
    match holder.phase {
        Phase::Holding => limits.map(|_| Phase::Connecting),
        Phase::Connected if configuration.lacks(Ablation::CheckBeforeLogin) => send(Message::Login),
        Phase::Connected => limits.and_then(|_| send(Message::Login)),
        Phase::Reset => send(warm::keep(configuration, state, at)?),
        Phase::Resumed if warm::is_over(state, at) => Some(Phase::Replacing),
        Phase::Resumed if configuration.lacks(Ablation::CheckOnResume) => {
            let statement = timing.ticks(script.ttl);
            send(Message::Limits { statement, then_statement: false })
        }
        Phase::LoggedIn | Phase::Resumed => {
            send(Message::Limits { statement: limits?, then_statement: false })
        }
        Phase::Ready => {
            let statement = limits?;
            let current = statement_limit(holder.connection)?;
            // `Limits::must_shrink_to`.
            let shrink =
                current + 2 * timing.ticks(timing.idle) > ends_for_rule.saturating_sub(now);
            if shrink && !configuration.lacks(Ablation::ShrinkingLimits) {
                send(Message::Limits { statement, then_statement: true })
            } else {
                send(Message::Statement { after_limits: false })
            }
        }
        _ => None,
    }
}

/// The statement limit by the real rule, `Limits::fit`, in ticks.
///
/// A check within a tick may find time where one at its end finds none; then less than a tick is left.
fn fit(timing: &Timing, now: Ticks, lease_ends: Ticks, work_ends: Ticks) -> Option<Ticks> {
    let when = |within: Duration| {
        let left = |end| (timing.duration(end) + within).saturating_sub(timing.duration(now));
        Limits::fit(left(lease_ends), left(work_ends), timing.idle)
    };
    let limit = |limits: Limits| timing.covering(limits.statement_limit());
    when(Duration::ZERO).map(limit).or_else(|| when(timing.almost_a_tick()).map(|_| 0))
}

/// Delivers a message to the server. If the session has ended, the holder learns that.
pub(crate) fn send(
    configuration: &Configuration,
    at: usize,
    holder: &mut Holder,
    message: Message,
    now: Ticks,
) {
    let Configuration { timing, .. } = configuration;
    let transactions = configuration.holders[at].transactions;
    // The session may idle once more afterwards.
    let rolled_back = configuration.rolled_back(at, holder.requested, timing.idle);
    let wait_timeout = timing.ticks(timing.wait_timeout);
    let global = |limit| now + wait_timeout + longer(configuration, limit);
    let (connection, phase) = match (message, holder.connection) {
        (Message::Login, Connection::Login(_)) => {
            (Connection::Idle(None, global(Ablation::WaitTimeout)), Phase::LoggedIn)
        }
        (Message::Limits { statement, then_statement }, Connection::Idle(..)) => {
            let then = Message::Statement { after_limits: true };
            let then = Phase::Sending { message: then, passed: false };
            let phase = if then_statement { then } else { Phase::Ready };
            (Connection::Idle(Some(statement), now + configuration.idle_limit()), phase)
        }
        (Message::RollBack, Connection::Idle(Some(statement), _)) => {
            // From here on the server rolls back before it closes, whatever happens to the holder.
            holder.undo = false;
            (Connection::Running(statement, rolled_back), Phase::Waiting)
        }
        (Message::Statement { .. }, Connection::Idle(Some(statement), _)) => {
            holder.statements -= 1;
            holder.undo = transactions;
            let due = (!configuration.lacks(Ablation::StatementLimit)).then_some(now + statement);
            (Connection::Running(statement, due), Phase::Waiting)
        }
        (Message::Reset, Connection::Idle(..)) => {
            warm::reset(configuration, global(Ablation::GlobalAfterReset))
        }
        (Message::Keep { idle, until }, Connection::Idle(..)) => {
            holder.keeping.until = until;
            (Connection::Idle(None, now + idle + timing.ticks(timing.late)), Phase::Kept)
        }
        (_, connection) => (connection, warm::found_dead(configuration, holder, message)),
    };
    (holder.connection, holder.phase) = (connection, phase);
}

/// Whether the relay lets a message pass: `Slot::may_speak_for`.
pub(crate) fn may_send(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    let blind = match holder.phase {
        Phase::Sending { message, .. } => warm::is_blind(configuration, holder, message),
        _ => false,
    };
    in_time(configuration, state, at) || configuration.lacks(Ablation::SendDeadline) || blind
}

/// Whether the holder may still send, by its clock. Includes the last tick, which the code excludes: this only
/// allows more.
pub(crate) fn in_time(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    holder.clock(state.now) <= configuration.last_send(at, holder.requested)
}

/// Whether a message that has passed the relay can reach the server now: always, except for what is assumed about
/// the time between the relay's check and the server.
pub(crate) fn arrives(
    configuration: &Configuration,
    state: &State,
    at: usize,
    message: Message,
) -> bool {
    let holder = &state.holders[at];
    match (message, holder.connection) {
        (Message::Statement { after_limits: true }, Connection::Idle(_, due)) => {
            due == state.now + configuration.idle_limit()
                || configuration.lacks(Ablation::PromptStatement)
        }
        (
            Message::Login | Message::Limits { .. },
            Connection::Login(_) | Connection::Idle(None, _),
        ) => {
            // Without the relay's check there is no promptness to assume.
            in_time(configuration, state, at)
                || configuration.lacks(Ablation::PromptRelay)
                || configuration.lacks(Ablation::SendDeadline)
                || warm::is_blind(configuration, holder, message)
        }
        _ => true,
    }
}

/// The excess of a server limit in the ablation in which it is too long.
pub(crate) fn longer(configuration: &Configuration, limit: Ablation) -> Ticks {
    let too_long = configuration.lacks(limit);
    if too_long { configuration.timing.ticks(TOO_LONG) } else { 0 }
}

fn statement_limit(connection: Connection) -> Option<Ticks> {
    match connection {
        Connection::Idle(limit, _) => limit,
        Connection::Running(limit, _) => Some(limit),
        _ => None,
    }
}
