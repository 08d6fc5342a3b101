//! What the counters do: `controller`, and `store::dynamo` for each shard.
//!
//! Any number of instances decides at once, each with its own clock. Between an instance's look at
//! its clock and the write that follows, and between two writes, anything may happen. An instance is a
//! counter, or in direct mode a holder's own process: no step here depends on what the holder does
//! meanwhile.

use rds_admission::time::{Clock, Seconds, UnixSeconds};

use crate::acquire;
use crate::configuration::Configuration;
use crate::item::Item;
use crate::lease::{ANONYMOUS, Lease, Leases};
use crate::removed::{Assumption, Guard};
use crate::script::Kind;
use crate::state::State;
use crate::step::{CounterStep, Step};
use crate::task::{Ask, Task};
use crate::timing::{Expiry, Ticks};
use crate::warm;

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
    if !(anonymous && usize::from(state.drawn) == ANONYMOUS) {
        // Where it makes no difference which is the repeated one, it is the one that arrives later.
        let repeat = mail.repeats > 0 && (!mail.acquire || configuration.tells_attempts());
        for ahead in configuration.aheads() {
            if mail.acquire {
                may(CounterStep::HearAcquire { holder: at, again: false, ahead });
            }
            if repeat {
                may(CounterStep::HearAcquire { holder: at, again: true, ahead });
            }
        }
        if configuration.throttles {
            if mail.acquire {
                may(CounterStep::HoldOff { holder: at, again: false });
            }
            if repeat && configuration.removed.guard(Guard::RepeatsAreNotHeldOff) {
                may(CounterStep::HoldOff { holder: at, again: true });
            }
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
        for ahead in configuration.aheads() {
            may(CounterStep::HearRenewal { holder: at, ahead });
        }
    }
}

/// The sweeps that may be asked for.
pub(crate) fn sweeps(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    if state.sweeps > 0 {
        for ahead in configuration.aheads() {
            steps.push(Step::Counter(CounterStep::HearSweep { ahead }));
        }
    }
}

/// The reads and writes that may reach the table.
pub(crate) fn writes(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    let mut may = |step| steps.push(Step::Counter(step));
    for (task, next) in state.tasks.iter().enumerate() {
        match next {
            // What the server ends at this second it has ended before a counter judges by it: a
            // session that lives to the end of its lease does so by a hair less.
            Task::Acquire(acquire) => {
                let mut item = state.pool[acquire.shard];
                if !state.something_is_due() || acquire::applies(configuration, &mut item, acquire)
                {
                    may(CounterStep::Write { task });
                }
                if acquire.memory && !matches!(acquire.ask, Ask::TakeOver(_)) {
                    may(CounterStep::PassOver { task });
                }
                if acquire.throttle {
                    may(CounterStep::Throttle { task });
                }
                let mut item = state.pool[acquire.shard];
                if configuration.throttles && acquire::applies(configuration, &mut item, acquire) {
                    may(CounterStep::WriteUnheard { task });
                }
            }
            Task::Sweep { .. } => {
                if !state.something_is_due() {
                    may(CounterStep::Write { task });
                }
            }
            Task::Release { .. } | Task::Renew { .. } => may(CounterStep::Write { task }),
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
    match step {
        CounterStep::HearAcquire { holder, again, ahead } => {
            acquire::hear(configuration, state, holder, again, ahead);
        }
        CounterStep::Release { holder } => {
            state.holders[holder].mail.releases -= 1;
            let lease = Lease::of(holder, false);
            match state.holders[holder].shard {
                Some(shard) => {
                    state.pool[shard].remove(lease, configuration.removed);
                }
                None => release(configuration, state, lease, state.pool.first(lease)),
            }
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
            let named = state.holders[holder].shard;
            let shard = named.unwrap_or_else(|| state.pool.first(Lease::of(holder, false)));
            state.begin(Task::Renew { holder, asked, expiry, shard, named: named.is_some() });
        }
        CounterStep::HearSweep { ahead } => {
            state.sweeps -= 1;
            for shard in (0..).take(state.pool.count()) {
                look_for_expired(configuration, state, shard, ahead);
            }
        }
        CounterStep::Write { task } => {
            let task = state.tasks.remove(task);
            write(configuration, state, task);
        }
        CounterStep::WriteUnheard { task } => match state.tasks[task] {
            Task::GiveBack { shard, oldest, .. } => {
                state.pool[shard].remove(oldest, configuration.removed);
            }
            Task::Acquire(acquire) => {
                state.tasks.remove(task);
                acquire::ask_unheard(configuration, state, acquire);
            }
            Task::Release { .. } | Task::Renew { .. } | Task::Sweep { .. } => {}
        },
        CounterStep::HoldOff { holder, again } => {
            acquire::hold_off(configuration, state, holder, again);
        }
        CounterStep::Throttle { task } => {
            if let Task::Acquire(acquire) = state.tasks.remove(task) {
                acquire::refuse(configuration, state, &acquire);
            }
        }
        CounterStep::PassOver { task } => {
            if let Task::Acquire(acquire) = state.tasks.remove(task) {
                acquire::pass_over(configuration, state, acquire);
            }
        }
    }
}

/// What a task asks reaches the table.
fn write(configuration: &Configuration, state: &mut State, task: Task) {
    let removed = configuration.removed;
    match task {
        Task::Acquire(acquire) => acquire::ask(configuration, state, acquire),
        Task::Release { lease, shard } => release(configuration, state, lease, shard),
        Task::Renew { holder, asked, expiry, shard, named } => {
            let lease = Lease::of(holder, false);
            // The same look at the clock that the expiry is of.
            let ttl = configuration.holders[holder].ttl;
            let now = UnixSeconds(UnixSeconds::from(expiry).0.saturating_sub(ttl.0.into()));
            let there = state.pool[shard].renew(lease, expiry, now, removed);
            if !there
                && !named
                && let Some(shard) = state.pool.after(shard, lease)
            {
                state.begin(Task::Renew { holder, asked, expiry, shard, named });
                return;
            }
            let told = warm::told(configuration, &state.pool[shard]);
            let holder = &mut state.holders[holder];
            if asked == holder.renewal_asked && !(holder.hung_up() && configuration.warm.is_some())
            {
                let mail = &mut holder.mail;
                *(if there { &mut mail.renewed } else { &mut mail.lost }) = true;
                mail.told = told.filter(|_| there);
            }
        }
        Task::Sweep { shard, expired, ahead } => {
            if !state.pool[shard].sweep(&expired, removed) {
                look_for_expired(configuration, state, shard, ahead);
            }
        }
        Task::GiveBack { holder, shard, oldest } => {
            if !state.pool[shard].remove(oldest, removed) {
                look_for_the_oldest(state, holder);
            }
        }
    }
}

/// A release that does not know the shard: from this one, and then from the others, whether or not it was
/// found. A read that finds it, and the removal that follows, are one step: what is removed later is what
/// would be found later.
fn release(configuration: &Configuration, state: &mut State, lease: Lease, shard: u8) {
    state.pool[shard].remove(lease, configuration.removed);
    if let Some(shard) = state.pool.after(shard, lease) {
        state.begin(Task::Release { lease, shard });
    }
}

/// `Store::sweep`: reads, by `Pool::plan_sweep`, what it is about to take away.
fn look_for_expired(configuration: &Configuration, state: &mut State, shard: u8, ahead: u8) {
    let now = configuration.timing.counter_clock(state.now, Seconds(ahead.into())).now();
    let expired = Leases::collect(state.pool[shard].pool().plan_sweep(now));
    if !expired.is_empty() {
        state.begin(Task::Sweep { shard, expired, ahead });
    }
}

/// `Store::release_oldest_anonymous`: reads, by `Pool::oldest_anonymous`, what it is about to remove.
fn look_for_the_oldest(state: &mut State, holder: usize) {
    let in_shard = |(shard, item): (u8, &Item)| {
        let oldest = item.pool().oldest_anonymous();
        oldest.map(|(lease, expiry)| (expiry, lease, shard))
    };
    let oldest = (0..).zip(state.pool.iter()).filter_map(in_shard).min();
    if let Some((expiry, lease, shard)) = oldest
        && let Some((oldest, _)) = Leases::collect([(lease, expiry)]).iter().next()
    {
        state.begin(Task::GiveBack { holder, shard, oldest });
    }
}

/// The expiry of a lease of that length, by a counter's clock.
pub(crate) fn expiry(configuration: &Configuration, now: Ticks, ahead: u8, ttl: Seconds) -> Expiry {
    configuration.timing.counter_clock(now, Seconds(ahead.into())).expiry(ttl).into()
}

fn give_back_in_time(configuration: &Configuration, state: &State, at: usize) -> bool {
    state.now < configuration.lease_ends(at, state.holders[at].asked)
        || configuration.removed.assumption(Assumption::GiveBackInTime)
}
