//! The counters: `controller`, and `store::dynamo` for each shard.
//!
//! Any number of them decides concurrently, each with its own clock. Other steps may come between a reading of the
//! clock and the write, and between two writes. In direct mode the holder's own process is the counter; no step
//! here depends on the holder's.

use rds_admission::time::{Clock, Seconds, UnixSeconds};

use crate::ablations::Ablation;
use crate::acquire;
use crate::configuration::Configuration;
use crate::item::Item;
use crate::lease::{ANONYMOUS, Lease, Leases};
use crate::script::Kind;
use crate::state::State;
use crate::step::{CounterStep, Step};
use crate::task::{Request, Task};
use crate::warm;

/// Possible deliveries of requests of holder `at`.
pub(crate) fn deliveries(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let in_flight = state.holders[at].in_flight;
    let mut may = |step| steps.push(Step::Counter(step));
    let anonymous = configuration.holders[at].kind == Kind::Anonymous;
    if !(anonymous && usize::from(state.anonymous_ids) == ANONYMOUS) {
        // Where counters do not distinguish them, the repeated call is the later one.
        let repeat =
            in_flight.repeats > 0 && (!in_flight.acquire || configuration.distinguishes_repeats());
        for ahead in configuration.clock_skews() {
            if in_flight.acquire {
                may(CounterStep::ReceiveAcquire { holder: at, repeated: false, ahead });
            }
            if repeat {
                may(CounterStep::ReceiveAcquire { holder: at, repeated: true, ahead });
            }
        }
        if configuration.throttling {
            if in_flight.acquire {
                may(CounterStep::RateLimit { holder: at, repeated: false });
            }
            if repeat && configuration.lacks(Ablation::RepeatBypassesRateLimit) {
                may(CounterStep::RateLimit { holder: at, repeated: true });
            }
        }
    }
    if in_flight.releases > 0 {
        if !anonymous {
            may(CounterStep::Release { holder: at });
        } else if is_in_time(configuration, state, at) {
            may(CounterStep::ReceiveAnonymousRelease { holder: at });
        }
    }
    if in_flight.renewals > 0 {
        for ahead in configuration.clock_skews() {
            may(CounterStep::ReceiveRenewal { holder: at, ahead });
        }
    }
}

/// Possible sweeps.
pub(crate) fn sweeps(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    if state.sweeps > 0 {
        for ahead in configuration.clock_skews() {
            steps.push(Step::Counter(CounterStep::ReceiveSweep { ahead }));
        }
    }
}

/// Possible reads and writes of the table.
pub(crate) fn writes(configuration: &Configuration, state: &State, steps: &mut Vec<Step>) {
    let mut may = |step| steps.push(Step::Counter(step));
    for (task, next) in state.tasks.iter().enumerate() {
        match next {
            // The server enforces its limits before a counter reads this second: a session ends just before its
            // lease.
            Task::Acquire(acquire) => {
                let mut item = state.pool[acquire.shard];
                if !state.something_is_due() || acquire::applies(configuration, &mut item, acquire)
                {
                    may(CounterStep::Write { task });
                }
                if acquire.from_cache && !matches!(acquire.request, Request::TakeOver(_)) {
                    may(CounterStep::SkipShard { task });
                }
                if acquire.throttle {
                    may(CounterStep::Throttle { task });
                }
                let mut item = state.pool[acquire.shard];
                if configuration.throttling && acquire::applies(configuration, &mut item, acquire) {
                    may(CounterStep::LoseResponse { task });
                }
            }
            Task::Sweep { .. } => {
                if !state.something_is_due() {
                    may(CounterStep::Write { task });
                }
            }
            Task::Release { .. } | Task::Renew { .. } => may(CounterStep::Write { task }),
            Task::AnonymousRelease { holder, .. } => {
                if is_in_time(configuration, state, *holder) {
                    may(CounterStep::Write { task });
                    if configuration.lacks(Ablation::TableAnswers) {
                        may(CounterStep::LoseResponse { task });
                    }
                }
            }
        }
    }
}

/// Takes a counter's step.
pub(crate) fn take(configuration: &Configuration, state: &mut State, step: CounterStep) {
    match step {
        CounterStep::ReceiveAcquire { holder, repeated, ahead } => {
            acquire::receive(configuration, state, holder, repeated, ahead);
        }
        CounterStep::Release { holder } => {
            state.holders[holder].in_flight.releases -= 1;
            let lease = Lease::of(holder, false);
            match state.holders[holder].shard {
                Some(shard) => {
                    state.pool[shard].remove(lease, configuration.ablation);
                }
                None => release(configuration, state, lease, state.pool.first(lease)),
            }
        }
        CounterStep::ReceiveAnonymousRelease { holder } => {
            state.holders[holder].in_flight.releases -= 1;
            read_oldest(state, holder);
        }
        CounterStep::ReceiveRenewal { holder, ahead } => {
            state.holders[holder].in_flight.renewals -= 1;
            let ttl = configuration.holders[holder].ttl;
            let expiry = configuration.expiry(state.now, ahead, ttl);
            let requested = state.holders[holder].renewal_requested;
            let named = state.holders[holder].shard;
            let shard = named.unwrap_or_else(|| state.pool.first(Lease::of(holder, false)));
            state.begin(Task::Renew { holder, requested, expiry, shard, named: named.is_some() });
        }
        CounterStep::ReceiveSweep { ahead } => {
            state.sweeps -= 1;
            for shard in (0..).take(state.pool.count()) {
                read_expired(configuration, state, shard, ahead);
            }
        }
        CounterStep::Write { task } => {
            let task = state.tasks.remove(task);
            write(configuration, state, task);
        }
        CounterStep::LoseResponse { task } => match state.tasks[task] {
            Task::AnonymousRelease { shard, oldest, .. } => {
                state.pool[shard].remove(oldest, configuration.ablation);
            }
            Task::Acquire(acquire) => {
                state.tasks.remove(task);
                acquire::write_losing_response(configuration, state, acquire);
            }
            Task::Release { .. } | Task::Renew { .. } | Task::Sweep { .. } => {}
        },
        CounterStep::RateLimit { holder, repeated } => {
            acquire::rate_limit(configuration, state, holder, repeated);
        }
        CounterStep::Throttle { task } => {
            if let Task::Acquire(acquire) = state.tasks.remove(task) {
                acquire::reject(configuration, state, &acquire);
            }
        }
        CounterStep::SkipShard { task } => {
            if let Task::Acquire(acquire) = state.tasks.remove(task) {
                acquire::skip_shard(configuration, state, acquire);
            }
        }
    }
}

/// Executes a task's read or write.
fn write(configuration: &Configuration, state: &mut State, task: Task) {
    match task {
        Task::Acquire(acquire) => acquire::send(configuration, state, acquire),
        Task::Release { lease, shard } => release(configuration, state, lease, shard),
        Task::Renew { holder, requested, expiry, shard, named } => {
            let lease = Lease::of(holder, false);
            // The reading of the clock from which the expiry was computed.
            let ttl = configuration.holders[holder].ttl;
            let now = UnixSeconds(UnixSeconds::from(expiry).0.saturating_sub(ttl.0.into()));
            let there = state.pool[shard].renew(lease, expiry, now, configuration.ablation);
            if !there
                && !named
                && let Some(shard) = state.pool.after(shard, lease)
            {
                state.begin(Task::Renew { holder, requested, expiry, shard, named });
                return;
            }
            let keep_limit = warm::keep_limit(configuration, &state.pool[shard]);
            let holder = &mut state.holders[holder];
            if requested == holder.renewal_requested
                && !(holder.has_disconnected() && configuration.warm.is_some())
            {
                let in_flight = &mut holder.in_flight;
                *(if there { &mut in_flight.renewed } else { &mut in_flight.lost }) = true;
                in_flight.keep_limit = keep_limit.filter(|_| there);
            }
        }
        Task::Sweep { shard, expired, ahead } => {
            if !state.pool[shard].sweep(&expired, configuration.ablation) {
                read_expired(configuration, state, shard, ahead);
            }
        }
        Task::AnonymousRelease { holder, shard, oldest } => {
            if !state.pool[shard].remove(oldest, configuration.ablation) {
                read_oldest(state, holder);
            }
        }
    }
}

/// Removes a lease from this shard and then from the others, found or not. The read that finds it and the removal
/// are one step: a later removal finds the same.
fn release(configuration: &Configuration, state: &mut State, lease: Lease, shard: u8) {
    state.pool[shard].remove(lease, configuration.ablation);
    if let Some(shard) = state.pool.after(shard, lease) {
        state.begin(Task::Release { lease, shard });
    }
}

/// Plans a sweep by the real rule, `Pool::plan_sweep`, as `PoolAdmin::sweep`.
fn read_expired(configuration: &Configuration, state: &mut State, shard: u8, ahead: u8) {
    let now = configuration.timing.counter_clock(state.now, Seconds(ahead.into())).now();
    let expired = Leases::collect(state.pool[shard].pool().plan_sweep(now));
    if !expired.is_empty() {
        state.begin(Task::Sweep { shard, expired, ahead });
    }
}

/// Finds the lease of an anonymous release by the real rule, `Pool::oldest_anonymous`.
fn read_oldest(state: &mut State, holder: usize) {
    let in_shard = |(shard, item): (u8, &Item)| {
        let oldest = item.pool().oldest_anonymous();
        oldest.map(|(lease, expiry)| (expiry, lease, shard))
    };
    let oldest = (0..).zip(state.pool.iter()).filter_map(in_shard).min();
    if let Some((expiry, lease, shard)) = oldest
        && let Some((oldest, _)) = Leases::collect([(lease, expiry)]).iter().next()
    {
        state.begin(Task::AnonymousRelease { holder, shard, oldest });
    }
}

fn is_in_time(configuration: &Configuration, state: &State, at: usize) -> bool {
    state.now < configuration.lease_ends(at, state.holders[at].requested)
        || configuration.lacks(Ablation::ReleaseInTime)
}
