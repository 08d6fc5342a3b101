//! The phases of a holder, and its messages to the server.

use crate::timing::Ticks;

/// The phase of a holder. It may stay in a phase for any time, or forever, as after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Before its request.
    Idle,
    /// Waiting for the counter's response.
    Acquiring,
    /// With a slot, without a connection.
    Holding,
    /// Has checked the clock and is about to connect.
    Connecting,
    /// Connected, not logged in.
    Connected,
    /// Logged in, without session limits.
    LoggedIn,
    /// About to send a message to the server.
    Sending {
        /// The message.
        message: Message,
        /// Whether the relay has checked the clock and let it pass.
        passed: bool,
    },
    /// With session limits, and idle.
    Ready,
    /// Waiting for a statement's result.
    Waiting,
    /// Session reset, without its idle limit.
    Reset,
    /// Idle, with a kept slot and session.
    Kept,
    /// Resumed by new work, waiting for a renewal.
    Renewing,
    /// Resumed, with a lease that covers the work; nothing sent yet.
    Resumed,
    /// Has found the kept session dead, has disconnected, and waits for the server's close.
    Replacing,
    /// Disconnected, waiting for the server's close.
    Disconnected,
    /// Has sent the release, or never had a slot.
    Released,
}

/// A message to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// The login.
    Login,
    /// The session limits.
    Limits {
        /// The statement limit.
        statement: Ticks,
        /// Whether a statement follows at once.
        then_statement: bool,
    },
    /// A statement.
    Statement {
        /// Whether it follows new limits.
        after_limits: bool,
    },
    /// A rollback, before the holder disconnects.
    RollBack,
    /// A reset of the session, limits included.
    Reset,
    /// The idle limit of a kept session.
    Keep {
        /// The limit.
        idle: Ticks,
        /// Its end on the holder's clock, when the limit was chosen.
        until: Ticks,
    },
}
