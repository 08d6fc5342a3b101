//! Warm slots.
//!
//! A pool in which a slot may be kept has a free slot, so it has at least two. For a takeover it shrinks to one,
//! so that a single newcomer finds it full.

use rds_admission::pool::warm::Warm;
use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::coverage::{
    ABOVE_THE_NEW_LIMIT, ENDED_WHILE_KEPT, KEPT_AGAIN, LOST_ON_RESUME, LOST_WHILE_KEPT,
    RENEWED_ON_RESUME, REPLACED_SESSION, SHARE_KEPT, SHRUNK, TAKEOVER, TWO_CONNECTIONS, USED_AGAIN,
    WORK_DONE,
};
use crate::script::{Kind, Script};

/// The time for the work: the shortest with which a renewal can be in time.
const WORK: Seconds = Seconds(2);

fn warm() -> Warm {
    Warm::new(Seconds(2), Warm::BELOW).unwrap_or_else(|never| unreachable!("a time: {never}"))
}

fn session(statements: u8, resumes: u8) -> Script {
    let ttl = warm().lease_for(WORK.into());
    Script { ttl, ..Script::new(Kind::Session(statements)).resuming(resumes) }
}

pub(super) fn session_and_newcomer(statements: u8) -> Configuration {
    Configuration {
        warm: Some(warm()),
        shards: &[2],
        resizes: &[1],
        horizon: Seconds(14),
        holders: vec![session(statements, 1), Script::newcomer().starts_by(14)],
        coverage: vec![
            TAKEOVER,
            WORK_DONE,
            ENDED_WHILE_KEPT,
            USED_AGAIN,
            LOST_WHILE_KEPT,
            RENEWED_ON_RESUME,
            LOST_ON_RESUME,
            REPLACED_SESSION,
            KEPT_AGAIN,
        ],
        ..Configuration::new(
            "warm",
            "a session that is kept, frozen, used again, and replaced when dead",
        )
    }
}

pub(super) fn discarded() -> Configuration {
    Configuration {
        warm: Some(warm()),
        shards: &[2],
        horizon: Seconds(11),
        holders: vec![session(0, 1), session(0, 0).starts_by(11).after(0)],
        coverage: vec![USED_AGAIN, REPLACED_SESSION, TWO_CONNECTIONS],
        ..Configuration::new(
            "warm-afresh",
            "a kept session, and the new one of the same instance after its discard",
        )
    }
}

pub(super) fn share() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        warm: Some(warm()),
        shards: &[3],
        horizon: Seconds(0),
        resizes: &[2, 3],
        holders: vec![holder.renewing(1), holder.renewing(1), holder, holder],
        coverage: vec![SHARE_KEPT, ABOVE_THE_NEW_LIMIT, SHRUNK],
        ..Configuration::new(
            "warm-share",
            "who may keep one of three slots, one of which is removed and added again",
        )
    }
}
