//! What a moment of the model consists of.

use crate::lease::{Lease, Leases};
use crate::table::{Table, TakeOver};
use crate::timing::{Expiry, Ticks};

/// A moment: the time, the table, what the counters are at, and each holder with its connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The true time.
    pub now: Ticks,
    /// The pool's item.
    pub table: Table,
    /// Requests that counters are at. In order, so that the same ones are the same state.
    pub tasks: Vec<Task>,
    /// The holders.
    pub holders: Vec<Holder>,
    /// How many anonymous ids were drawn.
    pub drawn: u8,
    /// Whether the pool was given another size.
    pub resized: bool,
    /// Whether, after that, it came down to it.
    pub drained: bool,
    /// What an operator has yet to say: that the pool drains, and that it goes on.
    pub orders: u8,
    /// How often somebody may yet ask for a sweep.
    pub sweeps: u8,
}

/// One invocation, what is under way for it, and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    /// How far it is.
    pub phase: Phase,
    /// When its lease was asked for, or the renewal that it heard of.
    pub asked: Ticks,
    /// When it heard of its grant.
    pub heard: Ticks,
    /// How long its clock stood still; only without the wall clock.
    pub stood_still: Ticks,
    /// Statements that it has yet to run.
    pub statements: u8,
    /// Renewals that it may yet ask for.
    pub renewals: u8,
    /// When it asked for the last of them.
    pub renewal_asked: Ticks,
    /// What is under way between it and the counter.
    pub mail: Mail,
    /// Its connection, as the server has it.
    pub connection: Connection,
}

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
}

/// Requests and answers between a holder and the counter. What is never delivered is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each answer is under way or not, by itself")]
pub struct Mail {
    /// Copies of its acquire that may yet arrive.
    pub acquires: u8,
    /// Copies of its release.
    pub releases: u8,
    /// Copies of its renewal.
    pub renewals: u8,
    /// An answer that it was granted a slot.
    pub granted: bool,
    /// The same, of a counter that recognised the call as a repeated one.
    pub granted_before: bool,
    /// An answer that no slot is free.
    pub refused: bool,
    /// An answer that its lease was renewed.
    pub renewed: bool,
    /// An answer that it was lost.
    pub lost: bool,
}

/// A holder's connection as the server has it. A time in it is when the server ends what is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// There is none.
    None,
    /// It has not logged in: until `connect_timeout`.
    Login(Ticks),
    /// A session that idles, with a statement limit if it was told one: until `wait_timeout`.
    Idle(Option<Ticks>, Ticks),
    /// A session that runs a statement, with its limit: until that limit, if it holds.
    Running(Ticks, Option<Ticks>),
    /// A connection of the article's protocol: until its caller, who is trusted to, ends it.
    Trusted(Option<Ticks>),
}

/// A request that a counter is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    /// An acquire of `lease` for `holder`, by a counter whose clock is `ahead` by so many seconds;
    /// `write` is about to be sent to the table.
    Acquire {
        /// For whom.
        holder: usize,
        /// Under which id.
        lease: Lease,
        /// How far ahead the counter's clock is, in seconds.
        ahead: u8,
        /// The write.
        write: Write,
    },
    /// A renewal; the lease's new expiry is about to be written.
    Renew {
        /// Whose.
        holder: usize,
        /// When its holder asked for it: to an earlier call than its last it no longer listens.
        asked: Ticks,
        /// Until when.
        expiry: Expiry,
    },
    /// A sweep; the leases that were seen expired are about to be taken away.
    Sweep {
        /// The leases, with the expiry that was seen.
        expired: Leases,
        /// How far ahead the counter's clock is, in seconds.
        ahead: u8,
    },
    /// An anonymous give-back; the oldest anonymous lease was read and is about to be removed.
    GiveBack {
        /// Whose.
        holder: usize,
        /// Which lease was read.
        oldest: Lease,
    },
}

/// The write that an acquire is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Write {
    /// `expression::add`, with the lease's expiry.
    Add(Expiry),
    /// `expression::take_over`.
    TakeOver(TakeOver),
}

impl Holder {
    /// One that has asked for nothing yet.
    #[must_use]
    pub fn idle(statements: u8, renewals: u8) -> Self {
        Self {
            phase: Phase::Idle,
            asked: 0,
            heard: 0,
            stood_still: 0,
            statements,
            renewals,
            renewal_asked: 0,
            mail: Mail::default(),
            connection: Connection::None,
        }
    }

    /// Whether it has a slot, as far as it knows, and has not given it back.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Asking | Phase::Released)
    }

    /// Whether it has hung up.
    #[must_use]
    pub fn hung_up(&self) -> bool {
        matches!(self.phase, Phase::HungUp | Phase::Released)
    }
}

impl Connection {
    /// Whether it counts on the server.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self != Self::None
    }

    /// When the server ends what goes on in it.
    #[must_use]
    pub fn due(&self) -> Option<Ticks> {
        match *self {
            Self::None => None,
            Self::Login(due) | Self::Idle(_, due) => Some(due),
            Self::Running(_, due) | Self::Trusted(due) => due,
        }
    }
}

impl State {
    /// Whether the server has something to end before time goes on.
    #[must_use]
    pub fn something_is_due(&self) -> bool {
        let due = |holder: &Holder| holder.connection.due().is_some_and(|due| due <= self.now);
        self.holders.iter().any(due)
    }

    /// The connections that are open on the server.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.holders.iter().filter(|holder| holder.connection.is_open()).count()
    }

    pub(crate) fn begin(&mut self, task: Task) {
        let at = self.tasks.partition_point(|other| *other < task);
        self.tasks.insert(at, task);
    }
}
