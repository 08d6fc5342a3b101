//! The server.
//!
//! It does not notice a holder that is frozen or whose host has vanished. It enforces its limits promptly, before
//! time passes.

use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::state::{Connection, State};
use crate::step::{ServerStep, Step};

/// The server's possible steps with the connection of holder `at`.
pub(crate) fn steps(state: &State, at: usize, steps: &mut Vec<Step>) {
    let holder = &state.holders[at];
    let mut may = |step| steps.push(Step::Server(at, step));
    if holder.connection.due().is_some_and(|due| due <= state.now) {
        may(ServerStep::TimeOut);
    }
    match holder.connection {
        Connection::Running(_, due) if due != Some(state.now) => may(ServerStep::Finish),
        Connection::Login(_) | Connection::Idle(..) if holder.has_closed() => {
            may(ServerStep::SeeDisconnect);
        }
        Connection::RollingBack(due) if due != Some(state.now) => may(ServerStep::RolledBack),
        _ => {}
    }
}

/// Takes a step with the connection of holder `at`.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: ServerStep) {
    let idle_until = state.now + configuration.idle_limit();
    let holder = &mut state.holders[at];
    holder.connection = match (step, holder.connection) {
        (ServerStep::TimeOut | ServerStep::Finish, Connection::Running(statement, _)) => {
            Connection::Idle(Some(statement), idle_until)
        }
        // It closes the connection first.
        (_, Connection::Idle(..)) if holder.undo => {
            Connection::RollingBack(configuration.rolled_back(at, holder.requested, Seconds(0)))
        }
        _ => Connection::None,
    };
    holder.undo &= matches!(holder.connection, Connection::Idle(..) | Connection::Running(..));
}
