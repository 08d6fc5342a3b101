//! The script of a holder.

use rds_admission::pool::Class;
use rds_admission::time::Seconds;

/// The script of a holder.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// The use of the slot.
    pub kind: Kind,
    /// Its class.
    pub class: Class,
    /// The length of its lease.
    pub ttl: Seconds,
    /// Whether its deadline is later than its lease allows, as outside of Lambda.
    pub without_deadline: bool,
    /// The last second in which it may start.
    pub starts_by: Seconds,
    /// The number of renewals.
    pub renewals: u8,
    /// How often a request may be delivered; an anonymous release only once.
    pub copies: u8,
    /// Whether renewals and releases name the shard.
    pub names_shard: bool,
    /// The holder that must have disconnected before this one starts.
    pub after: Option<usize>,
    /// Whether its statements leave a transaction open.
    pub transactions: bool,
    /// How often it may resume with its kept slot and session.
    pub resumes: u8,
}

/// The use of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// None: sends an acquire and does nothing more.
    Newcomer,
    /// None: acquires and releases.
    Slot,
    /// A session with this number of statements.
    Session(u8),
    /// A connection by the article's protocol.
    Anonymous,
}

impl Script {
    /// A Lambda with 3 s left: its lease of 8 s is the shortest that leaves time to work.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            class: Class::Standard,
            ttl: Seconds(8),
            without_deadline: false,
            starts_by: Seconds(0),
            renewals: 0,
            copies: 1,
            names_shard: true,
            after: None,
            transactions: false,
            resumes: 0,
        }
    }

    /// A newcomer that may start at any time.
    #[must_use]
    pub fn newcomer() -> Self {
        Self::new(Kind::Newcomer).starts_by(12)
    }

    /// Whether it uses the article's protocol.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.kind == Kind::Anonymous
    }

    /// Whether it only sends an acquire.
    #[must_use]
    pub fn is_newcomer(&self) -> bool {
        self.kind == Kind::Newcomer
    }

    /// With a later start.
    #[must_use]
    pub fn starts_by(self, second: u32) -> Self {
        Self { starts_by: Seconds(second), ..self }
    }

    /// With a lease of this length.
    #[must_use]
    pub fn with_ttl(self, seconds: u32) -> Self {
        Self { ttl: Seconds(seconds), ..self }
    }

    /// Of class priority.
    #[must_use]
    pub fn with_priority(self) -> Self {
        Self { class: Class::Priority, ..self }
    }

    /// With a deadline beyond its lease.
    #[must_use]
    pub fn without_deadline(self) -> Self {
        Self { without_deadline: true, ..self }
    }

    /// With renewals.
    #[must_use]
    pub fn renewing(self, times: u8) -> Self {
        Self { renewals: times, ..self }
    }

    /// With requests that may arrive twice.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self { copies: 2, ..self }
    }

    /// Without naming the shard.
    #[must_use]
    pub fn without_shard(self) -> Self {
        Self { names_shard: false, ..self }
    }

    /// On the instance of holder `other`, after that has disconnected.
    #[must_use]
    pub fn after(self, other: usize) -> Self {
        Self { after: Some(other), ..self }
    }

    /// With statements that leave a transaction open.
    #[must_use]
    pub fn with_transactions(self) -> Self {
        Self { transactions: true, ..self }
    }

    /// With more work after the first.
    #[must_use]
    pub fn resuming(self, times: u8) -> Self {
        Self { resumes: times, ..self }
    }

    /// The number of statements for each piece of work.
    #[must_use]
    pub fn statements(&self) -> u8 {
        if let Kind::Session(statements) = self.kind { statements } else { 0 }
    }
}
