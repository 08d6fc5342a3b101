//! The steps of a holder: the client's scope, `session` and `session::relay`. None is forced.

use crate::ablations::Ablation;
use crate::acquire;
use crate::configuration::Configuration;
use crate::phase::{Message, Phase};
use crate::script::Kind;
use crate::session::{arrives, check_clock, in_time, longer, may_send, send};
use crate::state::{Connection, Holder, InFlight, State};
use crate::step::{HolderStep, Step};
use crate::warm;

/// The possible steps of holder `at`.
pub(crate) fn steps(
    configuration: &Configuration,
    state: &State,
    at: usize,
    steps: &mut Vec<Step>,
) {
    let Configuration { timing, .. } = configuration;
    let (holder, script) = (&state.holders[at], &configuration.holders[at]);
    let mut may = |step| steps.push(Step::Holder(at, step));
    let anonymous = script.kind == Kind::Anonymous;
    match holder.phase {
        Phase::Idle => {
            let free = script.after.is_none_or(|other| state.holders[other].has_disconnected());
            if free && state.now <= timing.ticks(script.starts_by) {
                may(HolderStep::Acquire);
            }
        }
        // Its response has no effect.
        Phase::Acquiring if script.kind == Kind::Newcomer => {}
        Phase::Acquiring => {
            for (recognised, shards) in
                [(false, holder.in_flight.granted), (true, holder.in_flight.recognised)]
            {
                shards.iter().for_each(|shard| may(HolderStep::ReceiveGrant { recognised, shard }));
            }
            if holder.in_flight.rejected {
                may(HolderStep::ReceiveRejection);
            }
            if may_be_throttled(configuration, state, at) {
                may(HolderStep::ReceiveThrottled);
            }
            if !anonymous && !configuration.lacks(Ablation::ReleaseOfALostGrant) {
                may(HolderStep::GiveUp);
            }
        }
        Phase::Holding => {
            match script.kind {
                Kind::Session(_) => may(HolderStep::CheckClock),
                Kind::Anonymous if anonymous_may_connect(configuration, state, at) => {
                    may(HolderStep::Connect);
                }
                Kind::Anonymous | Kind::Slot | Kind::Newcomer => {}
            }
            may(HolderStep::Release);
        }
        Phase::Connecting => {
            if in_time(configuration, state, at) || configuration.lacks(Ablation::PromptConnect) {
                may(HolderStep::Connect);
            }
        }
        Phase::Connected | Phase::LoggedIn => {
            if !anonymous {
                may(HolderStep::CheckClock);
            }
        }
        Phase::Sending { passed: false, .. } => {
            if may_send(configuration, state, at) {
                may(HolderStep::PassRelay);
            }
        }
        Phase::Sending { message, passed: true } => {
            if arrives(configuration, state, at, message) {
                may(HolderStep::Send(message));
            }
        }
        Phase::Ready => {
            if holder.statements > 0 {
                may(HolderStep::CheckClock);
            }
            if holder.undo {
                may(HolderStep::BeginRollback);
            }
        }
        Phase::Waiting => {
            if matches!(holder.connection, Connection::Idle(..)) {
                may(HolderStep::ReceiveResult);
            }
        }
        Phase::Reset | Phase::Kept | Phase::Renewing | Phase::Resumed | Phase::Replacing => {}
        Phase::Disconnected => {
            let rolls_back = matches!(holder.connection, Connection::RollingBack(_));
            if !holder.connection.is_open()
                || configuration.lacks(Ablation::ServerClosesFirst)
                || rolls_back && configuration.lacks(Ablation::NoOpenTransaction)
            {
                may(HolderStep::Release);
            }
        }
        Phase::Released => {
            if anonymous
                && configuration.lacks(Ablation::OneRelease)
                && holder.in_flight.releases == 0
            {
                may(HolderStep::Release);
            }
        }
    }
    if connected(holder.phase) {
        may(HolderStep::Disconnect);
        if configuration.lacks(Ablation::CloseBeforeRelease) {
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
        may(HolderStep::Renew);
    }
    if holder.in_flight.renewed {
        may(HolderStep::ReceiveRenewed);
    }
    if holder.in_flight.lost {
        may(HolderStep::ReceiveLost);
    }
}

/// Takes a step of holder `at`.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: HolderStep) {
    let now = state.now;
    let Configuration { timing, .. } = configuration;
    let script = &configuration.holders[at];
    let copies = script.copies;
    let anonymous = script.kind == Kind::Anonymous;
    let checked =
        (step == HolderStep::CheckClock).then(|| check_clock(configuration, state, at)).flatten();
    if let HolderStep::Send(message) = step {
        warm::judge(configuration, state, at, message);
    }
    if step == HolderStep::ReceiveThrottled {
        acquire::judge_throttled(configuration, state, at);
    }
    let holder = &mut state.holders[at];
    match step {
        HolderStep::Acquire => {
            holder.phase = Phase::Acquiring;
            holder.requested = now;
            holder.in_flight.acquire = true;
            holder.in_flight.repeats = copies - 1;
        }
        HolderStep::ReceiveGrant { recognised, shard } => {
            holder.phase = Phase::Holding;
            holder.granted_at = now;
            holder.shard = (configuration.is_split() && script.names_shard).then_some(shard);
            if configuration.lacks(Ablation::CountedFromRequest) {
                holder.requested = now;
            }
            holder.in_flight.take_grant(recognised, shard);
            holder.keeping.limit = holder.in_flight.keep_limit.take();
        }
        HolderStep::ReceiveRejection => {
            holder.phase = Phase::Released;
            holder.in_flight.rejected = false;
        }
        HolderStep::ReceiveThrottled => hear_throttled(configuration, holder),
        HolderStep::GiveUp => {
            holder.phase = Phase::Released;
            holder.in_flight.releases = copies;
        }
        HolderStep::Renew => {
            holder.renewals -= 1;
            holder.request_renewal(copies, now);
        }
        HolderStep::ReceiveRenewed | HolderStep::SkipRenewal => {
            holder.requested = holder.renewal_requested;
            if holder.in_flight.renewed {
                holder.keeping.limit = holder.in_flight.keep_limit.take();
            }
            holder.in_flight.renewed = false;
            if holder.phase == Phase::Renewing {
                holder.phase = Phase::Resumed;
            }
        }
        HolderStep::ReceiveLost => {
            holder.phase = Phase::Disconnected;
            holder.in_flight.lost = false;
        }
        HolderStep::CheckClock => holder.phase = checked.unwrap_or(Phase::Disconnected),
        HolderStep::Connect => {
            holder.phase = Phase::Connected;
            let trusted = !configuration.lacks(Ablation::ConnectionWithinTheLease);
            holder.connection = if anonymous {
                Connection::Trusted(trusted.then(|| configuration.lease_ends(at, holder.requested)))
            } else {
                let longer = longer(configuration, Ablation::ConnectTimeout);
                Connection::Login(now + timing.ticks(timing.connect_timeout) + longer)
            };
        }
        HolderStep::PassRelay => {
            if let Phase::Sending { message, .. } = holder.phase {
                holder.phase = Phase::Sending { message, passed: true };
            }
        }
        HolderStep::Send(message) => send(configuration, at, holder, message, now),
        HolderStep::BeginRollback => {
            holder.phase = Phase::Sending { message: Message::RollBack, passed: false };
        }
        HolderStep::ReceiveResult => {
            holder.phase = Phase::Ready;
            holder.keeping.result_pending = false;
        }
        HolderStep::BeginReset | HolderStep::Resume | HolderStep::Replace => {
            warm::take(configuration, state, at, step);
        }
        HolderStep::Disconnect => {
            holder.phase = Phase::Disconnected;
            if anonymous {
                holder.connection = Connection::None;
            }
        }
        HolderStep::Release => {
            holder.phase = Phase::Released;
            holder.in_flight.releases = if anonymous { 1 } else { copies };
        }
    }
    state.holders[at].forget(script);
}

/// Whether Lambda may have throttled the last try of a call, so that the holder takes it for rejected: no try may
/// have reached a counter, and a throttled one never does.
fn may_be_throttled(configuration: &Configuration, state: &State, at: usize) -> bool {
    let InFlight { acquire, repeats, .. } = state.holders[at].in_flight;
    let all = acquire && repeats + 1 == configuration.holders[at].copies;
    let last = configuration.lacks(Ablation::AllTriesThrottled) && repeats > 0;
    configuration.throttling && (all || last)
}

/// Ends the wait for a throttled call. Throttled messages never arrive.
fn hear_throttled(configuration: &Configuration, holder: &mut Holder) {
    holder.phase = Phase::Released;
    holder.in_flight.repeats = 0;
    if !configuration.lacks(Ablation::AllTriesThrottled) {
        holder.in_flight.acquire = false;
    }
}

fn anonymous_may_connect(configuration: &Configuration, state: &State, at: usize) -> bool {
    state.now < configuration.lease_ends(at, state.holders[at].requested)
        || configuration.lacks(Ablation::ConnectionWithinTheLease)
}

fn connected(phase: Phase) -> bool {
    use Phase as P;
    let before = matches!(phase, P::Idle | P::Acquiring | P::Holding | P::Connecting);
    !before && !matches!(phase, P::Disconnected | P::Released)
}
