//! What a session is set to.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use rds_admission::session::Session;

/// Every setting of a session but those that tell the time, the connection, or the time that is left.
pub(crate) async fn settings(session: &mut Session) -> BTreeMap<String, String> {
    let all =
        session.run(async |conn| conn.query::<(String, String), _>("SHOW SESSION VARIABLES").await);
    let mut all: BTreeMap<_, _> = all.await.expect("an answer").into_iter().collect();
    for own in [
        "timestamp",
        "pseudo_thread_id",
        "rand_seed1",
        "rand_seed2",
        // The server's limit of a statement: MariaDB's, MySQL's.
        "max_statement_time",
        "max_execution_time",
        "innodb_lock_wait_timeout",
        "lock_wait_timeout",
        // MySQL's.
        "statement_id",
    ] {
        all.remove(own);
    }
    all
}
