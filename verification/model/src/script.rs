//! What a holder has in mind.

use rds_admission::pool::Class;
use rds_admission::time::Seconds;

/// What a holder has in mind.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// What it wants the slot for.
    pub kind: Kind,
    /// Its class.
    pub class: Class,
    /// The length of its lease.
    pub ttl: Seconds,
    /// Whether its own deadline lies beyond its lease, as of one that is no Lambda.
    pub without_deadline: bool,
    /// The last second in which it may begin.
    pub begins_by: Seconds,
    /// How many renewals it may ask for.
    pub renewals: u8,
    /// How often a request of it may be delivered. A caller of the article's protocol says only once
    /// that it gives back.
    pub copies: u8,
    /// Whether it says, when it renews or releases, in which shard its lease is.
    pub names_the_shard: bool,
    /// The holder of the same instance that is to have hung up before this one begins.
    pub after: Option<usize>,
    /// Whether its statements leave a transaction open.
    pub transactions: bool,
    /// How often it may wake up to other work with the slot and the session that it kept.
    pub wakes: u8,
}

/// What a slot is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To take it from somebody: asks, and does nothing more.
    Newcomer,
    /// For nothing but to have it, and to give it back.
    Slot,
    /// For a session that runs so many statements.
    Session(u8),
    /// For a connection of the article's protocol.
    Anonymous,
}

impl Script {
    /// A Lambda with 3 seconds left, so that its lease is 8: the shortest that leaves time to work.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            class: Class::Standard,
            ttl: Seconds(8),
            without_deadline: false,
            begins_by: Seconds(0),
            renewals: 0,
            copies: 1,
            names_the_shard: true,
            after: None,
            transactions: false,
            wakes: 0,
        }
    }

    /// The same, which may begin as late as that.
    #[must_use]
    pub fn begins_by(self, second: u32) -> Self {
        Self { begins_by: Seconds(second), ..self }
    }

    /// The same with a lease of that length.
    #[must_use]
    pub fn with_ttl(self, seconds: u32) -> Self {
        Self { ttl: Seconds(seconds), ..self }
    }

    /// The same, for class priority.
    #[must_use]
    pub fn with_priority(self) -> Self {
        Self { class: Class::Priority, ..self }
    }

    /// The same, with a deadline beyond its lease.
    #[must_use]
    pub fn without_deadline(self) -> Self {
        Self { without_deadline: true, ..self }
    }

    /// The same, with so many renewals.
    #[must_use]
    pub fn renewing(self, times: u8) -> Self {
        Self { renewals: times, ..self }
    }

    /// The same, whose requests may arrive twice.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self { copies: 2, ..self }
    }

    /// The same, which keeps no shard in mind.
    #[must_use]
    pub fn without_the_shard(self) -> Self {
        Self { names_the_shard: false, ..self }
    }

    /// The same on the instance of holder `other`, once that one has hung up.
    #[must_use]
    pub fn after(self, other: usize) -> Self {
        Self { after: Some(other), ..self }
    }

    /// The same, whose statements leave a transaction open.
    #[must_use]
    pub fn with_transactions(self) -> Self {
        Self { transactions: true, ..self }
    }

    /// The same, with other work so many times.
    #[must_use]
    pub fn waking(self, times: u8) -> Self {
        Self { wakes: times, ..self }
    }

    /// How many statements it runs, each time.
    #[must_use]
    pub fn statements(&self) -> u8 {
        if let Kind::Session(statements) = self.kind { statements } else { 0 }
    }
}
