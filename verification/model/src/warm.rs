//! Slots that are kept from one piece of work to the next: `sessions::Sessions` and `session::Session::reset_for_reuse`, by the rules
//! of `pool::warm`.
//!
//! A holder that starts afresh hangs up here and gives back; what it asks for then is another lease, and so
//! another holder. That the database in use is checked before the reset is one more statement.

use std::time::Duration;

use rds_admission::pool::warm::Resume;
use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::holder::ask_renewal;
use crate::item::Item;
use crate::lease::Lease;
use crate::phase::{Phase, Word};
use crate::removed::Guard;
use crate::session::believed;
use crate::state::{Connection, Holder, State};
use crate::step::{HolderStep, Step};
use crate::timing::Ticks;

/// What a holder knows of the slot that it keeps, or may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keeping {
    /// The limit of class standard, as its last grant or renewal told it; none where by that filling it may
    /// not keep its slot.
    pub told: Option<u8>,
    /// Until when it believes that the server keeps its session.
    pub until: Ticks,
    /// How often it may yet wake up to other work.
    pub wakes: u8,
    /// Where its session is from.
    pub session: Origin,
    /// It has sent a statement, and has not heard its result.
    pub unheard: bool,
    /// Beside its connection the server has one that it has replaced; only in a mutant.
    pub left: bool,
}

/// Where a session is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It is the first one under its slot.
    First,
    /// It was kept.
    Kept,
    /// It is in place of one that was kept and is dead.
    Replaced,
}

impl Keeping {
    /// Of a holder that has nothing yet.
    #[must_use]
    pub fn new(wakes: u8) -> Self {
        let (told, until, session) = (None, 0, Origin::First);
        Self { told, until, wakes, session, unheard: false, left: false }
    }

    /// What is left of it once the holder has hung up.
    #[must_use]
    pub(crate) fn given_up(self) -> Self {
        Self { left: self.left, ..Self::new(0) }
    }
}

/// What a write that grants or renews a lease of `item` tells its holder: the real rules, `Pool::fill_level` and
/// `Warm::may_keep`.
pub(crate) fn told(configuration: &Configuration, item: &Item) -> Option<u8> {
    let warm = configuration.warm.as_ref()?;
    let filling = item.pool().fill_level()?;
    let may_keep = warm.may_keep(filling) || configuration.removed.guard(Guard::Filling);
    may_keep.then(|| u8::try_from(filling.standard_limit.get()).unwrap_or(u8::MAX))
}

/// The steps that holder `at` may take with what it keeps.
pub(crate) fn steps(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let removed = configuration.removed;
    let holder = &state.holders[at];
    let mut may = |step| steps.push(Step::Holder(at, step));
    let gone = !holder.connection.is_open();
    match holder.phase {
        Phase::Ready if is_to_be_kept(configuration, state, at) => may(HolderStep::Keep),
        Phase::Reset | Phase::Woken => may(HolderStep::Look),
        Phase::Kept if holder.keeping.wakes > 0 => may(HolderStep::Wake),
        Phase::Renewing if removed.guard(Guard::RenewalHeard) => may(HolderStep::GoOnUnheard),
        Phase::Replacing if gone || removed.guard(Guard::ProvenGone) => may(HolderStep::Replace),
        Phase::Waiting if gone && removed.guard(Guard::ReplacedBeforeWork) => {
            may(HolderStep::Replace);
        }
        _ => {}
    }
}

/// Whether a holder that is done has its session reset. It looks at its lease before that, too: a reset that is
/// decided on in the last moment and said late would leave a session that idles beyond the lease.
fn is_to_be_kept(configuration: &Configuration, state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    let judged = keep(configuration, state, at).is_some();
    holder.statements == 0
        && holder.keeping.told.is_some()
        && (judged || configuration.removed.guard(Guard::JudgedBeforeReset))
}

/// Takes a step of holder `at` with what it keeps.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: HolderStep) {
    let woken = (step == HolderStep::Wake).then(|| wake(configuration, state, at));
    let now = state.now;
    let script = &configuration.holders[at];
    let holder = &mut state.holders[at];
    if let Some(woken) = woken {
        holder.keeping.wakes -= 1;
        holder.keeping.session = Origin::Kept;
        holder.statements = script.statements();
        holder.phase = match woken {
            Resume::Reuse => Phase::Woken,
            Resume::Renew => {
                ask_renewal(holder, script.copies, now);
                Phase::Renewing
            }
            Resume::Discard => Phase::HungUp,
        };
    } else if step == HolderStep::Replace {
        // What it sends again in the mutant.
        holder.statements += u8::from(holder.phase == Phase::Waiting);
        holder.keeping.left = holder.connection.is_open();
        holder.keeping.session = Origin::Replaced;
        holder.connection = Connection::None;
        holder.phase = Phase::Holding;
    } else {
        holder.phase = Phase::Speaking { word: Word::Reset, let_through: false };
    }
}

/// What a holder does that is woken: the real rule, `Warm::wake`.
fn wake(configuration: &Configuration, state: &State, at: usize) -> Resume {
    let Configuration { removed, timing, warm, holders, .. } = configuration;
    let Some(warm) = warm else { return Resume::Discard };
    let work = Seconds(holders[at].ttl.0.saturating_sub(timing.grace.0 + warm.keep().0));
    match warm.resume(lease_left(configuration, state, at), work.into()) {
        _ if removed.guard(Guard::LookOnWaking) => Resume::Reuse,
        Resume::Discard if removed.guard(Guard::StartsAfresh) => Resume::Reuse,
        Resume::Renew if removed.guard(Guard::RenewsOnWaking) => Resume::Reuse,
        decided => decided,
    }
}

/// A holder whose session is reset looks at the clock, and decides for how long it is to be kept: the real
/// rule, `Warm::kept_for`. Nothing when that is no time at all.
pub(crate) fn keep(configuration: &Configuration, state: &State, at: usize) -> Option<Word> {
    let Configuration { removed, timing, warm, .. } = configuration;
    let warm = warm.as_ref()?;
    let left = lease_left(configuration, state, at);
    // The rule is asked with a lease that is longer by what is forgotten.
    let forgotten = if removed.guard(Guard::KeptForGrace) {
        Seconds(timing.grace.0 + timing.late.0)
    } else if removed.guard(Guard::KeptForLate) {
        timing.late
    } else {
        Seconds(0)
    };
    let idle = timing.ticks(warm.kept_for(left + Duration::from(forgotten))?);
    Some(Word::Keep { idle, until: believed(&state.holders[at], state.now) + idle })
}

/// Whether a session that was kept is dead by now, as its holder believes.
pub(crate) fn is_over(state: &State, at: usize) -> bool {
    let holder = &state.holders[at];
    believed(holder, state.now) >= holder.keeping.until
}

/// A session hears that it is reset: the server has its global limits for it again.
pub(crate) fn reset(configuration: &Configuration, global: Ticks) -> (Connection, Phase) {
    if configuration.removed.guard(Guard::KeptLimit) {
        (Connection::Idle(None, Ticks::MAX), Phase::Kept)
    } else {
        (Connection::Idle(None, global), Phase::Reset)
    }
}

/// What a holder does whose word found no session: `sessions::Sessions` opens another one if that was the first
/// word since it woke up.
pub(crate) fn found_dead(configuration: &Configuration, holder: &Holder, word: Word) -> Phase {
    let any_word = configuration.removed.guard(Guard::ReplacedBeforeWork);
    let first = matches!(word, Word::Limits { resume: false, .. });
    let kept = holder.keeping.session == Origin::Kept;
    if kept && (first || any_word) { Phase::Replacing } else { Phase::HungUp }
}

/// Whether the first word to a session that was kept is about to be said.
fn is_first_word(holder: &Holder, word: Word) -> bool {
    let first = matches!(word, Word::Limits { resume: false, .. });
    first && holder.keeping.session == Origin::Kept
}

/// Whether it is said without a look at the lease.
pub(crate) fn is_blind(configuration: &Configuration, holder: &Holder, word: Word) -> bool {
    configuration.removed.guard(Guard::LookOnWaking) && is_first_word(holder, word)
}

/// What is wrong with a word that is about to be said, if anything is.
pub(crate) fn judge(configuration: &Configuration, state: &mut State, at: usize, word: Word) {
    let holder = &state.holders[at];
    let out = state.pool.have(Lease::of(at, false));
    let over = state.now > configuration.last_word(at, holder.asked);
    let misused = is_first_word(holder, word) && holder.connection.is_open();
    let statement = matches!(word, Word::Statement { .. });
    let (misused, resent) = (misused && (over || !out), statement && holder.keeping.unheard);
    state.misused |= misused;
    state.resent |= resent;
    state.holders[at].keeping.unheard |= statement;
}

fn lease_left(configuration: &Configuration, state: &State, at: usize) -> Duration {
    let holder = &state.holders[at];
    let ends = configuration.lease_ends(at, holder.asked);
    configuration.timing.duration(ends.saturating_sub(believed(holder, state.now)))
}
