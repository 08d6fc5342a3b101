//! Warm slots: `sessions::Sessions` and `session::Session::reset_for_reuse`, by the rules of `pool::warm`.
//!
//! A holder that discards its session disconnects and releases here; its next lease is another holder's. The check
//! of the database in use before the reset is one more statement.

use std::time::Duration;

use rds_admission::pool::warm::Resume;
use rds_admission::time::Seconds;

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::item::Item;
use crate::lease::Lease;
use crate::phase::{Message, Phase};
use crate::state::{Connection, Holder, Origin, State};
use crate::step::{HolderStep, Step};
use crate::timing::Ticks;

/// The limit in the response to a grant or renewal, if the holder may keep its slot by the real rules,
/// `Pool::fill_level` and `Warm::may_keep`.
pub(crate) fn keep_limit(configuration: &Configuration, item: &Item) -> Option<u8> {
    let warm = configuration.warm.as_ref()?;
    let fill_level = item.pool().fill_level()?;
    let may_keep = warm.may_keep(fill_level) || configuration.lacks(Ablation::FillLevel);
    may_keep.then(|| u8::try_from(fill_level.standard_limit.get()).unwrap_or(u8::MAX))
}

/// The possible steps of holder `at` with its kept session.
pub(crate) fn steps(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let holder = &state.holders[at];
    let mut may = |step| steps.push(Step::Holder(at, step));
    let gone = !holder.connection.is_open();
    match holder.phase {
        Phase::Ready if may_be_kept(configuration, state, at) => may(HolderStep::BeginReset),
        Phase::Reset | Phase::Resumed => may(HolderStep::CheckClock),
        Phase::Kept if holder.keeping.resumes > 0 => may(HolderStep::Resume),
        Phase::Renewing if configuration.lacks(Ablation::RenewalAwaited) => {
            may(HolderStep::SkipRenewal);
        }
        Phase::Replacing if gone || configuration.lacks(Ablation::ReplacedAfterEnd) => {
            may(HolderStep::Replace);
        }
        Phase::Waiting if gone && configuration.lacks(Ablation::ReplacedBeforeWork) => {
            may(HolderStep::Replace);
        }
        _ => {}
    }
}

/// Whether a holder that has finished resets its session. It checks its lease before the reset too: a late reset
/// could let the session outlive its lease.
fn may_be_kept(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    let judged = keep(configuration, state, at).is_some();
    holder.statements == 0
        && holder.keeping.limit.is_some()
        && (judged || configuration.lacks(Ablation::CheckBeforeReset))
}

/// Takes a step of holder `at` with its kept session.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: HolderStep) {
    let resumed = (step == HolderStep::Resume).then(|| resume(configuration, state, at));
    let now = state.now;
    let script = &configuration.holders[at];
    let holder = &mut state.holders[at];
    if let Some(resumed) = resumed {
        holder.keeping.resumes -= 1;
        holder.keeping.session = Origin::Kept;
        holder.statements = script.statements();
        holder.phase = match resumed {
            Resume::Reuse => Phase::Resumed,
            Resume::Renew => {
                holder.request_renewal(script.copies, now);
                Phase::Renewing
            }
            Resume::Discard => Phase::Disconnected,
        };
    } else if step == HolderStep::Replace {
        // Sent again in an ablation.
        holder.statements += u8::from(holder.phase == Phase::Waiting);
        holder.keeping.left = holder.connection.is_open();
        holder.keeping.session = Origin::Replaced;
        holder.connection = Connection::None;
        holder.phase = Phase::Holding;
    } else {
        holder.phase = Phase::Sending { message: Message::Reset, passed: false };
    }
}

/// How a holder resumes, by the real rule, `Warm::resume`.
fn resume(configuration: &Configuration, state: &State, at: usize) -> Resume {
    let Configuration { timing, warm, holders, .. } = configuration;
    let Some(warm) = warm else { return Resume::Discard };
    let work = Seconds(holders[at].ttl.0.saturating_sub(timing.grace.0 + warm.keep().0));
    match warm.resume(lease_left(configuration, state, at), work.into()) {
        _ if configuration.lacks(Ablation::CheckOnResume) => Resume::Reuse,
        Resume::Discard if configuration.lacks(Ablation::DiscardOnResume) => Resume::Reuse,
        Resume::Renew if configuration.lacks(Ablation::RenewOnResume) => Resume::Reuse,
        decided => decided,
    }
}

/// Chooses how long a reset session is kept, by the real rule, `Warm::kept_for`; `None` if no time is left.
pub(crate) fn keep(configuration: &Configuration, state: &State, at: usize) -> Option<Message> {
    let Configuration { timing, warm, .. } = configuration;
    let warm = warm.as_ref()?;
    let left = lease_left(configuration, state, at);
    // An ablation of a margin: the real rule is called with a lease that is longer by it.
    let removed = if configuration.lacks(Ablation::KeptForGrace) {
        Seconds(timing.grace.0 + timing.late.0)
    } else if configuration.lacks(Ablation::KeptForLate) {
        timing.late
    } else {
        Seconds(0)
    };
    let idle = timing.ticks(warm.kept_for(left + Duration::from(removed))?);
    Some(Message::Keep { idle, until: state.holders[at].clock(state.now) + idle })
}

/// Whether a kept session is over by its holder's clock.
pub(crate) fn is_over(state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    holder.clock(state.now) >= holder.keeping.until
}

/// The connection and phase after a reset, which restores the server's global limits.
pub(crate) fn reset(configuration: &Configuration, global: Ticks) -> (Connection, Phase) {
    if configuration.lacks(Ablation::KeptLimit) {
        (Connection::Idle(None, Ticks::MAX), Phase::Kept)
    } else {
        (Connection::Idle(None, global), Phase::Reset)
    }
}

/// The phase after a message that found no session: `sessions::Sessions` opens a new one if it was the first message
/// after resuming.
pub(crate) fn found_dead(
    configuration: &Configuration,
    holder: &Holder,
    message: Message,
) -> Phase {
    let any_word = configuration.lacks(Ablation::ReplacedBeforeWork);
    let first = matches!(message, Message::Limits { then_statement: false, .. });
    let kept = holder.keeping.session == Origin::Kept;
    if kept && (first || any_word) { Phase::Replacing } else { Phase::Disconnected }
}

/// Whether this is the first message to a kept session.
fn is_first_word(holder: &Holder, message: Message) -> bool {
    let first = matches!(message, Message::Limits { then_statement: false, .. });
    first && holder.keeping.session == Origin::Kept
}

/// Whether a message is sent without a check of the lease; only in an ablation.
pub(crate) fn is_blind(configuration: &Configuration, holder: &Holder, message: Message) -> bool {
    configuration.lacks(Ablation::CheckOnResume) && is_first_word(holder, message)
}

/// Updates [`State::misused`] and [`State::resent`] for a message about to be sent.
pub(crate) fn judge(configuration: &Configuration, state: &mut State, at: usize, message: Message) {
    let holder = &state.holders[at];
    let held = state.pool.holds(Lease::of(at, false));
    let over = state.now > configuration.last_send(at, holder.requested);
    let misused = is_first_word(holder, message) && holder.connection.is_open();
    let statement = matches!(message, Message::Statement { .. });
    let (misused, resent) =
        (misused && (over || !held), statement && holder.keeping.result_pending);
    state.misused |= misused;
    state.resent |= resent;
    state.holders[at].keeping.result_pending |= statement;
}

fn lease_left(configuration: &Configuration, state: &State, at: usize) -> Duration {
    let holder = &state.holders[at];
    let ends = configuration.lease_ends(at, holder.requested);
    configuration.timing.duration(ends.saturating_sub(holder.clock(state.now)))
}
