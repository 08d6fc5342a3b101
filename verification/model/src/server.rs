//! What the server does with connections by itself.
//!
//! It is told nothing by a holder that stands still or whose host has vanished; what it ends by its
//! limits it ends promptly, before time goes on.

use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::state::{Connection, State};
use crate::step::{ServerStep, Step};

/// The steps that the server may take with the connection of holder `at`.
pub(crate) fn steps(state: &State, at: usize, steps: &mut Vec<Step>) {
    let holder = &state.holders[at];
    let mut may = |step| steps.push(Step::Server(at, step));
    if holder.connection.due().is_some_and(|due| due <= state.now) {
        may(ServerStep::End);
    }
    match holder.connection {
        Connection::Running(_, due) if due != Some(state.now) => may(ServerStep::Done),
        Connection::Login(_) | Connection::Idle(..) if holder.has_let_go() => {
            may(ServerStep::SeeHangUp);
        }
        Connection::RollingBack(due) if due != Some(state.now) => may(ServerStep::RolledBack),
        _ => {}
    }
}

/// Takes a step with the connection of holder `at`.
pub(crate) fn take(configuration: &Configuration, state: &mut State, at: usize, step: ServerStep) {
    let idle_until = state.now + configuration.idle_once_told();
    let holder = &mut state.holders[at];
    holder.connection = match (step, holder.connection) {
        (ServerStep::End | ServerStep::Done, Connection::Running(statement, _)) => {
            Connection::Idle(Some(statement), idle_until)
        }
        // It hangs up first.
        (_, Connection::Idle(..)) if holder.undo => {
            Connection::RollingBack(configuration.rolled_back(at, holder.asked, Seconds(0)))
        }
        _ => Connection::None,
    };
    holder.undo &= matches!(holder.connection, Connection::Idle(..) | Connection::Running(..));
}
