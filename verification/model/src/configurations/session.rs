//! Sessions of a holder that gives its slot back when it is done.

use rds_admission::time::Seconds;

use super::{LAMBDA, PATIENT, ROLLBACK, SESSIONS, base, newcomer};
use crate::configuration::Configuration;
use crate::reached::Reached;
use crate::script::{Kind, Script};

pub(super) fn lambda(statements: u8) -> Configuration {
    Configuration {
        name: LAMBDA,
        covers: "a Lambda's session, slow, frozen or dead at any step, and somebody who takes over",
        holders: vec![Script::new(Kind::Session(statements)).with_ttl(9), newcomer()],
        reached: vec![Reached::Takeover, Reached::WorkDone, Reached::EndedByTheServer],
        ..base()
    }
}

pub(super) fn patient(statements: u8) -> Configuration {
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

pub(super) fn rollback(statements: u8) -> Configuration {
    let session = Script::new(Kind::Session(statements)).with_ttl(9).with_transactions();
    Configuration {
        name: ROLLBACK,
        covers: "a session with a transaction, which the server rolls back when it has hung up",
        holders: vec![session, newcomer()],
        reached: vec![
            Reached::Takeover,
            Reached::WorkDone,
            Reached::EndedByTheServer,
            Reached::UndoneAfterTheEnd,
            Reached::UndoneInTime,
        ],
        ..base()
    }
}

pub(super) fn sessions(statements: u8) -> Configuration {
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
