//! What can happen next.

use std::fmt;

use crate::phase::Word;

/// A step of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Time goes on by a tick.
    Tick {
        /// The holder whose clock stands still meanwhile; none, unless the wall clock is missing.
        standing: Option<usize>,
    },
    /// A holder does something.
    Holder(usize, HolderStep),
    /// A counter does something.
    Counter(CounterStep),
    /// The server does something with a holder's connection.
    Server(usize, ServerStep),
    /// The pool is to have another size, and its shards' shares are planned; the only one is given its own
    /// at once: `PoolAdmin::define`, `PoolAdmin::resize`, `pool::split::change`.
    Resize,
    /// A shard is given its share of that size.
    GiveShare,
    /// An operator has the pool drain: `Operations::drain`.
    Drain,
    /// An operator has it go on: `Operations::resume`.
    Resume,
}

/// A step of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderStep {
    /// Asks for a slot.
    Ask,
    /// Hears that it has one.
    HearGranted {
        /// From a counter that recognised the call as a repeated one.
        before: bool,
        /// In which shard.
        shard: u8,
    },
    /// Hears that it has none.
    HearRefused,
    /// Hears that Lambda has throttled its call, and takes it for certain that nothing was decided.
    HearThrottled,
    /// Waits no longer, and gives back what it may have been granted.
    GiveUp,
    /// Asks for its lease to be renewed.
    AskRenewal,
    /// Hears that its lease was renewed.
    HearRenewed,
    /// Hears that it was lost, and hangs up.
    HearLost,
    /// Looks at the clock, and decides what to do next.
    Look,
    /// Connects.
    Connect,
    /// The line looks at the clock, and lets a word through.
    LetThrough,
    /// Says it to the server.
    Say(Word),
    /// Hears the result of its statement.
    HearResult,
    /// Is about to have its transaction rolled back.
    RollBack,
    /// Hangs up.
    HangUp,
    /// Says to the counter that it gives the slot back.
    Release,
    /// Is done, and is about to have its session reset, so as to keep it.
    Keep,
    /// Is woken by other work, looks at the clock, and decides what to do with what it kept.
    Wake,
    /// Goes on without having heard what became of its renewal.
    GoOnUnheard,
    /// Is about to connect again, under the same slot.
    Replace,
}

/// A step of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterStep {
    /// An acquire arrives.
    HearAcquire {
        /// Whose.
        holder: usize,
        /// Whether it is a repeated one.
        again: bool,
        /// At a counter whose clock is ahead by so many seconds.
        ahead: u8,
    },
    /// A shard is taken for full without being asked.
    PassOver {
        /// By which of the tasks.
        task: usize,
    },
    /// An acquire arrives, and is refused by the counter's own limit.
    HoldOff {
        /// Whose.
        holder: usize,
        /// Whether it is a repeated one.
        again: bool,
    },
    /// The table throttles the write of a task.
    Throttle {
        /// Which of the tasks.
        task: usize,
    },
    /// A release arrives, and is written to the shard that it names, or else to its lease's first.
    Release {
        /// Whose.
        holder: usize,
    },
    /// An anonymous give-back arrives, and the oldest lease is read.
    HearGiveBack {
        /// Whose.
        holder: usize,
    },
    /// A renewal arrives.
    HearRenewal {
        /// Whose.
        holder: usize,
        /// At a counter whose clock is ahead by so many seconds.
        ahead: u8,
    },
    /// A sweep is asked for, and the pool is read.
    HearSweep {
        /// At a counter whose clock is ahead by so many seconds.
        ahead: u8,
    },
    /// The write of a task, or its read, reaches the table.
    Write {
        /// Which of the tasks.
        task: usize,
    },
    /// The same, but the table's answer is lost, and the write will be repeated.
    WriteUnheard {
        /// Which of the tasks.
        task: usize,
    },
}

/// A step of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerStep {
    /// Ends by a limit what goes on in the connection: a statement, or the session.
    End,
    /// A statement is done before its limit.
    Done,
    /// It sees that the holder has hung up, and ends the session.
    SeeHangUp,
    /// It has rolled back what was open when it hung up.
    RolledBack,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tick { standing: None } => f.write_str("time goes on"),
            Self::Tick { standing: Some(at) } => {
                write!(f, "time goes on, but not on the clock of holder {at}")
            }
            Self::Holder(at, step) => write!(f, "holder {at} {step}"),
            Self::Counter(step) => write!(f, "a counter {step}"),
            Self::Server(at, step) => write!(f, "the server {step} of holder {at}"),
            Self::Resize => f.write_str("the pool is to have another size"),
            Self::GiveShare => f.write_str("a shard is given its share of it"),
            Self::Drain => f.write_str("the pool is to drain"),
            Self::Resume => f.write_str("the pool goes on"),
        }
    }
}

impl fmt::Display for HolderStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ask => "asks for a slot",
            Self::HearGranted { before: false, .. } => "hears that it has one",
            Self::HearGranted { before: true, .. } => "hears, of a repeated call, that it has one",
            Self::HearRefused => "hears that none is free",
            Self::HearThrottled => "hears that its call was throttled",
            Self::GiveUp => "waits no longer, and gives back what it may have",
            Self::AskRenewal => "asks for a renewal",
            Self::HearRenewed => "hears that its lease is renewed",
            Self::HearLost => "hears that its lease is lost",
            Self::Look => "looks at the clock",
            Self::Connect => "connects",
            Self::LetThrough => "has its line look at the clock",
            Self::Say(Word::Login) => "logs in",
            Self::Say(Word::Limits { statement, .. }) => {
                return write!(f, "tells the session's limits, {statement} ticks a statement");
            }
            Self::Say(Word::Statement { .. }) => "sends a statement",
            Self::Say(Word::RollBack) => "has the transaction rolled back",
            Self::Say(Word::Reset) => "resets the session",
            Self::Say(Word::Keep { idle, .. }) => {
                return write!(f, "tells the session that it is kept, for {idle} ticks");
            }
            Self::HearResult => "hears the statement's result",
            Self::RollBack => "is done, with a transaction open",
            Self::HangUp => "hangs up",
            Self::Release => "says to the counter that it gives back",
            Self::Keep => "is done, and may keep its slot",
            Self::Wake => "is woken, and looks at the clock",
            Self::GoOnUnheard => "goes on without an answer",
            Self::Replace => "is about to connect again",
        })
    }
}

impl fmt::Display for CounterStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HearAcquire { holder, again, ahead } => {
                let again = if *again { " again" } else { "" };
                write!(
                    f,
                    "{ahead} s ahead hears holder {holder} ask{again}, and looks at its clock"
                )
            }
            Self::PassOver { .. } => f.write_str("takes a shard for full"),
            Self::HoldOff { holder, again } => {
                let again = if *again { " again" } else { "" };
                write!(f, "hears holder {holder} ask{again}, and refuses it by its own limit")
            }
            Self::Throttle { .. } => f.write_str("is throttled by the table"),
            Self::Release { holder } => {
                write!(f, "hears the release of holder {holder}, and writes it")
            }
            Self::HearGiveBack { holder } => {
                write!(f, "hears the give-back of holder {holder}, and reads the oldest lease")
            }
            Self::HearRenewal { holder, ahead } => {
                write!(
                    f,
                    "{ahead} s ahead hears the renewal of holder {holder}, and looks at its clock"
                )
            }
            Self::HearSweep { ahead } => {
                write!(f, "{ahead} s ahead is asked for a sweep, and reads the pool")
            }
            Self::Write { .. } => f.write_str("has the table decide"),
            Self::WriteUnheard { .. } => f.write_str("has the table decide, and does not hear how"),
        }
    }
}

impl fmt::Display for ServerStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "ends by a limit what goes on in the connection",
            Self::Done => "has done the statement",
            Self::SeeHangUp => "sees that it was hung up on, and ends the session",
            Self::RolledBack => "has rolled back what was open, and has no thread any more",
        })
    }
}
