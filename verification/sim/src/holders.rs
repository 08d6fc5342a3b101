//! The query's instances: what each of them has, and its connection to the database.

use std::collections::BTreeMap;
use std::time::Duration;

use rds_admission::pool::LeaseId;
use rds_admission::pool::warm::{FillLevel, Warm};

use crate::chance::Rng;
use crate::fleet::{Fleet, Taken};
use crate::scenario::{Routing, Scenario};

/// One instance.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    /// The lease that it keeps while idle.
    kept: Option<Kept>,
    /// The lease under which it has a connection, as the server sees it.
    connected: Option<LeaseId>,
    /// Until when the server waits for a word on it, as the holder reckons.
    waited_for_until: Duration,
    /// When its last work was answered.
    answered: Option<Duration>,
    /// Whether the request that it serves came soon after that.
    often: bool,
    /// How often the limit of its session was set: an end that was set before no longer counts.
    limits: u64,
}

/// What an instance keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) lease: LeaseId,
    /// The item that it is in.
    pub(crate) item: usize,
    /// When it ends, as the holder reckons.
    pub(crate) lease_ends: Duration,
    /// The fill level from the last write of the lease.
    pub(crate) fill_level: FillLevel,
}

/// All of them, and the connections that they have.
#[derive(Debug)]
pub(crate) struct Holders {
    all: Vec<Holder>,
    fleet: Fleet,
    /// Whose connection is open under which lease.
    open: BTreeMap<LeaseId, usize>,
}

impl Holders {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let routing = scenario.query.map_or(Routing::Recent, |query| query.routing);
        let fleet = Fleet::new(scenario.containers, routing);
        let mut holders = Self { all: Vec::new(), fleet, open: BTreeMap::new() };
        holders.all.resize_with(holders.fleet.started(), Holder::default);
        holders
    }

    /// An instance for a request. `None` when as many run as may.
    pub(crate) fn take(&mut self, rng: &mut Rng) -> Option<Taken> {
        let taken = self.fleet.take(rng);
        self.all.resize_with(self.fleet.started(), Holder::default);
        taken
    }

    /// It has nothing more to do for its request.
    pub(crate) fn leave(&mut self, holder: usize) {
        self.fleet.leave(holder);
    }

    /// Puts a lease aside, until the next request, with a connection that the server ends `until` then. Which
    /// setting of the session's limit this is.
    pub(crate) fn keep(&mut self, holder: usize, kept: Kept, until: Duration) -> u64 {
        let this = &mut self.all[holder];
        (this.kept, this.waited_for_until) = (Some(kept), until);
        this.limits += 1;
        this.limits
    }

    /// It begins with a request: what it has kept, which it no longer keeps.
    pub(crate) fn wake(&mut self, holder: usize, now: Duration, warm: &Warm) -> Option<Kept> {
        let this = &mut self.all[holder];
        let idle = this.answered.map(|answered| now.saturating_sub(answered));
        this.often = idle.is_some_and(|idle| warm.is_often_called(idle));
        this.kept.take()
    }

    /// Its work is answered.
    pub(crate) fn answered(&mut self, holder: usize, now: Duration) {
        self.all[holder].answered = Some(now);
    }

    /// It is gone without a word: another one, which has answered nothing yet, has its place.
    pub(crate) fn crashes(&mut self, holder: usize) {
        self.all[holder].answered = None;
    }

    /// Whether it is called often enough to keep something.
    pub(crate) fn is_often_called(&self, holder: usize) -> bool {
        self.all[holder].often
    }

    /// Whether it keeps something.
    pub(crate) fn has_kept(&self, holder: usize) -> bool {
        self.all[holder].kept.is_some()
    }

    /// Whether its connection is there, and the server waits for a word on it until later than `now`.
    pub(crate) fn is_alive(&self, holder: usize, now: Duration) -> bool {
        let this = &self.all[holder];
        this.connected.is_some() && now < this.waited_for_until
    }

    pub(crate) fn connect(&mut self, holder: usize, lease: LeaseId) {
        self.all[holder].connected = Some(lease);
        self.open.insert(lease, holder);
    }

    /// A word is said on it, so that the end is off for which the server had waited.
    pub(crate) fn is_used(&mut self, holder: usize) {
        self.all[holder].limits += 1;
    }

    /// Its connection is gone.
    pub(crate) fn disconnect(&mut self, holder: usize) {
        if let Some(lease) = self.all[holder].connected.take() {
            self.open.remove(&lease);
        }
    }

    /// Whether the server ends the connection now, when this idle limit has passed.
    pub(crate) fn is_over(&self, holder: usize, limit: u64) -> bool {
        let this = &self.all[holder];
        this.limits == limit && this.connected.is_some()
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    /// Connections of these leases that are open.
    pub(crate) fn open_under(&self, leases: &[LeaseId]) -> u64 {
        leases.iter().filter(|lease| self.open.contains_key(lease)).count() as u64
    }
}
