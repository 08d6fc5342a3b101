//! What a holder does with its connection: `session`, `session::limits` and `session::relay`.

use std::time::Duration;

use rds_admission::session::Limits;
use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::phase::{Phase, Word};
use crate::removed::{Assumption, Guard};
use crate::state::{Connection, Holder, State};
use crate::timing::{Ticks, Timing};
use crate::warm;

/// What a mutant adds to a limit of the server.
const TOO_LONG: Seconds = Seconds(3);

/// What a holder decides by a look at the clock, `Limits::within`; nothing when there is no time.
pub(crate) fn look(configuration: &Configuration, state: &State, at: usize) -> Option<Phase> {
    let Configuration { removed, timing, .. } = configuration;
    let (holder, script) = (&state.holders[at], &configuration.holders[at]);
    let now = believed(holder, state.now);
    let ends = configuration.lease_ends(at, holder.asked);
    let work_ends = timing.work_ends(ends, script.ttl, holder.heard, script.without_deadline);
    // Once instead of twice: the rule is asked with a lease that is longer by an idle limit.
    let once = removed.guard(Guard::TwiceIdle);
    let ends_for_rule = ends + if once { timing.ticks(timing.idle) } else { 0 };
    let limits = fit(timing, now, ends_for_rule, work_ends.min(ends));
    let speak = |word| Some(Phase::Speaking { word, let_through: false });
    match holder.phase {
        Phase::Holding => limits.map(|_| Phase::Connecting),
        Phase::Connected if removed.guard(Guard::LookBeforeLogin) => speak(Word::Login),
        Phase::Connected => limits.and_then(|_| speak(Word::Login)),
        Phase::Reset => speak(warm::keep(configuration, state, at)?),
        Phase::Woken if warm::is_over(state, at) => Some(Phase::Replacing),
        Phase::Woken if removed.guard(Guard::LookOnWaking) => {
            let statement = timing.ticks(script.ttl);
            speak(Word::Limits { statement, resume: false })
        }
        Phase::LoggedIn | Phase::Woken => speak(Word::Limits { statement: limits?, resume: false }),
        Phase::Ready => {
            let statement = limits?;
            let told = told(holder.connection)?;
            // `Limits::must_shrink_to`.
            let shrink = told + 2 * timing.ticks(timing.idle) > ends_for_rule.saturating_sub(now);
            if shrink && !removed.guard(Guard::ShrinkingLimits) {
                speak(Word::Limits { statement, resume: true })
            } else {
                speak(Word::Statement { resumed: false })
            }
        }
        _ => None,
    }
}

/// The real rule, `Limits::fit`; how long a statement may take, in ticks.
///
/// A look that falls within a tick may still find time where one at its end finds none: then what is
/// left is less than a tick.
fn fit(timing: &Timing, now: Ticks, lease_ends: Ticks, work_ends: Ticks) -> Option<Ticks> {
    let when = |within: Duration| {
        let left = |end| (timing.duration(end) + within).saturating_sub(timing.duration(now));
        Limits::fit(left(lease_ends), left(work_ends), timing.idle)
    };
    let limit = |limits: Limits| timing.covering(limits.statement_limit());
    when(Duration::ZERO).map(limit).or_else(|| when(timing.almost_a_tick()).map(|_| 0))
}

/// Says something to the server. Said to a session that has ended, it finds that out.
pub(crate) fn say(
    configuration: &Configuration,
    at: usize,
    holder: &mut Holder,
    word: Word,
    now: Ticks,
) {
    let Configuration { removed, timing, .. } = configuration;
    let transactions = configuration.holders[at].transactions;
    // The session may idle once more after it.
    let rolled_back = configuration.rolled_back(at, holder.asked, timing.idle);
    let wait_timeout = timing.ticks(timing.wait_timeout);
    let global = |limit| now + wait_timeout + longer(configuration, limit);
    let (connection, phase) = match (word, holder.connection) {
        (Word::Login, Connection::Login(_)) => {
            (Connection::Idle(None, global(Guard::WaitTimeout)), Phase::LoggedIn)
        }
        (Word::Limits { statement, resume }, Connection::Idle(..)) => {
            let then = Word::Statement { resumed: true };
            let then = Phase::Speaking { word: then, let_through: false };
            let phase = if resume { then } else { Phase::Ready };
            (Connection::Idle(Some(statement), now + configuration.idle_once_told()), phase)
        }
        (Word::RollBack, Connection::Idle(Some(statement), _)) => {
            // Whatever becomes of the holder now, the server does not hang up before it is done.
            holder.undo = false;
            (Connection::Running(statement, rolled_back), Phase::Waiting)
        }
        (Word::Statement { .. }, Connection::Idle(Some(statement), _)) => {
            holder.statements -= 1;
            holder.undo = transactions;
            let due = (!removed.guard(Guard::StatementLimit)).then_some(now + statement);
            (Connection::Running(statement, due), Phase::Waiting)
        }
        (Word::Reset, Connection::Idle(..)) => {
            warm::reset(configuration, global(Guard::GlobalAfterReset))
        }
        (Word::Keep { idle, until }, Connection::Idle(..)) => {
            holder.keeping.until = until;
            (Connection::Idle(None, now + idle + timing.ticks(timing.late)), Phase::Kept)
        }
        (_, connection) => (connection, warm::found_dead(configuration, holder, word)),
    };
    (holder.connection, holder.phase) = (connection, phase);
}

/// Whether the line lets a word through: `Slot::may_speak_for`.
pub(crate) fn may_speak(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    let blind = match holder.phase {
        Phase::Speaking { word, .. } => warm::is_blind(configuration, holder, word),
        _ => false,
    };
    in_time(configuration, state, at) || configuration.removed.guard(Guard::LastWord) || blind
}

/// Whether the last word is yet to be said, as the holder believes. At that very tick, too: a bound
/// that the code excludes may be included here, where it only allows more.
pub(crate) fn in_time(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    believed(holder, state.now) <= configuration.last_word(at, holder.asked)
}

/// Whether a word that was let through can reach the server now: at any time, but for what is assumed
/// of the pause between the line's look at the clock and the server's ear.
pub(crate) fn arrives(configuration: &Configuration, state: &State, at: usize, word: Word) -> bool {
    let holder = &state.holders[at];
    let removed = configuration.removed;
    match (word, holder.connection) {
        (Word::Statement { resumed: true }, Connection::Idle(_, due)) => {
            due == state.now + configuration.idle_once_told()
                || removed.assumption(Assumption::PromptStatement)
        }
        (Word::Login | Word::Limits { .. }, Connection::Login(_) | Connection::Idle(None, _)) => {
            // Without a last word there is no look at the clock to be prompt after.
            in_time(configuration, state, at)
                || removed.assumption(Assumption::PromptLine)
                || removed.guard(Guard::LastWord)
                || warm::is_blind(configuration, holder, word)
        }
        _ => true,
    }
}

/// What a holder believes the time to be: the true time, as `FreezeAwareInstant` believes the clock that has
/// moved further; less what its clock stood still, without the wall clock.
#[must_use]
pub(crate) fn believed(holder: &Holder, now: Ticks) -> Ticks {
    now.saturating_sub(holder.stood_still)
}

/// How much longer one of the server's idle limits is in the mutant in which it is too long.
pub(crate) fn longer(configuration: &Configuration, limit: Guard) -> Ticks {
    let too_long = configuration.removed.guard(limit);
    if too_long { configuration.timing.ticks(TOO_LONG) } else { 0 }
}

fn told(connection: Connection) -> Option<Ticks> {
    match connection {
        Connection::Idle(told, _) => told,
        Connection::Running(told, _) => Some(told),
        _ => None,
    }
}
