//! How far a holder is, and what it says to the server.

use crate::timing::Ticks;

/// How far a holder is. It may stay in any phase for any time, or for ever: that is a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has asked for nothing.
    Idle,
    /// It waits for the counter's answer.
    Asking,
    /// It has a slot and no connection.
    Holding,
    /// It has looked at the clock and is about to connect.
    Connecting,
    /// It is connected and not logged in.
    Connected,
    /// It is logged in and has told no limits.
    LoggedIn,
    /// It is about to say something to the server.
    Speaking {
        /// What.
        word: Word,
        /// Whether the line has looked at the clock, and let it through.
        let_through: bool,
    },
    /// The session has its limits and runs nothing.
    Ready,
    /// It waits for a statement's result.
    Waiting,
    /// Its session is reset, and has not been told how long it is kept.
    Reset,
    /// It does nothing, and keeps its slot and its session for the work that may come next.
    Kept,
    /// It has been woken by that work, and waits for its lease to be renewed.
    Renewing,
    /// It has been woken, its lease covers the work, and it has said nothing yet.
    Woken,
    /// It has found the session that it kept dead, has hung up, and waits for the server to do so.
    Replacing,
    /// It has hung up and waits for the server to do so.
    HungUp,
    /// It has given the slot back, or said so to the counter.
    Released,
}

/// What a holder says to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Word {
    /// Its login.
    Login,
    /// The session's limits.
    Limits {
        /// How long a statement may take.
        statement: Ticks,
        /// Whether a statement follows at once.
        resume: bool,
    },
    /// A statement.
    Statement {
        /// Whether it follows limits that were told anew for it.
        resumed: bool,
    },
    /// That its transaction is to be rolled back, before it hangs up.
    RollBack,
    /// That nothing of the session's work is to be left, its limits included.
    Reset,
    /// How long it is to be kept.
    Keep {
        /// So long.
        idle: Ticks,
        /// Until then, on the holder's clock, when it decided on this.
        until: Ticks,
    },
}
