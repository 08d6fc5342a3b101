//! Pools that are split, and refusals from memory.

use rds_admission::time::Seconds;

use super::{
    MEMORY, SEARCHES, SHARD_MOVE, SHARD_REPEATS, SHARD_RESIZE, SHARD_SESSION, SHARDS, base,
    newcomer,
};
use crate::configuration::Configuration;
use crate::reached::Reached;
use crate::script::{Kind, Script};

pub(super) fn memory() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: MEMORY,
        covers: "callers that are refused without the table being asked, and a call that is repeated",
        memory: true,
        horizon: Seconds(5),
        holders: vec![holder.repeated(), newcomer().with_ttl(2).begins_by(5)],
        reached: vec![
            Reached::Takeover,
            Reached::RefusedFromMemory,
            Reached::RecoveredGrant,
            Reached::LeaseOfNobody,
        ],
        ..base()
    }
}

pub(super) fn shards() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2);
    Configuration {
        name: SHARDS,
        covers: "three holders on two shards of a slot each, which are asked in either order",
        shards: &[1, 1],
        horizon: Seconds(5),
        holders: vec![holder, holder.begins_by(1), newcomer().with_ttl(2).begins_by(5)],
        reached: vec![
            Reached::Takeover,
            Reached::Refusal,
            Reached::AnotherShard,
            Reached::BothBeginnings,
        ],
        ..base()
    }
}

pub(super) fn searches() -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2).without_the_shard();
    Configuration {
        name: SEARCHES,
        covers: "renewals and releases that have to search both shards for their lease",
        shards: &[1, 1],
        horizon: Seconds(6),
        holders: vec![holder.renewing(1), newcomer().with_ttl(2).begins_by(6)],
        reached: vec![
            Reached::Takeover,
            Reached::Renewed,
            Reached::RenewalRefused,
            Reached::FoundByRelease,
            Reached::FoundByRenewal,
        ],
        ..base()
    }
}

pub(super) fn repeats(memory: bool) -> Configuration {
    let holder = Script::new(Kind::Slot).with_ttl(2).repeated();
    Configuration {
        name: SHARD_REPEATS,
        memory,
        covers: "a call to a split pool that is repeated while its first try is still on its way",
        shards: &[1, 1],
        horizon: Seconds(5),
        holders: vec![holder, Script { copies: 1, ..holder }],
        reached: vec![Reached::Takeover, Reached::RecoveredGrant, Reached::InTwoShards],
        ..base()
    }
}

/// A connection of it is gone at second 8, with its lease; later than that, others only come and go.
pub(super) fn session(horizon: u32) -> Configuration {
    let session = Script::new(Kind::Session(0)).repeated();
    Configuration {
        name: SHARD_SESSION,
        covers: "a session whose call to a split pool is repeated, and somebody who takes over",
        shards: &[1, 1],
        horizon: Seconds(horizon),
        holders: vec![session, newcomer()],
        reached: vec![Reached::Takeover, Reached::EndedByTheServer, Reached::InTwoShards],
        ..base()
    }
}

pub(super) fn resize() -> Configuration {
    let holder = Script::new(Kind::Slot);
    let other = Script::new(Kind::Newcomer);
    Configuration {
        name: SHARD_RESIZE,
        covers: "a split pool that is made smaller, and larger again, share by share, with five callers",
        shards: &[3, 1],
        resizes: &[3, 4],
        horizon: Seconds(0),
        holders: vec![holder, holder, other, other, other],
        reached: vec![Reached::AboveTheNewLimit, Reached::Drained, Reached::GrownAgain],
        ..base()
    }
}

/// Slots move only in a pool that is drained and empty. It may be resumed after any write, whether or not
/// the others follow.
pub(super) fn moves() -> Configuration {
    let other = Script::new(Kind::Newcomer);
    Configuration {
        name: SHARD_MOVE,
        covers: "a split pool that is drained, divided anew and resumed at any write, with four callers",
        shards: &[1, 2],
        resizes: &[3],
        orders: 4,
        horizon: Seconds(0),
        holders: vec![Script::new(Kind::Slot), other, other, other],
        reached: vec![Reached::HalfMoved, Reached::Moved],
        ..base()
    }
}
