//! A counterexample, step by step.

use std::fmt;

use crate::check::Behaviour;
use crate::configuration::Configuration;
use crate::lease::Lease;
use crate::state::{Connection, State};
use crate::step::{CounterStep, Step};
use crate::task::{Acquire, Request, Task};

/// A counterexample as text: each step with its time, and its changes in the table and on the server.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// The configuration.
    pub configuration: &'a Configuration,
    /// The broken property.
    pub property: &'a str,
    /// The behaviour.
    pub behaviour: &'a Behaviour,
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Configuration { name, covers, holders, shards, timing, .. } = self.configuration;
        writeln!(f, "configuration {name}: {covers}; slots: {shards:?}")?;
        for (at, script) in holders.iter().enumerate() {
            writeln!(f, "holder {at}: {:?}, lease {}", script.kind, script.ttl)?;
        }
        writeln!(f)?;
        let behaviour = self.behaviour.clone().into_vec();
        for (number, pair) in behaviour.windows(2).enumerate() {
            let [(before, Some(step)), (after, _)] = pair else { continue };
            let seconds = timing.duration(after.now).as_secs_f64();
            write!(f, "{:>3}  {seconds:>4} s  {step}", number + 1)?;
            if let Step::Counter(
                CounterStep::Write { task }
                | CounterStep::LoseResponse { task }
                | CounterStep::SkipShard { task },
            ) = step
                && let Some(task) = before.tasks.get(*task)
            {
                write!(f, ": {}", Described(task))?;
            }
            let (was, is) = (Visible(before).to_string(), Visible(after).to_string());
            if was != is {
                write!(f, "\n             -> {is}")?;
            }
            writeln!(f)?;
        }
        write!(f, "\nbroken: {}", self.property)
    }
}

/// A counter's read or write.
struct Described<'a>(&'a Task);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Task::Acquire(Acquire { holder, shard, request: Request::Read, .. }) => {
                write!(f, "search shard {shard} for the lease of holder {holder}")
            }
            Task::Acquire(Acquire { holder, shard, request: Request::Add(expiry), .. }) => {
                let to = expiry.0;
                write!(f, "add a lease of holder {holder} to {to} s in shard {shard}")
            }
            Task::Acquire(Acquire { holder, shard, request: Request::TakeOver(plan), .. }) => {
                let to = plan.expiry.0;
                write!(
                    f,
                    "add a lease of holder {holder} to {to} s in shard {shard}, in place of"
                )?;
                for (lease, seen) in plan.expired.iter() {
                    write!(f, " one of {} to {} s", Owner(lease), seen.0)?;
                }
                Ok(())
            }
            Task::Release { lease, shard } => {
                write!(f, "remove the lease of {} from shard {shard}", Owner(*lease))
            }
            Task::Renew { holder, expiry, shard, .. } => {
                write!(f, "extend the lease of holder {holder} in shard {shard} to {} s", expiry.0)
            }
            Task::Sweep { expired, .. } => {
                f.write_str("sweep the leases of")?;
                for (lease, seen) in expired.iter() {
                    write!(f, " {} to {} s", Owner(lease), seen.0)?;
                }
                Ok(())
            }
            Task::AnonymousRelease { holder, oldest, .. } => {
                write!(f, "for holder {holder} remove the lease of {}", Owner(*oldest))
            }
        }
    }
}

/// The visible part of a state.
struct Visible<'a>(&'a State);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(state) = self;
        for (shard, item) in state.pool.iter().enumerate() {
            let next = if shard > 0 { " | " } else { "" };
            write!(f, "{next}InUse {} of {}", item.in_use, item.slots)?;
            if item.draining {
                f.write_str(", draining")?;
            }
            for (lease, expiry) in item.leases.iter() {
                write!(f, "; lease of {} to {} s", Owner(lease), expiry.0)?;
            }
        }
        for (at, holder) in state.holders.iter().enumerate() {
            match holder.connection {
                Connection::None => Ok(()),
                Connection::Login(due) => write!(f, "; {at} not logged in, to tick {due}"),
                Connection::Idle(_, due) => write!(f, "; session of {at} idle, to tick {due}"),
                Connection::Running(_, Some(due)) => {
                    write!(f, "; session of {at} busy, to tick {due}")
                }
                Connection::Running(_, None) => write!(f, "; session of {at} busy, without limit"),
                Connection::RollingBack(Some(due)) => {
                    write!(f, "; {at} closed and rolled back, to tick {due}")
                }
                Connection::RollingBack(None) => {
                    write!(f, "; {at} closed and rolled back, without limit")
                }
                Connection::Trusted(_) => write!(f, "; connection of {at}"),
            }?;
        }
        Ok(())
    }
}

/// The holder of a lease.
struct Owner(Lease);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.holder() {
            Some((holder, false)) => write!(f, "{holder}"),
            Some((holder, true)) => write!(f, "{holder} (the second)"),
            None => write!(f, "an anonymous caller ({})", self.0.id()),
        }
    }
}
