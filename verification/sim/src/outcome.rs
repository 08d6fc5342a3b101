//! What a run came to.

use std::time::Duration;

/// What a run came to, while it was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Callers that came.
    pub arrived: u64,
    /// Callers that found no free container.
    pub turned_away: u64,
    /// Callers that got a slot.
    pub admitted: u64,
    /// Callers that got none.
    pub rejected: u64,
    /// Refusals: one for each rejected caller, and those after which a caller waited.
    pub refusals: u64,
    /// Refusals while one slot of twenty, or more, was free.
    pub refused_beside_room: u64,
    /// Refusals while one slot of twenty, or more, was kept by an idle instance.
    pub refused_beside_kept: u64,
    /// Calls that Lambda throttled, as no counter was free for them.
    pub counter_throttled: u64,
    /// Admissions a second.
    pub goodput: f64,
    /// The mean share of slots in use.
    pub utilisation: f64,
    /// Slots in use, on average.
    pub out: f64,
    /// The most slots that were ever out at once.
    pub most_out: u32,
    /// Slots in use at the end that can never be acquired again.
    pub lost: u32,
    /// Slots kept by idle instances, on average.
    pub kept: f64,
    /// The largest share of an item's standard slots that was ever kept at once.
    pub most_kept: f64,
    /// Mean number of open connections to the database. Recorded only where the query's instances are simulated.
    pub connections: f64,
    /// The most of them that were ever open at once.
    pub most_connections: u32,
    /// Connections that were made.
    pub connects: u64,
    /// Leases that were taken over or swept, measured or not.
    pub taken_over: u64,
    /// Connections under them that were still open.
    pub bereft: u64,
    /// Requests to the table, those that it throttled included.
    pub requests: u64,
    /// Write units of all items together.
    pub write_units: f64,
    /// Renewals.
    pub renewals: u64,
    /// Renewals of leases that were not out any more.
    pub lost_renewals: u64,
    /// Looks.
    pub peeks: u64,
    /// Acquires that were refused by their condition.
    pub failed_writes: u64,
    /// Acquires and peeks that were throttled.
    pub throttled: u64,
    /// Releases that were throttled.
    pub throttled_releases: u64,
    /// Read units of all peeks and failed writes, a write counted as 5.
    pub units: f64,
    /// Write units a second of the item that took the most.
    pub writes: f64,
    /// The most write units that an item took in one second.
    pub peak_writes: f64,
    /// Read units a second of the item that took the most.
    pub reads: f64,
    /// How long grants took, from the asking to the hearing.
    pub grant: Times,
    /// How long refusals took.
    pub refusal: Times,
    /// How long slots stayed taken after the work with them had ended.
    pub release: Times,
    /// How long callers that got a slot had waited for it.
    pub waited: Times,
    /// How long clients that come back had been without a slot when they got one.
    pub between: Times,
    /// Time of an admitted request, from the caller's arrival to its answer. Recorded only where the query's
    /// instances are simulated.
    pub answer: Times,
    /// The same without the work: a slot, a connection, and giving them back or keeping them.
    pub beside_the_work: Times,
    /// The most calls of a client that were refused in a row.
    pub most_refused: u32,
    /// Jain's index of the slots that clients got: 1 when all got as many.
    pub fairness: f64,
}

/// How long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The median.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Outcome {
    /// Read units for each caller that was rejected: including those spent for admitted callers.
    #[must_use]
    pub fn units_per_rejection(&self) -> f64 {
        self.units / number(self.rejected.max(1))
    }

    /// The same for each refusal.
    #[must_use]
    pub fn units_per_refusal(&self) -> f64 {
        self.units / number(self.refusals.max(1))
    }

    /// Looks for each admission.
    #[must_use]
    pub fn peeks_per_grant(&self) -> f64 {
        number(self.peeks) / number(self.admitted.max(1))
    }

    /// Refused writes for each admission.
    #[must_use]
    pub fn failed_per_grant(&self) -> f64 {
        number(self.failed_writes) / number(self.admitted.max(1))
    }

    /// `count` per 1,000 admissions.
    #[must_use]
    pub fn of_a_thousand(&self, count: f64) -> f64 {
        1_000.0 * count / number(self.admitted.max(1))
    }

    /// Callers that were rejected, of all that were decided.
    #[must_use]
    pub fn rejected_share(&self) -> f64 {
        number(self.rejected) / number((self.rejected + self.admitted).max(1))
    }

    /// Refusals beside kept slots, of all.
    #[must_use]
    pub fn beside_kept_share(&self) -> f64 {
        number(self.refused_beside_kept) / number(self.refusals.max(1))
    }

    /// Refusals beside free slots, of all.
    #[must_use]
    pub fn beside_room_share(&self) -> f64 {
        number(self.refused_beside_room) / number(self.refusals.max(1))
    }
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "no run counts to 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
