//! What a holder does: `client::scope`, `client::release`, `session` and `session::relay`.
//!
//! No step of a holder is ever forced: it may be slow or frozen before each of them for any time, and
//! a crash is a holder that takes no further step. A process that is killed, so that its host still
//! closes the connection, is one that hangs up and takes no further step.

use crate::acquire;
use crate::configuration::Configuration;
use crate::forget::forget;
use crate::mail::Mail;
use crate::phase::{Phase, Word};
use crate::removed::{Assumption, Guard};
use crate::script::Kind;
use crate::session::{arrives, in_time, longer, look, may_speak, say};
use crate::state::{Connection, Holder, State};
use crate::step::{HolderStep, Step};
use crate::timing::Ticks;
use crate::warm;

/// The steps that holder `at` may take.
pub(crate) fn steps(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let Configuration { removed, timing, .. } = configuration;
    let (holder, script) = (&state.holders[at], &configuration.holders[at]);
    let mut may = |step| steps.push(Step::Holder(at, step));
    let anonymous = script.kind == Kind::Anonymous;
    match holder.phase {
        Phase::Idle => {
            let free = script.after.is_none_or(|other| state.holders[other].hung_up());
            if free && state.now <= timing.ticks(script.begins_by) {
                may(HolderStep::Ask);
            }
        }
        // Whether it hears an answer makes no difference to anybody.
        Phase::Asking if script.kind == Kind::Newcomer => {}
        Phase::Asking => {
            for (before, shards) in
                [(false, holder.mail.granted), (true, holder.mail.granted_before)]
            {
                shards.iter().for_each(|shard| may(HolderStep::HearGranted { before, shard }));
            }
            if holder.mail.refused {
                may(HolderStep::HearRefused);
            }
            if may_be_throttled(configuration, state, at) {
                may(HolderStep::HearThrottled);
            }
            if !anonymous && !removed.guard(Guard::GiveBackOfALostGrant) {
                may(HolderStep::GiveUp);
            }
        }
        Phase::Holding => {
            match script.kind {
                Kind::Session(_) => may(HolderStep::Look),
                Kind::Anonymous if anonymous_may_connect(configuration, state, at) => {
                    may(HolderStep::Connect);
                }
                Kind::Anonymous | Kind::Slot | Kind::Newcomer => {}
            }
            may(HolderStep::Release);
        }
        Phase::Connecting => {
            if in_time(configuration, state, at) || removed.assumption(Assumption::PromptConnect) {
                may(HolderStep::Connect);
            }
        }
        Phase::Connected | Phase::LoggedIn => {
            if !anonymous {
                may(HolderStep::Look);
            }
        }
        Phase::Speaking { let_through: false, .. } => {
            if may_speak(configuration, state, at) {
                may(HolderStep::LetThrough);
            }
        }
        Phase::Speaking { word, let_through: true } => {
            if arrives(configuration, state, at, word) {
                may(HolderStep::Say(word));
            }
        }
        Phase::Ready => {
            if holder.statements > 0 {
                may(HolderStep::Look);
            }
            if holder.undo {
                may(HolderStep::RollBack);
            }
        }
        Phase::Waiting => {
            if matches!(holder.connection, Connection::Idle(..)) {
                may(HolderStep::HearResult);
            }
        }
        Phase::Reset | Phase::Kept | Phase::Renewing | Phase::Woken | Phase::Replacing => {}
        Phase::HungUp => {
            let rolls_back = matches!(holder.connection, Connection::RollingBack(_));
            if !holder.connection.is_open()
                || removed.guard(Guard::ServersEnd)
                || rolls_back && removed.guard(Guard::NothingToUndo)
            {
                may(HolderStep::Release);
            }
        }
        Phase::Released => {
            if anonymous && removed.assumption(Assumption::OneGiveBack) && holder.mail.releases == 0
            {
                may(HolderStep::Release);
            }
        }
    }
    if connected(holder.phase) {
        may(HolderStep::HangUp);
        if removed.guard(Guard::CloseBeforeRelease) {
            may(HolderStep::Release);
        }
    }
    renewals(state, at, steps);
    if configuration.warm.is_some() {
        warm::steps(configuration, state, at, steps);
    }
}

fn renewals(state: &State, at: usize, steps: &mut Vec<Step>) {
    let holder = &state.holders[at];
    if !holder.has_slot() {
        return;
    }
    let mut may = |step| steps.push(Step::Holder(at, step));
    if holder.renewals > 0 {
        may(HolderStep::AskRenewal);
    }
    if holder.mail.renewed {
        may(HolderStep::HearRenewed);
    }
    if holder.mail.lost {
        may(HolderStep::HearLost);
    }
}

/// Takes a step of holder `at`.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: HolderStep) {
    let now = state.now;
    let Configuration { removed, timing, .. } = configuration;
    let script = &configuration.holders[at];
    let copies = script.copies;
    let anonymous = script.kind == Kind::Anonymous;
    let looked = (step == HolderStep::Look).then(|| look(configuration, state, at)).flatten();
    if let HolderStep::Say(word) = step {
        warm::judge(configuration, state, at, word);
    }
    if step == HolderStep::HearThrottled {
        acquire::judge_unheard(configuration, state, at);
    }
    let holder = &mut state.holders[at];
    match step {
        HolderStep::Ask => {
            holder.phase = Phase::Asking;
            holder.asked = now;
            holder.mail.acquire = true;
            holder.mail.repeats = copies - 1;
        }
        HolderStep::HearGranted { before, shard } => {
            holder.phase = Phase::Holding;
            holder.heard = now;
            holder.shard = (configuration.is_split() && script.names_the_shard).then_some(shard);
            if removed.guard(Guard::CountedFromAsking) {
                holder.asked = now;
            }
            let answer =
                if before { &mut holder.mail.granted_before } else { &mut holder.mail.granted };
            answer.remove(shard);
            holder.keeping.told = holder.mail.told.take();
        }
        HolderStep::HearRefused => {
            holder.phase = Phase::Released;
            holder.mail.refused = false;
        }
        HolderStep::HearThrottled => hear_throttled(configuration, holder),
        HolderStep::GiveUp => {
            holder.phase = Phase::Released;
            holder.mail.releases = copies;
        }
        HolderStep::AskRenewal => {
            holder.renewals -= 1;
            ask_renewal(holder, copies, now);
        }
        HolderStep::HearRenewed | HolderStep::GoOnUnheard => {
            holder.asked = holder.renewal_asked;
            if holder.mail.renewed {
                holder.keeping.told = holder.mail.told.take();
            }
            holder.mail.renewed = false;
            if holder.phase == Phase::Renewing {
                holder.phase = Phase::Woken;
            }
        }
        HolderStep::HearLost => {
            holder.phase = Phase::HungUp;
            holder.mail.lost = false;
        }
        HolderStep::Look => holder.phase = looked.unwrap_or(Phase::HungUp),
        HolderStep::Connect => {
            holder.phase = Phase::Connected;
            let trusted = !removed.assumption(Assumption::ConnectionWithinTheLease);
            holder.connection = if anonymous {
                Connection::Trusted(trusted.then(|| configuration.lease_ends(at, holder.asked)))
            } else {
                let longer = longer(configuration, Guard::ConnectTimeout);
                Connection::Login(now + timing.ticks(timing.connect_timeout) + longer)
            };
        }
        HolderStep::LetThrough => {
            if let Phase::Speaking { word, .. } = holder.phase {
                holder.phase = Phase::Speaking { word, let_through: true };
            }
        }
        HolderStep::Say(word) => say(configuration, at, holder, word, now),
        HolderStep::RollBack => {
            holder.phase = Phase::Speaking { word: Word::RollBack, let_through: false };
        }
        HolderStep::HearResult => {
            holder.phase = Phase::Ready;
            holder.keeping.unheard = false;
        }
        HolderStep::Keep | HolderStep::Wake | HolderStep::Replace => {
            warm::take(configuration, state, at, step);
        }
        HolderStep::HangUp => {
            holder.phase = Phase::HungUp;
            if anonymous {
                holder.connection = Connection::None;
            }
        }
        HolderStep::Release => {
            holder.phase = Phase::Released;
            holder.mail.releases = if anonymous { 1 } else { copies };
        }
    }
    forget(script, &mut state.holders[at]);
}

/// Whether Lambda may have throttled the last try of its call, and the holder take that for a refusal: none of its
/// tries may then have reached a counter. One that was throttled never does.
fn may_be_throttled(configuration: &Configuration, state: &State, at: usize) -> bool {
    let Mail { acquire, repeats, .. } = state.holders[at].mail;
    let all = acquire && repeats + 1 == configuration.holders[at].copies;
    let last = configuration.removed.guard(Guard::AllTriesThrottled) && repeats > 0;
    configuration.throttles && (all || last)
}

/// It takes its call for undecided; what Lambda throttled never arrives.
fn hear_throttled(configuration: &Configuration, holder: &mut Holder) {
    holder.phase = Phase::Released;
    holder.mail.repeats = 0;
    if !configuration.removed.guard(Guard::AllTriesThrottled) {
        holder.mail.acquire = false;
    }
}

fn anonymous_may_connect(configuration: &Configuration, state: &State, at: usize) -> bool {
    state.now < configuration.lease_ends(at, state.holders[at].asked)
        || configuration.removed.assumption(Assumption::ConnectionWithinTheLease)
}

fn connected(phase: Phase) -> bool {
    use Phase as P;
    let before = matches!(phase, P::Idle | P::Asking | P::Holding | P::Connecting);
    !before && !matches!(phase, P::HungUp | P::Released)
}

/// Has a renewal on its way; to the answer to an earlier one it listens no longer.
pub(crate) fn ask_renewal(holder: &mut Holder, copies: u8, now: Ticks) {
    holder.renewal_asked = now;
    let mail = Mail { renewals: copies, renewed: false, lost: false, ..holder.mail };
    holder.mail = mail;
}
