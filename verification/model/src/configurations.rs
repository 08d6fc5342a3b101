//! The configurations that are checked.
//!
//! Each is as small as what it is about allows. A takeover needs only somebody who takes over, so a
//! session is checked against a [`Kind::Newcomer`], not against another session; how messages go
//! astray has nothing to do with what is done under the slot, so it is checked with holders that do
//! nothing there.

mod session;
mod split;
mod warm;

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
/// A session that leaves a transaction open.
pub const ROLLBACK: &str = "rollback";
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
/// Requests that are turned away.
pub const THROTTLED: &str = "throttled";
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
/// A split pool whose slots move.
pub const SHARD_MOVE: &str = "shard-move";

/// A session that is kept.
pub const WARM: &str = "warm";
/// Another one after it.
pub const WARM_AFRESH: &str = "warm-afresh";
/// How many slots may be kept.
pub const WARM_SHARE: &str = "warm-share";

/// The configurations that a test checks on each run.
#[must_use]
pub fn all() -> Vec<Configuration> {
    vec![
        session::lambda(2),
        session::patient(2),
        session::rollback(1),
        session::sessions(0),
        messages(1),
        repeats(),
        classes(),
        resize(),
        drain(),
        renewals(),
        anonymous(),
        split::memory(),
        throttled(),
        split::shards(),
        split::searches(),
        split::repeats(false),
        split::session(8),
        split::resize(),
        split::moves(),
        warm::session_and_newcomer(1),
        warm::afresh(),
        warm::share(),
    ]
}

/// Larger ones, which take three minutes more: half seconds, a statement in each of two sessions, two
/// holders whose requests are repeated, repeated calls to a split pool beside refusals from memory.
#[must_use]
pub fn large() -> Vec<Configuration> {
    vec![
        halves(session::lambda(1)),
        halves(session::patient(1)),
        session::sessions(1),
        messages(2),
        split::repeats(true),
        split::session(12),
        halves(warm::session_and_newcomer(0)),
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
        warm: None,
        resizes: &[],
        memory: false,
        throttles: false,
        orders: 0,
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

fn throttled() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: THROTTLED,
        covers: "calls that are turned away by the table, by Lambda or by the counter, after an answer was lost",
        throttles: true,
        horizon: Seconds(5),
        holders: vec![holder.repeated(), newcomer().with_ttl(2).begins_by(5)],
        reached: vec![
            Reached::Takeover,
            Reached::RefusedFromMemory,
            Reached::RecoveredGrant,
            Reached::RecoveredWrite,
        ],
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
        orders: 2,
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
