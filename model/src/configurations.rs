//! The configurations that are checked.
//!
//! Each is as small as what it is about allows. A takeover needs only somebody who takes over, so a
//! session is checked against a [`Kind::Newcomer`], not against another session; how messages go
//! astray has nothing to do with what is done under the slot, so it is checked with holders that do
//! nothing there.

mod split;

use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::reached::Reached;
use crate::removed::Removed;
use crate::script::{Kind, Script};
use crate::timing::Timing;

/// A Lambda's session.
pub const LAMBDA: &str = "lambda";
/// The session of a holder whose deadline lies beyond its lease.
pub const PATIENT: &str = "patient";
/// Two sessions.
pub const SESSIONS: &str = "sessions";
/// Messages that go astray.
pub const MESSAGES: &str = "messages";
/// The same where a repeated call could take a second slot.
pub const REPEATS: &str = "repeats";
/// More holders than slots, of both classes.
pub const CLASSES: &str = "classes";
/// A pool that is made smaller.
pub const RESIZE: &str = "resize";
/// A pool that drains, and is swept.
pub const DRAIN: &str = "drain";
/// Renewals.
pub const RENEWALS: &str = "renewals";
/// The article's callers.
pub const ANONYMOUS: &str = "anonymous";
/// Refusals from memory.
pub const MEMORY: &str = "memory";
/// More holders than a split pool has slots.
pub const SHARDS: &str = "shards";
/// Releases and renewals that do not know the shard.
pub const SEARCHES: &str = "searches";
/// Repeated calls to a split pool.
pub const SHARD_REPEATS: &str = "shard-repeats";
/// A session whose call to a split pool is repeated.
pub const SHARD_SESSION: &str = "shard-session";
/// A split pool that is made smaller, and larger again.
pub const SHARD_RESIZE: &str = "shard-resize";

/// The configurations that a test checks on each run.
#[must_use]
pub fn all() -> Vec<Configuration> {
    vec![
        lambda(2),
        patient(2),
        sessions(0),
        messages(1),
        repeats(),
        classes(),
        resize(),
        drain(),
        renewals(),
        anonymous(),
        split::memory(),
        split::shards(),
        split::searches(),
        split::repeats(false),
        split::session(8),
        split::resize(),
    ]
}

/// Larger ones, which take two minutes more: half seconds, a statement in each of two sessions, two
/// holders whose requests are repeated, repeated calls to a split pool beside refusals from memory.
#[must_use]
pub fn large() -> Vec<Configuration> {
    vec![
        halves(lambda(1)),
        halves(patient(1)),
        sessions(1),
        messages(2),
        split::repeats(true),
        split::session(12),
    ]
}

/// The configuration of that name in [`all`].
#[must_use]
pub fn named(name: &str) -> Option<Configuration> {
    all().into_iter().find(|configuration| configuration.name == name)
}

fn base() -> Configuration {
    Configuration {
        name: "",
        covers: "",
        timing: Timing::default(),
        shards: &[1],
        kept: 0,
        resizes: &[],
        memory: false,
        drains: false,
        sweeps: 0,
        horizon: Seconds(12),
        holders: Vec::new(),
        reached: Vec::new(),
        removed: Removed::Nothing,
    }
}

fn newcomer() -> Script {
    Script::new(Kind::Newcomer).begins_by(12)
}

fn lambda(statements: u8) -> Configuration {
    Configuration {
        name: LAMBDA,
        covers: "a Lambda's session, slow, frozen or dead at any step, and somebody who takes over",
        holders: vec![Script::new(Kind::Session(statements)).with_ttl(9), newcomer()],
        reached: vec![Reached::Takeover, Reached::WorkDone, Reached::EndedByTheServer],
        ..base()
    }
}

fn patient(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(9).without_deadline();
    Configuration {
        name: PATIENT,
        covers: "the same with a deadline beyond the lease, so that only the limits end its work",
        holders: vec![session, newcomer()],
        reached: vec![
            Reached::Takeover,
            Reached::WorkDone,
            Reached::EndedByTheServer,
            Reached::LateStatement,
        ],
        ..base()
    }
}

fn sessions(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(8);
    Configuration {
        name: SESSIONS,
        covers: "two sessions, the second one after the first or when it takes over",
        horizon: Seconds(16),
        holders: vec![session, session.begins_by(9)],
        reached: vec![Reached::Takeover, Reached::Refusal, Reached::WorkDone],
        ..base()
    }
}

fn messages(copies: u8) -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    let other = Script { copies, ..holder.begins_by(3) };
    Configuration {
        name: MESSAGES,
        covers: "requests and answers that are late, repeated or lost, on one slot",
        horizon: Seconds(5),
        holders: vec![holder.repeated(), other],
        reached: vec![
            Reached::Takeover,
            Reached::Refusal,
            Reached::RecoveredGrant,
            Reached::LeaseOfNobody,
        ],
        ..base()
    }
}

fn repeats() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: REPEATS,
        covers: "the same with a slot to spare, which a repeated call is not to take",
        shards: &[2],
        horizon: Seconds(6),
        holders: vec![holder.repeated(), newcomer().with_ttl(2)],
        reached: vec![Reached::RecoveredGrant, Reached::LeaseOfNobody],
        ..base()
    }
}

fn classes() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: CLASSES,
        covers: "three holders on two slots, one of them kept for class priority",
        shards: &[2],
        kept: 1,
        horizon: Seconds(6),
        holders: vec![holder, newcomer().with_ttl(2), holder.with_priority().begins_by(1)],
        reached: vec![Reached::Takeover, Reached::Refusal, Reached::PriorityBeyondStandard],
        ..base()
    }
}

fn resize() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: RESIZE,
        covers: "three holders on two slots, of which one goes while leases are out",
        shards: &[2],
        resizes: &[1],
        horizon: Seconds(6),
        holders: vec![holder, holder.begins_by(1), newcomer().with_ttl(2)],
        reached: vec![Reached::Takeover, Reached::AboveTheNewLimit, Reached::Drained],
        ..base()
    }
}

fn drain() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: DRAIN,
        covers: "a pool that drains, is swept and goes on, with a lease that may be renewed",
        drains: true,
        sweeps: 1,
        horizon: Seconds(6),
        holders: vec![holder.renewing(1), newcomer().with_ttl(2)],
        reached: vec![Reached::Takeover, Reached::Refusal, Reached::Swept, Reached::Emptied],
        ..base()
    }
}

fn renewals() -> Configuration {
    Configuration {
        name: RENEWALS,
        covers: "a lease that is renewed in time or too late, with late and repeated renewals",
        horizon: Seconds(7),
        holders: vec![Script::new(Kind::Slot).with_ttl(2).renewing(2), newcomer().with_ttl(2)],
        reached: vec![Reached::Takeover, Reached::Renewed, Reached::RenewalRefused],
        ..base()
    }
}

fn anonymous() -> Configuration {
    let caller = Script::new(Kind::Anonymous).with_ttl(3);
    let other = newcomer().with_ttl(3).begins_by(5);
    Configuration {
        name: ANONYMOUS,
        covers: "callers of the article's protocol, which know no lease, beside one that does",
        shards: &[2],
        horizon: Seconds(7),
        holders: vec![caller, caller.begins_by(4), other],
        reached: vec![Reached::TwoAnonymous, Reached::Refusal],
        ..base()
    }
}

/// The same with time cut twice as fine.
fn halves(configuration: Configuration) -> Configuration {
    let timing = Timing { ticks_per_second: 2, ..configuration.timing };
    Configuration { timing, ..configuration }
}
