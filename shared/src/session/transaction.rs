//! Whether a transaction may be open in a session.
//!
//! A server closes the connection of an ended session first and rolls back then, and its thread counts as a
//! connection until that is done: 300,000 changed rows keep it for 0.5 s (MariaDB 10.11) to 1.2 s (MySQL 9.7). A
//! closed connection is therefore proof of its end only where no transaction was open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OkPacket};

/// Ends any transaction and begins none, whatever `completion_type` is, and leaves the connection open.
const ROLLBACK: &str = "ROLLBACK AND NO CHAIN NO RELEASE";

/// Shared by the session and its relay. An unknown state counts as an open transaction.
#[derive(Debug, Clone, Default)]
pub(super) struct TransactionState(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    may_be_open: AtomicBool,
    /// Without autocommit every statement begins a transaction.
    autocommit_off: AtomicBool,
}

impl TransactionState {
    pub(super) fn may_be_open(&self) -> bool {
        self.0.may_be_open.load(Ordering::Acquire)
    }

    pub(super) fn set_unknown(&self) {
        self.0.may_be_open.store(true, Ordering::Release);
    }

    pub(super) fn set_none(&self) {
        self.0.may_be_open.store(false, Ordering::Release);
    }

    /// To be called before `sql`, a single statement, is sent.
    pub(super) fn before(&self, sql: &str) {
        if self.0.autocommit_off.load(Ordering::Acquire) || !begins_none(sql) {
            self.set_unknown();
        }
    }

    /// Reads the status flags of the last answer.
    ///
    /// Only valid after a query whose answer was read to its end: the driver takes the answer to a `PREPARE` for an
    /// OK packet, and the flags of a result come after its rows.
    pub(super) fn update(&self, conn: &Conn) {
        let status = conn.last_ok_packet().map(OkPacket::status_flags);
        let has = |flag| status.map(|status| status.contains(flag));
        let open = has(StatusFlags::SERVER_STATUS_IN_TRANS).unwrap_or(true);
        let autocommit = has(StatusFlags::SERVER_STATUS_AUTOCOMMIT).unwrap_or(false);
        self.0.may_be_open.store(open, Ordering::Release);
        self.0.autocommit_off.store(!autocommit, Ordering::Release);
    }

    /// Rolls back a transaction that may be open. An XA transaction stays open: the server rejects the statement.
    pub(super) async fn roll_back(&self, conn: &mut Conn) {
        if !self.may_be_open() || conn.query_drop(ROLLBACK).await.is_err() {
            return;
        }
        // Not `update`: without autocommit the next transaction begins with the next statement only.
        let status = conn.last_ok_packet().map(OkPacket::status_flags);
        if status.is_some_and(|status| !status.contains(StatusFlags::SERVER_STATUS_IN_TRANS)) {
            self.set_none();
        }
    }
}

/// Returns whether `sql`, a single statement, leaves no transaction open with autocommit: a `SELECT` does not, and
/// the functions in it must not begin one. Anything else may, a leading comment included.
fn begins_none(sql: &str) -> bool {
    let sql = sql.trim_start();
    let word = sql.split(|letter: char| !letter.is_ascii_alphanumeric()).next();
    word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_open_a_transaction_is_told_from_what_may_not() {
        for sql in ["SELECT 1", " \n\tselect(1)", "SELECT\nCOUNT(*) FROM t FOR UPDATE"] {
            assert!(begins_none(sql), "{sql}");
        }
        for sql in [
            "",
            "BEGIN",
            "UPDATE t SET n = 1",
            "CALL p()",
            "SELECTED",
            "/* SELECT */ CALL p()",
            "(SELECT 1)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
        ] {
            assert!(!begins_none(sql), "{sql}");
        }
    }
}
