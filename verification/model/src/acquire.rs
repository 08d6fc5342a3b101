//! What a counter does with an acquire: `controller`, and `store::dynamo` for each shard.
//!
//! It goes from shard to shard, beginning with the one that the lease chooses. A repeated call of a split
//! pool looks for its lease in all of them before it asks. In direct mode the same is done by the holder's
//! own process.

use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::{Clock, SKEW_ALLOWANCE, Seconds};

use crate::configuration::Configuration;
use crate::counter::expiry;
use crate::item::{Item, TakeOver};
use crate::lease::{Lease, Leases};
use crate::mail::Mail;
use crate::phase::Phase;
use crate::removed::Guard;
use crate::script::Kind;
use crate::shards::ShardSet;
use crate::state::{Holder, State};
use crate::task::{Acquire, Ask, Task};
use crate::warm;

/// What becomes of an acquire after a look at a shard and the clock.
#[derive(Clone, Copy)]
enum Next {
    /// This is asked of it.
    Ask(Ask),
    /// The lease is out in it already.
    Held,
    /// No slot of it is free.
    Full,
}

/// An acquire arrives: the first write is blind, `DynamoStore::acquire`. The mutant that decides by what it
/// read reads first.
pub(crate) fn hear(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    again: bool,
    ahead: u8,
) {
    let Configuration { removed, memory, throttles, .. } = *configuration;
    let script = &configuration.holders[holder];
    arrives(state, holder, again);
    let lease = if script.kind == Kind::Anonymous {
        state.drawn += 1;
        Lease::anonymous(state.drawn - 1)
    } else {
        Lease::of(holder, again && removed.guard(Guard::OneLeaseACall))
    };
    let says_so = again && !removed.guard(Guard::RepeatSaysSo);
    let looks = says_so && configuration.is_split() && !removed.guard(Guard::LookFirst);
    let judged = again && configuration.tells_attempts();
    let mut acquire = Acquire {
        holder,
        lease,
        ahead,
        shard: state.pool.first(lease),
        ask: Ask::Look,
        memory: memory && (!says_so || removed.guard(Guard::RepeatsAskTheTable)),
        throttle: throttles && (!says_so || removed.guard(Guard::ThrottledRepeatIsUnknown)),
        out: if judged { state.pool.with(lease) } else { ShardSet::default() },
    };
    if removed.guard(Guard::LimitInTheWrite) {
        let next = plan(configuration, state, &acquire);
        go_on(configuration, state, acquire, next);
        return;
    }
    if !looks {
        acquire.ask = add(configuration, state, &acquire);
    }
    state.begin(Task::Acquire(acquire));
}

fn arrives(state: &mut State, holder: usize, again: bool) {
    let mail = &mut state.holders[holder].mail;
    if again {
        mail.repeats -= 1;
    } else {
        mail.acquire = false;
    }
}

/// An acquire arrives at a counter whose own limit refuses it.
pub(crate) fn hold_off(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    again: bool,
) {
    arrives(state, holder, again);
    let lease = Lease::of(holder, again && configuration.removed.guard(Guard::OneLeaseACall));
    let out = if again { state.pool.with(lease) } else { ShardSet::default() };
    refuse_holder(configuration, state, holder, out);
}

/// A caller is told that it has no slot.
pub(crate) fn refuse(configuration: &Configuration, state: &mut State, acquire: &Acquire) {
    refuse_holder(configuration, state, acquire.holder, acquire.out);
}

fn refuse_holder(configuration: &Configuration, state: &mut State, holder: usize, out: ShardSet) {
    state.disowned |= is_disowned(configuration, state, holder, out);
    answer(configuration, state, holder, |mail| mail.refused = true);
}

/// A holder takes it for certain that its call was not decided, as Lambda throttled it.
pub(crate) fn judge_unheard(configuration: &Configuration, state: &mut State, holder: usize) {
    let out = state.pool.with(Lease::of(holder, false));
    state.disowned |= is_disowned(configuration, state, holder, out);
}

/// The same as [`ask`] of a write that is applied, but the table's answer is lost, and the counter sends it again:
/// `DynamoStore::send_acquire`.
pub(crate) fn ask_unheard(configuration: &Configuration, state: &mut State, mut acquire: Acquire) {
    applies(configuration, &mut state.pool[acquire.shard], &acquire);
    acquire.throttle &= configuration.removed.guard(Guard::LostThenThrottledIsInDoubt);
    acquire.out = state.pool.with(acquire.lease);
    state.begin(Task::Acquire(acquire));
}

/// What an acquire asks reaches the table. When a write is refused, the old item that comes with the
/// refusal is what the next one is planned from.
pub(crate) fn ask(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    if acquire.ask == Ask::Look {
        look(configuration, state, acquire);
    } else if applies(configuration, &mut state.pool[acquire.shard], &acquire) {
        let mut others = acquire.out;
        others.remove(acquire.shard);
        state.disowned |= is_disowned(configuration, state, acquire.holder, others);
        let told = warm::told(configuration, &state.pool[acquire.shard]);
        answer(configuration, state, acquire.holder, |mail| {
            mail.granted.insert(acquire.shard);
            mail.told = told;
        });
    } else {
        let next = plan(configuration, state, &acquire);
        go_on(configuration, state, acquire, next);
    }
}

/// Whether the write of an acquire is one that the item's condition lets through; then it is done.
pub(crate) fn applies(configuration: &Configuration, item: &mut Item, acquire: &Acquire) -> bool {
    let (removed, class) = (configuration.removed, class(configuration, acquire));
    match acquire.ask {
        Ask::Look => false,
        Ask::Add(expiry) => item.add(acquire.lease, expiry, class, removed),
        Ask::TakeOver(plan) => item.take_over(acquire.lease, &plan, class, removed),
    }
}

/// A shard is taken for full by what the counter has in mind of it: `pool::rejection`.
pub(crate) fn pass_over(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    go_on(configuration, state, acquire, Next::Full);
}

/// A consistent read of a shard, for the lease of a repeated call.
fn look(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    if matches!(plan(configuration, state, &acquire), Next::Held) {
        go_on(configuration, state, acquire, Next::Held);
    } else if let Some(shard) = state.pool.after(acquire.shard, acquire.lease) {
        state.begin(Task::Acquire(Acquire { shard, ..acquire }));
    } else {
        let shard = state.pool.first(acquire.lease);
        let mut acquire = Acquire { shard, memory: configuration.memory, ..acquire };
        acquire.ask = add(configuration, state, &acquire);
        state.begin(Task::Acquire(acquire));
    }
}

fn go_on(configuration: &Configuration, state: &mut State, mut acquire: Acquire, next: Next) {
    let holder = acquire.holder;
    match next {
        Next::Ask(ask) => state.begin(Task::Acquire(Acquire { ask, ..acquire })),
        Next::Held => {
            let told = warm::told(configuration, &state.pool[acquire.shard]);
            answer(configuration, state, holder, |mail| {
                mail.granted_before.insert(acquire.shard);
                mail.told = told;
            });
        }
        Next::Full => {
            if let Some(shard) = state.pool.after(acquire.shard, acquire.lease) {
                acquire.shard = shard;
                acquire.ask = add(configuration, state, &acquire);
                state.begin(Task::Acquire(acquire));
            } else {
                refuse(configuration, state, &acquire);
            }
        }
    }
}

/// The blind write, with an expiry by the counter's clock.
fn add(configuration: &Configuration, state: &State, acquire: &Acquire) -> Ask {
    let ttl = configuration.holders[acquire.holder].ttl;
    Ask::Add(expiry(configuration, state.now, acquire.ahead, ttl))
}

/// Whether a call of `holder` is answered as though its lease were not out in `shards`, where it was since it
/// arrived or was written, for a holder whose time is not over.
fn is_disowned(
    configuration: &Configuration,
    state: &State,
    holder: usize,
    shards: ShardSet,
) -> bool {
    let Holder { phase, asked, .. } = state.holders[holder];
    !shards.is_empty()
        && phase != Phase::Released
        && state.now < configuration.lease_ends(holder, asked)
}

/// Answers a holder, if it still listens.
fn answer(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    say: impl FnOnce(&mut Mail),
) {
    let listens = configuration.holders[holder].kind != Kind::Newcomer;
    let holder = &mut state.holders[holder];
    if listens && holder.phase == Phase::Asking {
        say(&mut holder.mail);
    }
}

/// The real rule, `Pool::plan_acquire`, asked at a counter's own second.
///
/// The look at the clock is one step with the refusal that it follows. A later look at the same old
/// item differs from a later refusal only where the item has changed in between, and then the exact
/// values refuse.
fn plan(configuration: &Configuration, state: &State, acquire: &Acquire) -> Next {
    let Configuration { removed, timing, .. } = configuration;
    let class = class(configuration, acquire);
    let mut now = timing.counter_clock(state.now, Seconds(acquire.ahead.into())).now();
    if removed.guard(Guard::SkewAllowance) {
        now = now.plus(SKEW_ALLOWANCE);
    }
    let item = &state.pool[acquire.shard];
    match item.pool().plan_acquire(acquire.lease.id(), class, now) {
        AcquirePlan::Add => Next::Ask(add(configuration, state, acquire)),
        AcquirePlan::Held { .. } => Next::Held,
        AcquirePlan::Full | AcquirePlan::Draining => Next::Full,
        AcquirePlan::TakeOver { .. } if removed.guard(Guard::Takeover) => Next::Full,
        AcquirePlan::TakeOver { expired } => {
            let ttl = configuration.holders[acquire.holder].ttl;
            let expiry = expiry(configuration, state.now, acquire.ahead, ttl);
            let (expired, limit) = (Leases::collect(expired), item.limit(class));
            Next::Ask(Ask::TakeOver(TakeOver { expired, expiry, limit }))
        }
        AcquirePlan::Sweep { .. } => {
            unreachable!("there are fewer callers than leases that a write takes away")
        }
    }
}

fn class(configuration: &Configuration, acquire: &Acquire) -> Class {
    configuration.holders[acquire.holder].class
}
