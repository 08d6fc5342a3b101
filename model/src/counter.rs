//! What the counters do: `counter::answer` and `store::dynamo`.
//!
//! Any number of instances decides at once, each with its own clock. Between an instance's look at
//! its clock and the write that follows, and between two writes, anything may happen.

use rds_admission::pool::{AcquirePlan, Class};
use rds_admission::time::{Clock, SKEW_ALLOWANCE, Seconds};

use crate::configuration::Configuration;
use crate::lease::{ANONYMOUS, Lease, Leases};
use crate::removed::{Assumption, Guard};
use crate::script::Kind;
use crate::state::{Mail, Phase, State, Task, Write};
use crate::step::{CounterStep, Step};
use crate::table::TakeOver;
use crate::timing::{Expiry, Ticks, clocks};

/// What becomes of an acquire after a look at the pool and the clock.
#[derive(Clone, Copy)]
enum Next {
    /// This write is sent.
    Write(Write),
    /// The lease is out already.
    Held,
    /// No slot is free.
    Full,
}

/// The requests of holder `at` that may arrive at a counter.
pub(crate) fn deliveries(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let mail = state.holders[at].mail;
    let mut may = |step| steps.push(Step::Counter(step));
    let anonymous = configuration.holders[at].kind == Kind::Anonymous;
    let aheads = clocks(configuration.removed.assumption(Assumption::ClocksAgree))
        .map(|ahead| u8::try_from(ahead.0).unwrap_or(u8::MAX));
    if mail.acquires > 0 && !(anonymous && usize::from(state.drawn) == ANONYMOUS) {
        for ahead in aheads {
            may(CounterStep::HearAcquire { holder: at, ahead });
        }
    }
    if mail.releases > 0 {
        if !anonymous {
            may(CounterStep::Release { holder: at });
        } else if give_back_in_time(configuration, state, at) {
            may(CounterStep::HearGiveBack { holder: at });
        }
    }
    if mail.renewals > 0 {
        for ahead in aheads {
            may(CounterStep::HearRenewal { holder: at, ahead });
        }
    }
}

/// The sweeps that may be asked for.
pub(crate) fn sweeps(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    if state.sweeps > 0 {
        for ahead in clocks(configuration.removed.assumption(Assumption::ClocksAgree)) {
            let ahead = u8::try_from(ahead.0).unwrap_or(u8::MAX);
            steps.push(Step::Counter(CounterStep::HearSweep { ahead }));
        }
    }
}

/// The writes that may reach the table.
pub(crate) fn writes(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    let mut may = |step| steps.push(Step::Counter(step));
    for (task, next) in state.tasks.iter().enumerate() {
        match next {
            // What the server ends at this second it has ended before a counter judges by it: a
            // session that lives to the end of its lease does so by a hair less.
            Task::Acquire { holder, lease, write, .. } => {
                let class = configuration.holders[*holder].class;
                let mut table = state.table;
                if !state.something_is_due()
                    || send(configuration, &mut table, *lease, *write, class)
                {
                    may(CounterStep::Write { task });
                }
            }
            Task::Sweep { .. } => {
                if !state.something_is_due() {
                    may(CounterStep::Write { task });
                }
            }
            Task::Renew { .. } => may(CounterStep::Write { task }),
            Task::GiveBack { holder, .. } => {
                if give_back_in_time(configuration, state, *holder) {
                    may(CounterStep::Write { task });
                    if configuration.removed.assumption(Assumption::TableAnswers) {
                        may(CounterStep::WriteUnheard { task });
                    }
                }
            }
        }
    }
}

/// Takes a step of a counter.
pub(crate) fn take(configuration: &Configuration, state: &mut State, step: CounterStep) {
    let removed = configuration.removed;
    match step {
        CounterStep::HearAcquire { holder, ahead } => hear(configuration, state, holder, ahead),
        CounterStep::Release { holder } => {
            state.holders[holder].mail.releases -= 1;
            state.table.remove(Lease::of(holder, false), removed);
        }
        CounterStep::HearGiveBack { holder } => {
            state.holders[holder].mail.releases -= 1;
            look_for_the_oldest(state, holder);
        }
        CounterStep::HearRenewal { holder, ahead } => {
            state.holders[holder].mail.renewals -= 1;
            let ttl = configuration.holders[holder].ttl;
            let expiry = expiry(configuration, state.now, ahead, ttl);
            let asked = state.holders[holder].renewal_asked;
            state.begin(Task::Renew { holder, asked, expiry });
        }
        CounterStep::HearSweep { ahead } => {
            state.sweeps -= 1;
            look_for_expired(configuration, state, ahead);
        }
        CounterStep::Write { task } => match state.tasks.remove(task) {
            Task::Acquire { holder, lease, ahead, write } => {
                acquire(configuration, state, holder, lease, ahead, write);
            }
            Task::Renew { holder, asked, expiry } => {
                let there = state.table.renew(Lease::of(holder, false), expiry, removed);
                let holder = &mut state.holders[holder];
                if asked == holder.renewal_asked {
                    let mail = &mut holder.mail;
                    *(if there { &mut mail.renewed } else { &mut mail.lost }) = true;
                }
            }
            Task::Sweep { expired, ahead } => {
                if !state.table.sweep(&expired, removed) {
                    look_for_expired(configuration, state, ahead);
                }
            }
            Task::GiveBack { holder, oldest } => {
                if !state.table.remove(oldest, removed) {
                    look_for_the_oldest(state, holder);
                }
            }
        },
        CounterStep::WriteUnheard { task } => {
            if let Task::GiveBack { oldest, .. } = state.tasks[task] {
                state.table.remove(oldest, removed);
            }
        }
    }
}

/// An acquire arrives: the first write is blind, `DynamoStore::acquire`. The mutant that decides by
/// what it read reads first.
fn hear(configuration: &Configuration, state: &mut State, holder: usize, ahead: u8) {
    let script = &configuration.holders[holder];
    let mail = &mut state.holders[holder].mail;
    let repeated = mail.acquires < script.copies;
    mail.acquires -= 1;
    let lease = if script.kind == Kind::Anonymous {
        state.drawn += 1;
        Lease::anonymous(state.drawn - 1)
    } else {
        Lease::of(holder, repeated && configuration.removed.guard(Guard::OneLeaseACall))
    };
    let next = if configuration.removed.guard(Guard::LimitInTheWrite) {
        plan(configuration, state, lease, ahead, holder)
    } else {
        Next::Write(Write::Add(expiry(configuration, state.now, ahead, script.ttl)))
    };
    go_on(configuration, state, holder, lease, ahead, next);
}

/// A write of an acquire reaches the table. When it is refused, the old item that comes with the
/// refusal is what the next one is planned from.
fn acquire(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    lease: Lease,
    ahead: u8,
    write: Write,
) {
    let class = configuration.holders[holder].class;
    if send(configuration, &mut state.table, lease, write, class) {
        answer(configuration, state, holder, |mail| mail.granted = true);
    } else {
        let next = plan(configuration, state, lease, ahead, holder);
        go_on(configuration, state, holder, lease, ahead, next);
    }
}

fn send(
    configuration: &Configuration,
    table: &mut crate::table::Table,
    lease: Lease,
    write: Write,
    class: Class,
) -> bool {
    match write {
        Write::Add(expiry) => table.add(lease, expiry, class, configuration.removed),
        Write::TakeOver(plan) => table.take_over(lease, &plan, class, configuration.removed),
    }
}

fn go_on(
    configuration: &Configuration,
    state: &mut State,
    holder: usize,
    lease: Lease,
    ahead: u8,
    next: Next,
) {
    match next {
        Next::Write(write) => state.begin(Task::Acquire { holder, lease, ahead, write }),
        Next::Held => answer(configuration, state, holder, |mail| mail.granted_before = true),
        Next::Full => answer(configuration, state, holder, |mail| mail.refused = true),
    }
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
fn plan(
    configuration: &Configuration,
    state: &State,
    lease: Lease,
    ahead: u8,
    holder: usize,
) -> Next {
    let Configuration { removed, timing, .. } = configuration;
    let script = &configuration.holders[holder];
    let mut now = timing.counter_clock(state.now, Seconds(ahead.into())).now();
    if removed.guard(Guard::SkewAllowance) {
        now = now.plus(SKEW_ALLOWANCE);
    }
    let expiry = expiry(configuration, state.now, ahead, script.ttl);
    let pool = state.table.pool();
    match pool.plan_acquire(lease.id(), script.class, now) {
        AcquirePlan::Add => Next::Write(Write::Add(expiry)),
        AcquirePlan::Held { .. } => Next::Held,
        AcquirePlan::Full | AcquirePlan::Draining => Next::Full,
        AcquirePlan::TakeOver { .. } if removed.guard(Guard::Takeover) => Next::Full,
        AcquirePlan::TakeOver { expired } => {
            let limit = state.table.limit(script.class);
            let expired = Leases::collect(expired);
            Next::Write(Write::TakeOver(TakeOver { expired, expiry, limit }))
        }
    }
}

/// `Store::sweep`: reads, by `Pool::plan_sweep`, what it is about to take away.
fn look_for_expired(configuration: &Configuration, state: &mut State, ahead: u8) {
    let now = configuration.timing.counter_clock(state.now, Seconds(ahead.into())).now();
    let expired = Leases::collect(state.table.pool().plan_sweep(now));
    if !expired.is_empty() {
        state.begin(Task::Sweep { expired, ahead });
    }
}

/// `Store::release_oldest_anonymous`: reads, by `Pool::oldest_anonymous`, what it is about to remove.
fn look_for_the_oldest(state: &mut State, holder: usize) {
    let oldest = state.table.pool().oldest_anonymous();
    if let Some((oldest, _)) = Leases::collect(oldest).iter().next() {
        state.begin(Task::GiveBack { holder, oldest });
    }
}

fn expiry(configuration: &Configuration, now: Ticks, ahead: u8, ttl: Seconds) -> Expiry {
    configuration.timing.counter_clock(now, Seconds(ahead.into())).expiry(ttl).into()
}

fn give_back_in_time(configuration: &Configuration, state: &State, at: usize) -> bool {
    state.now < configuration.lease_ends(at, state.holders[at].asked)
        || configuration.removed.assumption(Assumption::GiveBackInTime)
}
