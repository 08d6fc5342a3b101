//! How long the server lets a session live by itself.

use std::time::Duration;

use crate::client::Slot;
use crate::time::Seconds;

/// What the server is told, so that a session ends before its lease does even if its holder never
/// says another word.
///
/// A holder may be frozen at any point. The worst case is one that decides to send a statement, is
/// frozen for just less than the idle limit, sends it, and is frozen for good: the server then runs
/// the statement to its limit and waits once more for the idle limit. So a statement may take what is
/// left of the lease less *twice* the idle limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    statement: Duration,
    idle: Seconds,
}

impl Limits {
    /// A statement limit shorter than this is no use: there is no time left.
    const SHORTEST: Duration = Duration::from_millis(50);

    /// How much earlier than its holder's own deadline the server ends a statement, so that the
    /// holder sees the end and can close the connection.
    const LEAD: Duration = Duration::from_millis(250);

    /// The limits that a session under `slot` needs now; `None` when there is no time left.
    #[must_use]
    pub fn within(slot: &Slot, idle: Seconds) -> Option<Self> {
        Self::fit(slot.lease_left(), slot.work_left(), idle)
    }

    /// The limits of a session whose lease has `lease_left` to go, whose holder must be done in
    /// `work_left`, and which may idle for `idle`; `None` when there is no time left.
    #[must_use]
    pub fn fit(lease_left: Duration, work_left: Duration, idle: Seconds) -> Option<Self> {
        let by_lease = lease_left.checked_sub(2 * Duration::from(idle))?;
        let by_work = work_left.checked_sub(Self::LEAD)?;
        let statement = by_lease.min(by_work);
        (statement >= Self::SHORTEST).then_some(Self { statement, idle })
    }

    /// How long a statement may take.
    #[must_use]
    pub fn statement_limit(&self) -> Duration {
        self.statement
    }

    /// Whether a statement that began now under these limits could outlive the lease, or what a lease would be
    /// that covers no more than the work: a slot that is kept has a longer one.
    pub(super) fn must_shrink_to(&self, slot: &Slot) -> bool {
        self.statement + 2 * Duration::from(self.idle) > slot.covered()
    }

    /// The SQL that tells them.
    ///
    /// One text for both servers: MariaDB alone reads `/*M! … */`, MySQL alone reads `/*!50708 … */`
    /// (MariaDB leaves out versions 50700 to 99999,
    /// <https://mariadb.com/kb/en/comment-syntax/>). MySQL's `max_execution_time` is in milliseconds
    /// and ends `SELECT`s only
    /// (<https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_max_execution_time>);
    /// MariaDB's `max_statement_time` is in seconds and ends every statement
    /// (<https://mariadb.com/kb/en/server-system-variables/#max_statement_time>). The network limits
    /// end a session whose holder froze in the middle of a result.
    ///
    /// Those of locks are whole seconds, of rows and of tables
    /// (<https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_lock_wait_timeout>): MySQL's
    /// limit of a statement does not end a write that waits, and by default it waits for a table for a year. MariaDB
    /// has limits of its own for a session that idles in a transaction, in place of `wait_timeout` where they are set
    /// (<https://mariadb.com/kb/en/transaction-timeouts/>).
    pub(super) fn sql(&self) -> String {
        let idle = self.idle.0;
        let lock_wait = self.statement.as_secs().max(1);
        format!(
            "SET SESSION wait_timeout = {idle}, net_read_timeout = {idle}, net_write_timeout = {idle}, \
             innodb_lock_wait_timeout = {lock_wait}, lock_wait_timeout = {lock_wait}\
             /*M!100101 , max_statement_time = {:.3} */\
             /*M!100300 , idle_transaction_timeout = {idle}, idle_readonly_transaction_timeout = {idle}, \
             idle_write_transaction_timeout = {idle} */\
             /*!50708 , max_execution_time = {} */",
            self.statement.as_secs_f64(),
            self.statement.as_millis(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Seconds = Seconds(2);

    fn statement_limit(lease_left: u64, work_left: u64) -> Option<u128> {
        let (lease, work) = (Duration::from_millis(lease_left), Duration::from_millis(work_left));
        Limits::fit(lease, work, IDLE).map(|limits| limits.statement_limit().as_millis())
    }

    #[test]
    fn a_statement_ends_before_the_work_does_and_twice_idle_before_the_lease() {
        assert_eq!(statement_limit(35_000, 29_000), Some(28_750));
        assert_eq!(statement_limit(20_000, 29_000), Some(16_000));
    }

    #[test]
    fn no_time_left_is_no_limit() {
        assert_eq!(statement_limit(4_049, 29_000), None);
        assert_eq!(statement_limit(3_000, 29_000), None);
        assert_eq!(statement_limit(35_000, 200), None);
        assert_eq!(statement_limit(4_050, 29_000), Some(50));
    }

    #[test]
    fn one_statement_tells_both_servers() {
        let limits = Limits { statement: Duration::from_millis(28_750), idle: IDLE };
        let sql = limits.sql();
        assert!(sql.contains("wait_timeout = 2,"), "{sql}");
        assert!(sql.contains(" lock_wait_timeout = 28/*"), "{sql}");
        assert!(sql.contains("/*M!100300 , idle_transaction_timeout = 2,"), "{sql}");
        assert!(sql.contains("/*M!100101 , max_statement_time = 28.750 */"), "{sql}");
        assert!(sql.contains("/*!50708 , max_execution_time = 28750 */"), "{sql}");
    }
}
