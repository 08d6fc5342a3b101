//! Whether the server has something to undo when a session ends.
//!
//! A server hangs up first and rolls back then, and until that is done its thread counts as a connection:
//! 300,000 changed rows keep it for 0.5 s (MariaDB 10.11) to 1.2 s (MySQL 9.7). So the end of a connection is
//! proof that it is gone only where no transaction was open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OkPacket};

/// Ends any transaction and begins none, whatever `completion_type` is, and leaves the connection open.
const ROLL_BACK: &str = "ROLLBACK AND NO CHAIN NO RELEASE";

/// Whether a transaction may be open in a session. What is not known counts as open. Shared by the session and
/// its line, which is the first to see the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Undo(Arc<Facts>);

#[derive(Debug, Default)]
struct Facts {
    /// A transaction may be open.
    open: AtomicBool,
    /// Every statement opens one: the session is without autocommit.
    each_opens: AtomicBool,
}

impl Undo {
    /// Whether a transaction may be open.
    pub(super) fn may_be(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    /// Something is about to run that may leave a transaction open.
    pub(super) fn unknown(&self) {
        self.0.open.store(true, Ordering::Release);
    }

    /// `sql`, which is one statement, is about to run.
    pub(super) fn about_to_run(&self, sql: &str) {
        if self.0.each_opens.load(Ordering::Acquire) || !opens_nothing(sql) {
            self.unknown();
        }
    }

    /// No transaction is open.
    pub(super) fn nothing(&self) {
        self.0.open.store(false, Ordering::Release);
    }

    /// What the server said in its last answer, which was to a query and was read to its end: after anything else
    /// the driver's last OK packet tells less than it seems to. It takes the answer to a `PREPARE` for one, and
    /// rows that were not read have theirs behind them.
    pub(super) fn as_answered(&self, conn: &Conn) {
        let status = conn.last_ok_packet().map(OkPacket::status_flags);
        let has = |flag| status.map(|status| status.contains(flag));
        let open = has(StatusFlags::SERVER_STATUS_IN_TRANS).unwrap_or(true);
        let autocommit = has(StatusFlags::SERVER_STATUS_AUTOCOMMIT).unwrap_or(false);
        self.0.open.store(open, Ordering::Release);
        self.0.each_opens.store(!autocommit, Ordering::Release);
    }

    /// Rolls back what may be open, and waits until that is done. Where the server refuses (in an XA transaction) it
    /// stays open.
    pub(super) async fn roll_back(&self, conn: &mut Conn) {
        if !self.may_be() || conn.query_drop(ROLL_BACK).await.is_err() {
            return;
        }
        // Without autocommit there is no transaction either until the next statement.
        let status = conn.last_ok_packet().map(OkPacket::status_flags);
        if status.is_some_and(|status| !status.contains(StatusFlags::SERVER_STATUS_IN_TRANS)) {
            self.nothing();
        }
    }
}

/// Whether `sql`, which is one statement, leaves no transaction open in a session that has none: also when nobody
/// hears its answer. A `SELECT` begins none that it does not end, and the functions in it may not either. What begins
/// with anything else, a comment too, is taken to.
fn opens_nothing(sql: &str) -> bool {
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
            assert!(opens_nothing(sql), "{sql}");
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
            assert!(!opens_nothing(sql), "{sql}");
        }
    }
}
