//! The steps.

use std::fmt;

use crate::phase::Message;

/// A step of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Time passes by a tick.
    Tick {
        /// The holder whose clock stands still meanwhile; only without the wall clock.
        frozen_clock: Option<usize>,
    },
    /// A holder's step.
    Holder(usize, HolderStep),
    /// A counter's step.
    Counter(CounterStep),
    /// A step of the server with a holder's connection.
    Server(usize, ServerStep),
    /// A resize is planned, and in a pool of one item written: `PoolAdmin::define`, `PoolAdmin::resize`,
    /// `pool::split::change`.
    Resize,
    /// A share of that resize is written.
    WriteShare,
    /// An operator drains the pool: `PoolAdmin::drain`.
    Drain,
    /// An operator resumes the pool: `PoolAdmin::resume`.
    Resume,
}

/// A step of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderStep {
    /// Requests a slot.
    Acquire,
    /// Receives a grant.
    ReceiveGrant {
        /// Whether the counter recognised a repeated call.
        recognised: bool,
        /// The shard.
        shard: u8,
    },
    /// Receives a rejection.
    ReceiveRejection,
    /// Learns that Lambda has throttled its call, and takes it for undecided.
    ReceiveThrottled,
    /// Stops waiting, and releases what it may have been granted.
    GiveUp,
    /// Requests a renewal.
    Renew,
    /// Receives a successful renewal.
    ReceiveRenewed,
    /// Learns that its lease is lost, and disconnects.
    ReceiveLost,
    /// Checks the clock, and chooses its next step.
    CheckClock,
    /// Connects.
    Connect,
    /// The relay checks the clock, and lets a message pass.
    PassRelay,
    /// A message reaches the server.
    Send(Message),
    /// Receives the result of its statement.
    ReceiveResult,
    /// Begins a rollback.
    BeginRollback,
    /// Disconnects.
    Disconnect,
    /// Sends the release.
    Release,
    /// Finishes its work, and begins the reset to keep its session.
    BeginReset,
    /// Is resumed by new work, checks the clock, and decides what to do with the kept session.
    Resume,
    /// Continues without the response to its renewal.
    SkipRenewal,
    /// Replaces its connection under the same slot.
    Replace,
}

/// A step of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterStep {
    /// Receives an acquire.
    ReceiveAcquire {
        /// The holder.
        holder: usize,
        /// Whether it is a repeated call.
        repeated: bool,
        /// By how many seconds the counter's clock is ahead.
        ahead: u8,
    },
    /// Skips a shard as full, from its cache.
    SkipShard {
        /// The task's index.
        task: usize,
    },
    /// Rejects an acquire by its rate limit.
    RateLimit {
        /// The holder.
        holder: usize,
        /// Whether it is a repeated call.
        repeated: bool,
    },
    /// Its write is throttled by the table.
    Throttle {
        /// The task's index.
        task: usize,
    },
    /// Receives a release, and writes it to the shard that it names or to the lease's first.
    Release {
        /// The holder.
        holder: usize,
    },
    /// Receives an anonymous release, and reads the oldest lease.
    ReceiveAnonymousRelease {
        /// The holder.
        holder: usize,
    },
    /// Receives a renewal.
    ReceiveRenewal {
        /// The holder.
        holder: usize,
        /// By how many seconds the counter's clock is ahead.
        ahead: u8,
    },
    /// Receives a sweep, and reads the pool.
    ReceiveSweep {
        /// By how many seconds the counter's clock is ahead.
        ahead: u8,
    },
    /// The table executes its read or write.
    Write {
        /// The task's index.
        task: usize,
    },
    /// The table applies its write, but the response is lost and the write will be sent again.
    LoseResponse {
        /// The task's index.
        task: usize,
    },
}

/// A step of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerStep {
    /// Ends a statement or a session by its limit.
    TimeOut,
    /// Finishes a statement before its limit.
    Finish,
    /// Sees that the client has disconnected, and ends the session.
    SeeDisconnect,
    /// Finishes the rollback after its close.
    RolledBack,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick { frozen_clock: None } => f.write_str("time passes"),
            Self::Tick { frozen_clock: Some(at) } => {
                write!(f, "time passes, but not on the clock of holder {at}")
            }
            Self::Holder(at, step) => write!(f, "holder {at} {step}"),
            Self::Counter(step) => write!(f, "a counter {step}"),
            Self::Server(at, step) => write!(f, "the server {step} of holder {at}"),
            Self::Resize => f.write_str("an operator plans a resize"),
            Self::WriteShare => f.write_str("the operator writes a share of it"),
            Self::Drain => f.write_str("an operator drains the pool"),
            Self::Resume => f.write_str("an operator resumes the pool"),
        }
    }
}

impl fmt::Display for HolderStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acquire => "requests a slot",
            Self::ReceiveGrant { recognised: false, .. } => "receives a grant",
            Self::ReceiveGrant { recognised: true, .. } => "receives the grant of a repeated call",
            Self::ReceiveRejection => "receives a rejection",
            Self::ReceiveThrottled => "learns that its call was throttled",
            Self::GiveUp => "stops waiting, and releases what it may have",
            Self::Renew => "requests a renewal",
            Self::ReceiveRenewed => "learns that its lease is renewed",
            Self::ReceiveLost => "learns that its lease is lost",
            Self::CheckClock => "checks the clock",
            Self::Connect => "connects",
            Self::PassRelay => "passes the relay's check of the clock",
            Self::Send(Message::Login) => "logs in",
            Self::Send(Message::Limits { statement, .. }) => {
                return write!(f, "sets the session limits, {statement} ticks for a statement");
            }
            Self::Send(Message::Statement { .. }) => "sends a statement",
            Self::Send(Message::RollBack) => "sends the rollback",
            Self::Send(Message::Reset) => "resets the session",
            Self::Send(Message::Keep { idle, .. }) => {
                return write!(f, "sets the idle limit of the kept session, {idle} ticks");
            }
            Self::ReceiveResult => "receives the statement's result",
            Self::BeginRollback => "finishes with an open transaction",
            Self::Disconnect => "disconnects",
            Self::Release => "sends the release",
            Self::BeginReset => "finishes, and may keep its slot",
            Self::Resume => "is resumed, and checks the clock",
            Self::SkipRenewal => "continues without a response",
            Self::Replace => "is about to connect again",
        })
    }
}

impl fmt::Display for CounterStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = |repeated: bool| if repeated { "repeated acquire" } else { "acquire" };
        match *self {
            Self::ReceiveAcquire { holder, repeated, ahead } => {
                let call = call(repeated);
                write!(f, "{ahead} s ahead receives the {call} of holder {holder}")
            }
            Self::SkipShard { .. } => f.write_str("skips a shard as full"),
            Self::RateLimit { holder, repeated } => {
                write!(f, "rejects the {} of holder {holder} by its rate limit", call(repeated))
            }
            Self::Throttle { .. } => f.write_str("is throttled by the table"),
            Self::Release { holder } => write!(f, "writes the release of holder {holder}"),
            Self::ReceiveAnonymousRelease { holder } => {
                write!(f, "receives the release of holder {holder}, and reads the oldest lease")
            }
            Self::ReceiveRenewal { holder, ahead } => {
                write!(f, "{ahead} s ahead receives the renewal of holder {holder}")
            }
            Self::ReceiveSweep { ahead } => {
                write!(f, "{ahead} s ahead receives a sweep, and reads the pool")
            }
            Self::Write { .. } => f.write_str("sends to the table"),
            Self::LoseResponse { .. } => f.write_str("sends to the table, and loses the response"),
        }
    }
}

impl fmt::Display for ServerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimeOut => "ends by a limit the activity in the connection",
            Self::Finish => "finishes the statement",
            Self::SeeDisconnect => "sees the disconnect, and ends the session",
            Self::RolledBack => "finishes the rollback and ends the thread",
        })
    }
}
