//! Acquires by a counter: `controller`, and `store::dynamo` for each shard.
//!
//! An acquire tries one shard after the other, beginning with the lease's first. A repeated call to a split pool
//! first searches all of them for its lease. In direct mode the holder's own process does the same.

use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::{Clock, SKEW_ALLOWANCE, Seconds};

use crate::ablations::Ablation;
use crate::configuration::Configuration;
use crate::item::{Item, TakeOver};
use crate::lease::{Lease, Leases};
use crate::phase::Phase;
use crate::script::Kind;
use crate::shards::ShardSet;
use crate::state::{Holder, InFlight, State};
use crate::task::{Acquire, Request, Task};
use crate::warm;

/// The continuation of an acquire after a read of a shard and the clock.
#[derive(Clone, Copy)]
enum Next {
    /// The next request to the shard.
    Request(Request),
    /// The shard holds the lease already.
    Held,
    /// The shard is full.
    Full,
}

/// Receives an acquire. The first write does without a read: `DynamoStore::acquire`.
pub(crate) fn receive(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    repeated: bool,
    ahead: u8,
) {
    let Configuration { from_cache, throttling, .. } = *configuration;
    let script = &configuration.holders[holder];
    deliver(state, holder, repeated);
    let lease = if script.kind == Kind::Anonymous {
        state.anonymous_ids += 1;
        Lease::anonymous(state.anonymous_ids - 1)
    } else {
        Lease::of(holder, repeated && configuration.lacks(Ablation::OneLeasePerCall))
    };
    let marked = repeated && !configuration.lacks(Ablation::RepeatIsMarked);
    let searches =
        marked && configuration.is_split() && !configuration.lacks(Ablation::SearchFirst);
    let judged = repeated && configuration.distinguishes_repeats();
    let mut acquire = Acquire {
        holder,
        lease,
        ahead,
        shard: state.pool.first(lease),
        request: Request::Read,
        from_cache: from_cache && (!marked || configuration.lacks(Ablation::RepeatBypassesCache)),
        throttle: throttling
            && (!marked || configuration.lacks(Ablation::ThrottledRepeatIsUnknown)),
        held_in: if judged { state.pool.with(lease) } else { ShardSet::default() },
    };
    if configuration.lacks(Ablation::LimitInTheWrite) {
        let next = plan(configuration, state, &acquire);
        proceed(configuration, state, acquire, next);
        return;
    }
    if !searches {
        acquire.request = add(configuration, state, &acquire);
    }
    state.begin(Task::Acquire(acquire));
}

fn deliver(state: &mut State, holder: usize, repeated: bool) {
    let in_flight = &mut state.holders[holder].in_flight;
    if repeated {
        in_flight.repeats -= 1;
    } else {
        in_flight.acquire = false;
    }
}

/// Receives an acquire that the counter's rate limit rejects.
pub(crate) fn rate_limit(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    repeated: bool,
) {
    deliver(state, holder, repeated);
    let lease = Lease::of(holder, repeated && configuration.lacks(Ablation::OneLeasePerCall));
    let held_in = if repeated { state.pool.with(lease) } else { ShardSet::default() };
    reject_holder(configuration, state, holder, held_in);
}

/// Rejects an acquire.
pub(crate) fn reject(configuration: &Configuration, state: &mut State, acquire: &Acquire) {
    reject_holder(configuration, state, acquire.holder, acquire.held_in);
}

fn reject_holder(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    held_in: ShardSet,
) {
    state.disowned |= is_disowned(configuration, state, holder, held_in);
    respond(configuration, state, holder, |in_flight| in_flight.rejected = true);
}

/// Updates [`State::disowned`] for a holder that takes its throttled call for undecided.
pub(crate) fn judge_throttled(configuration: &Configuration, state: &mut State, holder: usize) {
    let held_in = state.pool.with(Lease::of(holder, false));
    state.disowned |= is_disowned(configuration, state, holder, held_in);
}

/// Applies a write whose response is lost, so that the counter will send it again: `DynamoStore::send_acquire`.
pub(crate) fn write_losing_response(
    configuration: &Configuration,
    state: &mut State,
    mut acquire: Acquire,
) {
    applies(configuration, &mut state.pool[acquire.shard], &acquire);
    acquire.throttle &= configuration.lacks(Ablation::LostThenThrottledIsInDoubt);
    acquire.held_in = state.pool.with(acquire.lease);
    state.begin(Task::Acquire(acquire));
}

/// Executes an acquire's request. After a failed condition the next request is planned from the returned item.
pub(crate) fn send(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    if acquire.request == Request::Read {
        search(configuration, state, acquire);
    } else if applies(configuration, &mut state.pool[acquire.shard], &acquire) {
        let mut others = acquire.held_in;
        others.remove(acquire.shard);
        state.disowned |= is_disowned(configuration, state, acquire.holder, others);
        let keep_limit = warm::keep_limit(configuration, &state.pool[acquire.shard]);
        respond(configuration, state, acquire.holder, |in_flight| {
            in_flight.granted.insert(acquire.shard);
            in_flight.keep_limit = keep_limit;
        });
    } else {
        let next = plan(configuration, state, &acquire);
        proceed(configuration, state, acquire, next);
    }
}

/// Applies the write of an acquire. Returns whether its condition held.
pub(crate) fn applies(configuration: &Configuration, item: &mut Item, acquire: &Acquire) -> bool {
    let (ablation, class) = (configuration.ablation, class(configuration, acquire));
    match acquire.request {
        Request::Read => false,
        Request::Add(expiry) => item.add(acquire.lease, expiry, class, ablation),
        Request::TakeOver(plan) => item.take_over(acquire.lease, &plan, class, ablation),
    }
}

/// Skips a shard as full, from the cache.
pub(crate) fn skip_shard(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    proceed(configuration, state, acquire, Next::Full);
}

/// Reads a shard, consistently, to find the lease of a repeated call.
fn search(configuration: &Configuration, state: &mut State, acquire: Acquire) {
    if matches!(plan(configuration, state, &acquire), Next::Held) {
        proceed(configuration, state, acquire, Next::Held);
    } else if let Some(shard) = state.pool.after(acquire.shard, acquire.lease) {
        state.begin(Task::Acquire(Acquire { shard, ..acquire }));
    } else {
        let shard = state.pool.first(acquire.lease);
        let mut acquire = Acquire { shard, from_cache: configuration.from_cache, ..acquire };
        acquire.request = add(configuration, state, &acquire);
        state.begin(Task::Acquire(acquire));
    }
}

fn proceed(configuration: &Configuration, state: &mut State, mut acquire: Acquire, next: Next) {
    let holder = acquire.holder;
    match next {
        Next::Request(request) => state.begin(Task::Acquire(Acquire { request, ..acquire })),
        Next::Held => {
            let keep_limit = warm::keep_limit(configuration, &state.pool[acquire.shard]);
            respond(configuration, state, holder, |in_flight| {
                in_flight.recognised.insert(acquire.shard);
                in_flight.keep_limit = keep_limit;
            });
        }
        Next::Full => {
            if let Some(shard) = state.pool.after(acquire.shard, acquire.lease) {
                acquire.shard = shard;
                acquire.request = add(configuration, state, &acquire);
                state.begin(Task::Acquire(acquire));
            } else {
                reject(configuration, state, &acquire);
            }
        }
    }
}

/// The write without a read, with an expiry by the counter's clock.
fn add(configuration: &Configuration, state: &State, acquire: &Acquire) -> Request {
    let ttl = configuration.holders[acquire.holder].ttl;
    Request::Add(configuration.expiry(state.now, acquire.ahead, ttl))
}

/// Whether a response ignores the lease that `shards` have held since the call arrived or was written, while the
/// holder's lease lasts.
fn is_disowned(
    configuration: &Configuration,
    state: &State,
    holder: usize,
    shards: ShardSet,
) -> bool {
    let Holder { phase, requested, .. } = state.holders[holder];
    !shards.is_empty()
        && phase != Phase::Released
        && state.now < configuration.lease_ends(holder, requested)
}

/// Sends a response, if the holder still waits for it.
fn respond(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    response: impl FnOnce(&mut InFlight),
) {
    let waits = configuration.holders[holder].kind != Kind::Newcomer;
    let holder = &mut state.holders[holder];
    if waits && holder.phase == Phase::Acquiring {
        response(&mut holder.in_flight);
    }
}

/// Plans by the real rule, `Pool::plan_acquire`, with the counter's clock.
///
/// The clock is read in the same step as the failed write. A later reading differs from a later failure only if the
/// item has changed in between, and then the conditions on exact values fail.
fn plan(configuration: &Configuration, state: &State, acquire: &Acquire) -> Next {
    let Configuration { timing, .. } = configuration;
    let class = class(configuration, acquire);
    let mut now = timing.counter_clock(state.now, Seconds(acquire.ahead.into())).now();
    if configuration.lacks(Ablation::SkewAllowance) {
        now = now.plus(SKEW_ALLOWANCE);
    }
    let item = &state.pool[acquire.shard];
    match item.pool().plan_acquire(acquire.lease.id(), class, now) {
        AcquirePlan::Add => Next::Request(add(configuration, state, acquire)),
        AcquirePlan::Held { .. } => Next::Held,
        AcquirePlan::Full | AcquirePlan::Draining => Next::Full,
        AcquirePlan::TakeOver { .. } if configuration.lacks(Ablation::Takeover) => Next::Full,
        AcquirePlan::TakeOver { expired } => {
            let ttl = configuration.holders[acquire.holder].ttl;
            let expiry = configuration.expiry(state.now, acquire.ahead, ttl);
            let (expired, limit) = (Leases::collect(expired), item.limit(class));
            Next::Request(Request::TakeOver(TakeOver { expired, expiry, limit }))
        }
        AcquirePlan::Sweep { .. } => {
            unreachable!("fewer callers than leases that a write can remove")
        }
    }
}

fn class(configuration: &Configuration, acquire: &Acquire) -> Class {
    configuration.holders[acquire.holder].class
}
