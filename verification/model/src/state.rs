//! What a moment of the model consists of.

use crate::mail::Mail;
use crate::phase::Phase;
use crate::script::Script;
use crate::shards::Shards;
use crate::task::{Acquire, Task};
use crate::timing::Ticks;
use crate::warm::Keeping;

/// A moment: the time, the pool, what the counters are at, and each holder with its connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The true time.
    pub now: Ticks,
    /// The pool.
    pub pool: Shards,
    /// Requests that counters are at. In order, so that the same ones are the same state.
    pub tasks: Vec<Task>,
    /// The holders.
    pub holders: Vec<Holder>,
    /// How many anonymous ids were drawn.
    pub drawn: u8,
    /// How many of the sizes that the pool is to be given it was given.
    pub resized: u8,
    /// Slots that the shards are yet to be given, for the last of these sizes: the next one first.
    pub shares: Vec<Share>,
    /// The largest size that the pool has had since each shard was last within its share.
    pub most: u8,
    /// Whether a repeated call was refused or granted another slot, while its lease was out from when the
    /// call arrived to when it was answered.
    pub disowned: bool,
    /// Whether a session that was kept was spoken to when its lease was not out, or in its last seconds.
    pub misused: bool,
    /// Whether a statement was sent again that may have run.
    pub resent: bool,
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
    /// The shard that its grant named, if the pool is split and it keeps that in mind.
    pub shard: Option<u8>,
    /// What is under way between it and the counter.
    pub mail: Mail,
    /// What it knows of a slot that it keeps.
    pub keeping: Keeping,
    /// Its connection, as the server has it.
    pub connection: Connection,
    /// Whether a transaction is open in it, that the server is to roll back.
    pub undo: bool,
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
    /// The server has hung up, and rolls back what was open: until then it counts, however long that takes.
    RollingBack(Option<Ticks>),
    /// A connection of the article's protocol: until its caller, who is trusted to, ends it.
    Trusted(Option<Ticks>),
}

/// Slots that a shard is to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    /// Which shard.
    pub shard: u8,
    /// How many.
    pub slots: u8,
    /// How many of them are kept for class priority.
    pub kept: u8,
    /// Whether the pool drained when it was read.
    pub drained: bool,
    /// Whether slots move, which they do only while it drains and no lease is out.
    pub moves: bool,
}

impl Holder {
    /// One that has asked for nothing yet.
    #[must_use]
    pub fn idle(script: &Script) -> Self {
        Self {
            phase: Phase::Idle,
            asked: 0,
            heard: 0,
            stood_still: 0,
            statements: script.statements(),
            renewals: script.renewals,
            renewal_asked: 0,
            shard: None,
            mail: Mail::default(),
            keeping: Keeping::new(script.wakes),
            connection: Connection::None,
            undo: false,
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

    /// Whether the server may see that it has hung up.
    #[must_use]
    pub fn has_let_go(&self) -> bool {
        self.hung_up() || self.phase == Phase::Replacing
    }

    /// The connections of it that the server has.
    #[must_use]
    pub fn connections(&self) -> usize {
        usize::from(self.connection.is_open()) + usize::from(self.keeping.left)
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
            Self::Running(_, due) | Self::RollingBack(due) | Self::Trusted(due) => due,
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
        self.holders.iter().map(Holder::connections).sum()
    }

    pub(crate) fn begin(&mut self, task: Task) {
        let at = self.tasks.partition_point(|other| *other < task);
        self.tasks.insert(at, task);
    }

    /// Keeps what is judged by in step with the pool, whose last size is `size`.
    pub(crate) fn judge(&mut self, size: u8) {
        self.most = self.most.max(size);
        if self.pool.are_within() {
            // More than its size only as long as shares of an earlier one are left. What its shards have
            // together between two writes is no size that anybody gave it.
            let slots = u8::try_from(self.pool.slots()).unwrap_or(u8::MAX);
            self.most = self.most.min(slots.max(size));
        }
        let mut changed = false;
        for task in &mut self.tasks {
            if let Task::Acquire(Acquire { lease, out, .. }) = task
                && !out.is_empty()
            {
                let still = out.and(self.pool.with(*lease));
                changed |= still != *out;
                *out = still;
            }
        }
        if changed {
            self.tasks.sort_unstable();
        }
    }
}
