//! Pools of one item, without warm slots.

use rds_admission::time::Seconds;

use crate::configuration::Configuration;
use crate::coverage::{
    ABOVE_THE_NEW_LIMIT, EMPTIED, ENDED_BY_THE_SERVER, LATE_STATEMENT, ORPHANED_LEASE,
    PRIORITY_BEYOND_STANDARD, RECOVERED_GRANT, RECOVERED_WRITE, REJECTED_WITH_ROOM, REJECTION,
    RENEWAL_TOO_LATE, RENEWED, SHRUNK, SWEPT, TAKEOVER, TWO_CONNECTIONS, UNDONE_AFTER_THE_END,
    UNDONE_IN_TIME, WORK_DONE,
};
use crate::script::{Kind, Script};

fn slot() -> Script {
    Script::new(Kind::Slot).with_ttl(2)
}

pub(super) fn lambda(statements: u8) -> Configuration {
    Configuration {
        holders: vec![Script::new(Kind::Session(statements)).with_ttl(9), Script::newcomer()],
        coverage: vec![TAKEOVER, WORK_DONE, ENDED_BY_THE_SERVER],
        ..Configuration::new(
            "lambda",
            "a Lambda's session, slow, frozen or dead at any step, and a newcomer that takes over",
        )
    }
}

pub(super) fn patient(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(9).without_deadline();
    Configuration {
        holders: vec![session, Script::newcomer()],
        coverage: vec![TAKEOVER, WORK_DONE, ENDED_BY_THE_SERVER, LATE_STATEMENT],
        ..Configuration::new(
            "patient",
            "the same with a deadline beyond the lease: only the session limits end the work",
        )
    }
}

pub(super) fn rollback(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(9).with_transactions();
    Configuration {
        holders: vec![session, Script::newcomer()],
        coverage: vec![
            TAKEOVER,
            WORK_DONE,
            ENDED_BY_THE_SERVER,
            UNDONE_AFTER_THE_END,
            UNDONE_IN_TIME,
        ],
        ..Configuration::new(
            "rollback",
            "a session with a transaction, which the server rolls back after its close",
        )
    }
}

pub(super) fn sessions(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(8);
    Configuration {
        horizon: Seconds(16),
        holders: vec![session, session.starts_by(9)],
        coverage: vec![TAKEOVER, REJECTION, WORK_DONE],
        ..Configuration::new(
            "sessions",
            "two sessions, the second after the first or by a takeover",
        )
    }
}

pub(super) fn messages(copies: u8) -> Configuration {
    let other = Script { copies, ..slot().starts_by(3) };
    Configuration {
        horizon: Seconds(5),
        holders: vec![slot().repeated(), other],
        coverage: vec![TAKEOVER, REJECTION, RECOVERED_GRANT, ORPHANED_LEASE],
        ..Configuration::new(
            "messages",
            "late, repeated and lost requests and responses, on one slot",
        )
    }
}

pub(super) fn repeats() -> Configuration {
    Configuration {
        shards: &[2],
        horizon: Seconds(6),
        holders: vec![slot().repeated(), Script::newcomer().with_ttl(2)],
        coverage: vec![RECOVERED_GRANT, ORPHANED_LEASE],
        ..Configuration::new(
            "repeats",
            "the same with a free slot, which a repeated call must not get",
        )
    }
}

pub(super) fn classes() -> Configuration {
    Configuration {
        shards: &[2],
        reserved: 1,
        horizon: Seconds(6),
        holders: vec![slot(), Script::newcomer().with_ttl(2), slot().with_priority().starts_by(1)],
        coverage: vec![TAKEOVER, REJECTION, PRIORITY_BEYOND_STANDARD],
        ..Configuration::new(
            "classes",
            "three holders for two slots, one of them reserved for class priority",
        )
    }
}

pub(super) fn resize() -> Configuration {
    Configuration {
        shards: &[2],
        resizes: &[1],
        horizon: Seconds(6),
        holders: vec![slot(), slot().starts_by(1), Script::newcomer().with_ttl(2)],
        coverage: vec![TAKEOVER, ABOVE_THE_NEW_LIMIT, SHRUNK],
        ..Configuration::new(
            "resize",
            "three holders for two slots, one of which is removed while leases are held",
        )
    }
}

pub(super) fn drain() -> Configuration {
    Configuration {
        drain_orders: 2,
        sweeps: 1,
        horizon: Seconds(6),
        holders: vec![slot().renewing(1), Script::newcomer().with_ttl(2)],
        coverage: vec![TAKEOVER, REJECTION, SWEPT, EMPTIED],
        ..Configuration::new(
            "drain",
            "a pool that is drained, swept and resumed, with a lease that may be renewed",
        )
    }
}

pub(super) fn renewals() -> Configuration {
    Configuration {
        horizon: Seconds(7),
        holders: vec![slot().renewing(2), Script::newcomer().with_ttl(2)],
        coverage: vec![TAKEOVER, RENEWED, RENEWAL_TOO_LATE],
        ..Configuration::new("renewals", "renewals in time, too late, delayed and repeated")
    }
}

pub(super) fn anonymous() -> Configuration {
    let caller = Script::new(Kind::Anonymous).with_ttl(3);
    let other = Script::newcomer().with_ttl(3).starts_by(5);
    Configuration {
        shards: &[2],
        horizon: Seconds(7),
        holders: vec![caller, caller.starts_by(4), other],
        coverage: vec![TWO_CONNECTIONS, REJECTION],
        ..Configuration::new(
            "anonymous",
            "callers of the article's protocol, without lease ids, beside one with an id",
        )
    }
}

pub(super) fn memory() -> Configuration {
    Configuration {
        from_cache: true,
        horizon: Seconds(5),
        holders: vec![slot().repeated(), Script::newcomer().with_ttl(2).starts_by(5)],
        coverage: vec![TAKEOVER, REJECTED_WITH_ROOM, RECOVERED_GRANT, ORPHANED_LEASE],
        ..Configuration::new(
            "memory",
            "rejections from the cache, without a request to the table, and a repeated call",
        )
    }
}

pub(super) fn throttled() -> Configuration {
    Configuration {
        throttling: true,
        horizon: Seconds(5),
        holders: vec![slot().repeated(), Script::newcomer().with_ttl(2).starts_by(5)],
        coverage: vec![TAKEOVER, REJECTED_WITH_ROOM, RECOVERED_GRANT, RECOVERED_WRITE],
        ..Configuration::new(
            "throttled",
            "calls throttled by the table, Lambda or the rate limit, after a lost response",
        )
    }
}
