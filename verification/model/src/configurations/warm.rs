//! Slots that are kept from one piece of work to the next.
//!
//! A pool in which a slot may be kept has room for one more, and so has two slots at the least. For a takeover
//! one of them goes: the pool is made smaller, so that a single newcomer finds it full.

use rds_admission::pool::warm::Warm;
use rds_admission::time::Seconds;

use super::{WARM, WARM_AFRESH, WARM_SHARE, base, newcomer};
use crate::configuration::Configuration;
use crate::reached::Reached;
use crate::script::{Kind, Script};

/// How long work may take. The shortest with which there is a moment at which a renewal is in time.
const WORK: Seconds = Seconds(2);

/// How slots are kept.
fn warm() -> Warm {
    Warm::new(Seconds(2), Warm::BELOW).unwrap_or_else(|never| unreachable!("a time: {never}"))
}

/// A session that is used again so many times.
fn session(statements: u8, wakes: u8) -> Script {
    let ttl = warm().lease_for(WORK.into());
    Script { ttl, ..Script::new(Kind::Session(statements)).waking(wakes) }
}

pub(super) fn session_and_newcomer(statements: u8) -> Configuration {
    Configuration {
        name: WARM,
        covers: "a session that is kept, frozen, used again, and replaced when it is dead",
        warm: Some(warm()),
        shards: &[2],
        resizes: &[1],
        horizon: Seconds(14),
        holders: vec![session(statements, 1), newcomer().begins_by(14)],
        reached: vec![
            Reached::Takeover,
            Reached::WorkDone,
            Reached::EndedWhileKept,
            Reached::UsedAgain,
            Reached::LostWhileKept,
            Reached::WokenInTime,
            Reached::WokenTooLate,
            Reached::ReplacedSession,
            Reached::KeptAgain,
        ],
        ..base()
    }
}

pub(super) fn afresh() -> Configuration {
    Configuration {
        name: WARM_AFRESH,
        covers: "a session that is kept, and the new one with which its instance starts afresh",
        warm: Some(warm()),
        shards: &[2],
        horizon: Seconds(11),
        holders: vec![session(0, 1), session(0, 0).begins_by(11).after(0)],
        reached: vec![Reached::UsedAgain, Reached::ReplacedSession, Reached::TwoSessions],
        ..base()
    }
}

pub(super) fn share() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: WARM_SHARE,
        covers: "who may keep one of three slots, of which one goes and comes back",
        warm: Some(warm()),
        shards: &[3],
        horizon: Seconds(0),
        resizes: &[2, 3],
        holders: vec![holder.renewing(1), holder.renewing(1), holder, holder],
        reached: vec![Reached::ShareKept, Reached::AboveTheNewLimit, Reached::Drained],
        ..base()
    }
}
