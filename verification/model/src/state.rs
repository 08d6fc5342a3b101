//! The state: time, pool, the counters' tasks, and each holder with its connection.

use crate::phase::Phase;
use crate::script::Script;
use crate::shards::{ShardSet, Shards};
use crate::task::{Acquire, Task};
use crate::timing::Ticks;

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The true time.
    pub now: Ticks,
    /// The pool.
    pub pool: Shards,
    /// The counters' tasks, sorted, so that equal sets are equal states.
    pub tasks: Vec<Task>,
    /// The holders.
    pub holders: Vec<Holder>,
    /// The number of anonymous ids drawn.
    pub anonymous_ids: u8,
    /// The number of resizes begun.
    pub resized: u8,
    /// The shares of the last resize not written yet, in order.
    pub shares: Vec<Share>,
    /// The largest size of the pool since each shard was last within its share.
    pub most: u8,
    /// Whether a repeated call was rejected or granted another slot, although its lease was held from its arrival
    /// to the response.
    pub disowned: bool,
    /// Whether a kept session was used without a held lease, or in the lease's last seconds.
    pub misused: bool,
    /// Whether a statement was sent again that may have run.
    pub resent: bool,
    /// How often an operator may yet drain or resume the pool.
    pub drain_orders: u8,
    /// How many sweeps may yet be requested.
    pub sweeps: u8,
}

/// One invocation, its messages, and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Its phase.
    pub phase: Phase,
    /// The time of its request for the lease, or for the last successful renewal.
    pub requested: Ticks,
    /// The time at which it received the grant.
    pub granted_at: Ticks,
    /// By how much its clock is behind; only without the wall clock.
    pub clock_behind: Ticks,
    /// Statements left to run.
    pub statements: u8,
    /// Renewals left.
    pub renewals: u8,
    /// The time of its last request for a renewal.
    pub renewal_requested: Ticks,
    /// The shard of its grant, if the pool is split and the holder stores it.
    pub shard: Option<u8>,
    /// Messages between it and the counters.
    pub in_flight: InFlight,
    /// What it knows about keeping its slot.
    pub keeping: Keeping,
    /// Its connection, as the server sees it.
    pub connection: Connection,
    /// Whether a transaction is open.
    pub undo: bool,
}

/// Messages between a holder and the counters. One that is never delivered is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent messages")]
pub struct InFlight {
    /// The acquire.
    pub acquire: bool,
    /// Repeated acquires, marked as such.
    pub repeats: u8,
    /// Releases.
    pub releases: u8,
    /// Renewals.
    pub renewals: u8,
    /// Grants, by shard.
    pub granted: ShardSet,
    /// Grants by a counter that recognised a repeated call, by shard.
    pub recognised: ShardSet,
    /// A rejection.
    pub rejected: bool,
    /// A successful renewal.
    pub renewed: bool,
    /// A renewal that found no lease.
    pub lost: bool,
    /// The [`Keeping::limit`] in a grant or renewal.
    pub keep_limit: Option<u8>,
}

/// What a holder knows about keeping its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keeping {
    /// The standard limit in its last grant or renewal; `None` if the fill level forbids keeping the slot.
    pub limit: Option<u8>,
    /// Until when it expects the server to keep its session.
    pub until: Ticks,
    /// How often it may yet resume.
    pub resumes: u8,
    /// The origin of its session.
    pub session: Origin,
    /// Whether the result of a statement is pending.
    pub result_pending: bool,
    /// Whether the server still has a connection that was replaced; only in an ablation.
    pub left: bool,
}

/// The origin of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The first one under its slot.
    First,
    /// Kept from earlier work.
    Kept,
    /// In place of a kept session that had died.
    Replaced,
}

/// A connection as the server sees it. Times are when the server ends the current activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// None.
    None,
    /// Before the login, until `connect_timeout`.
    Login(Ticks),
    /// An idle session with its statement limit, if set, until `wait_timeout`.
    Idle(Option<Ticks>, Ticks),
    /// A session with its statement limit that runs a statement, until that limit if it applies.
    Running(Ticks, Option<Ticks>),
    /// Closed by the server, which rolls back; counts until then.
    RollingBack(Option<Ticks>),
    /// An anonymous caller's connection, until the caller closes it.
    Trusted(Option<Ticks>),
}

/// A share to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    /// The shard.
    pub shard: u8,
    /// Its new slots.
    pub slots: u8,
    /// Those reserved for class priority.
    pub reserved: u8,
    /// Whether the pool was draining when it was read.
    pub drained: bool,
    /// Whether slots move, which requires a draining pool without leases.
    pub moves: bool,
}

impl InFlight {
    /// Removes a grant that is received.
    pub(crate) fn take_grant(&mut self, recognised: bool, shard: u8) {
        let grants = if recognised { &mut self.recognised } else { &mut self.granted };
        grants.remove(shard);
    }
}

impl Keeping {
    fn new(resumes: u8) -> Self {
        let (limit, until, session) = (None, 0, Origin::First);
        Self { limit, until, resumes, session, result_pending: false, left: false }
    }
}

impl Holder {
    /// A holder before its first request.
    #[must_use]
    pub fn idle(script: &Script) -> Self {
        Self {
            phase: Phase::Idle,
            requested: 0,
            granted_at: 0,
            clock_behind: 0,
            statements: script.statements(),
            renewals: script.renewals,
            renewal_requested: 0,
            shard: None,
            in_flight: InFlight::default(),
            keeping: Keeping::new(script.resumes),
            connection: Connection::None,
            undo: false,
        }
    }

    /// Whether it has a slot, as far as it knows, and has not released it.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Acquiring | Phase::Released)
    }

    /// Whether it has disconnected.
    #[must_use]
    pub fn has_disconnected(&self) -> bool {
        matches!(self.phase, Phase::Disconnected | Phase::Released)
    }

    /// Whether the server may see that the client has closed the connection.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        self.has_disconnected() || self.phase == Phase::Replacing
    }

    /// The number of its connections on the server.
    #[must_use]
    pub fn connections(&self) -> usize {
        usize::from(self.connection.is_open()) + usize::from(self.keeping.left)
    }

    /// The time by its own clock: the true time, as by `FreezeAwareInstant`, or behind it without the wall clock.
    #[must_use]
    pub fn clock(&self, now: Ticks) -> Ticks {
        now.saturating_sub(self.clock_behind)
    }

    /// Sends a renewal. Responses to an earlier one are ignored from then on.
    pub(crate) fn request_renewal(&mut self, copies: u8, now: Ticks) {
        self.renewal_requested = now;
        self.in_flight =
            InFlight { renewals: copies, renewed: false, lost: false, ..self.in_flight };
    }

    /// Resets what is never read again, so that it does not multiply the states.
    pub(crate) fn forget(&mut self, script: &Script) {
        if !matches!(self.phase, Phase::Acquiring | Phase::Holding) {
            let none = ShardSet::default();
            self.in_flight =
                InFlight { granted: none, recognised: none, rejected: false, ..self.in_flight };
        }
        if !script.without_deadline || self.has_disconnected() {
            self.granted_at = 0;
        }
        if self.has_disconnected() {
            self.statements = 0;
            self.keeping = Keeping { left: self.keeping.left, ..Keeping::new(0) };
        }
        if !matches!(self.phase, Phase::Kept | Phase::Renewing | Phase::Resumed) {
            self.keeping.until = 0;
        }
        let over = self.phase == Phase::Released && !script.is_anonymous();
        if over || script.is_newcomer() {
            self.requested = 0;
            self.renewal_requested = 0;
        }
        if over {
            self.renewals = 0;
            self.in_flight = InFlight { renewed: false, lost: false, ..self.in_flight };
        }
    }
}

impl Connection {
    /// Whether it counts on the server.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self != Self::None
    }

    /// When the server ends the current activity.
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
    /// Whether the server must end something before time passes.
    #[must_use]
    pub fn something_is_due(&self) -> bool {
        let due = |holder: &Holder| holder.connection.due().is_some_and(|due| due <= self.now);
        self.holders.iter().any(due)
    }

    /// The number of connections on the server.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.holders.iter().map(Holder::connections).sum()
    }

    pub(crate) fn begin(&mut self, task: Task) {
        let at = self.tasks.partition_point(|other| *other < task);
        self.tasks.insert(at, task);
    }

    /// Updates what the properties need. `size` is the last requested size of the pool.
    pub(crate) fn judge(&mut self, size: u8) {
        self.most = self.most.max(size);
        if self.pool.are_within() {
            // The sum of the shards counts only while shares of an earlier size are left: the sum between two writes
            // was never requested.
            let slots = u8::try_from(self.pool.slots()).unwrap_or(u8::MAX);
            self.most = self.most.min(slots.max(size));
        }
        let mut changed = false;
        for task in &mut self.tasks {
            if let Task::Acquire(Acquire { lease, held_in, .. }) = task
                && !held_in.is_empty()
            {
                let still = held_in.and(self.pool.with(*lease));
                changed |= still != *held_in;
                *held_in = still;
            }
        }
        if changed {
            self.tasks.sort_unstable();
        }
    }
}
