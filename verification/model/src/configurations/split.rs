//! Split pools.

use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::coverage::{
    ABOVE_THE_NEW_LIMIT, ANOTHER_SHARD, BOTH_FIRST_SHARDS, ENDED_BY_THE_SERVER, FOUND_BY_RELEASE,
    FOUND_BY_RENEWAL, GROWN_AGAIN, HALF_MOVED, IN_TWO_SHARDS, MOVED, RECOVERED_GRANT, REJECTION,
    RENEWAL_TOO_LATE, RENEWED, SHRUNK, TAKEOVER,
};
use crate::script::{Kind, Script};

fn slot() -> Script {
    Script::new(Kind::Slot).with_ttl(2)
}

pub(super) fn shards() -> Configuration {
    Configuration {
        shards: &[1, 1],
        horizon: Seconds(5),
        holders: vec![slot(), slot().starts_by(1), Script::newcomer().with_ttl(2).starts_by(5)],
        coverage: vec![TAKEOVER, REJECTION, ANOTHER_SHARD, BOTH_FIRST_SHARDS],
        ..Configuration::new(
            "shards",
            "three holders for two shards of a slot each, which are tried in either order",
        )
    }
}

pub(super) fn searches() -> Configuration {
    let holder = slot().without_shard().renewing(1);
    Configuration {
        shards: &[1, 1],
        horizon: Seconds(6),
        holders: vec![holder, Script::newcomer().with_ttl(2).starts_by(6)],
        coverage: vec![TAKEOVER, RENEWED, RENEWAL_TOO_LATE, FOUND_BY_RELEASE, FOUND_BY_RENEWAL],
        ..Configuration::new(
            "searches",
            "renewals and releases that search both shards for their lease",
        )
    }
}

pub(super) fn repeats(from_cache: bool) -> Configuration {
    Configuration {
        from_cache,
        shards: &[1, 1],
        horizon: Seconds(5),
        holders: vec![slot().repeated(), slot()],
        coverage: vec![TAKEOVER, RECOVERED_GRANT, IN_TWO_SHARDS],
        ..Configuration::new(
            "shard-repeats",
            "a call to a split pool, repeated while its first try is in flight",
        )
    }
}

/// The session's connection and lease end by second 8; afterwards only other holders come and go.
pub(super) fn session(horizon: u32) -> Configuration {
    Configuration {
        shards: &[1, 1],
        horizon: Seconds(horizon),
        holders: vec![Script::new(Kind::Session(0)).repeated(), Script::newcomer()],
        coverage: vec![TAKEOVER, ENDED_BY_THE_SERVER, IN_TWO_SHARDS],
        ..Configuration::new(
            "shard-session",
            "a session whose call to a split pool is repeated, and a newcomer that takes over",
        )
    }
}

pub(super) fn resize() -> Configuration {
    let holder = Script::new(Kind::Slot);
    let other = Script::new(Kind::Newcomer);
    Configuration {
        shards: &[3, 1],
        resizes: &[3, 4],
        horizon: Seconds(0),
        holders: vec![holder, holder, other, other, other],
        coverage: vec![ABOVE_THE_NEW_LIMIT, SHRUNK, GROWN_AGAIN],
        ..Configuration::new(
            "shard-resize",
            "a split pool that shrinks and grows again, share by share, with five callers",
        )
    }
}

/// Slots move only in a drained and empty pool. It may be resumed after any write, whether or not the others
/// follow.
pub(super) fn moves() -> Configuration {
    let other = Script::new(Kind::Newcomer);
    Configuration {
        shards: &[1, 2],
        resizes: &[3],
        drain_orders: 4,
        horizon: Seconds(0),
        holders: vec![Script::new(Kind::Slot), other, other, other],
        coverage: vec![HALF_MOVED, MOVED],
        ..Configuration::new(
            "shard-move",
            "a split pool that is drained, redivided and resumed at any write, with four callers",
        )
    }
}
