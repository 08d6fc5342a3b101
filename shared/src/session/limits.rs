//! The limits that the server enforces on a session.

use std::time::Duration;

use crate::client::Slot;
use crate::time::Seconds;

/// Server-side limits that end a session before its lease, even if its holder never acts again.
///
/// In the worst case a holder is frozen for just less than the idle limit before it sends a statement, and for good
/// after that: the server runs the statement to its limit, and then waits for the idle limit once more. A statement
/// may therefore take what is left of the lease less *twice* the idle limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    statement: Duration,
    idle: Seconds,
}

impl Limits {
    /// Shortest useful statement limit.
    const SHORTEST: Duration = Duration::from_millis(50);

    /// A statement ends this long before its holder's deadline, so that the holder can still close the connection.
    const LEAD: Duration = Duration::from_millis(250);

    /// Returns the limits of a session under `slot` from now on, `None` when there is not enough time left.
    #[must_use]
    pub fn within(slot: &Slot, idle: Seconds) -> Option<Self> {
        Self::fit(slot.lease_left(), slot.work_left(), idle)
    }

    /// Returns the limits of a session whose lease expires in `lease_left` and whose holder has `work_left`, `None`
    /// when there is not enough time left.
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

    /// Returns whether a statement that began now could outlive the lease. The longer lease of a slot that is kept
    /// counts as one that covers its work only.
    pub(super) fn must_shrink_to(&self, slot: &Slot) -> bool {
        self.statement + 2 * Duration::from(self.idle) > slot.covered()
    }

    /// Returns the statement that sets the limits, on both servers.
    ///
    /// MariaDB alone reads `/*M! … */`, MySQL alone `/*!50708 … */`: MariaDB skips versions 50700 to 99999
    /// (<https://mariadb.com/kb/en/comment-syntax/>).
    ///
    /// | setting | ends |
    /// |---|---|
    /// | `max_statement_time` (MariaDB, seconds, <https://mariadb.com/kb/en/server-system-variables/#max_statement_time>) | every statement |
    /// | `max_execution_time` (MySQL, milliseconds, <https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_max_execution_time>) | a `SELECT` |
    /// | `innodb_lock_wait_timeout`, `lock_wait_timeout` (whole seconds, <https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_lock_wait_timeout>) | a write that waits for a row or a table, which MySQL's `max_execution_time` does not; the default for a table is a year |
    /// | `net_read_timeout`, `net_write_timeout` | a session whose holder froze in the middle of a packet or result |
    /// | `wait_timeout` | an idle session |
    /// | `idle_*transaction_timeout` (MariaDB, <https://mariadb.com/kb/en/transaction-timeouts/>) | a session that idles in a transaction; where set globally they override `wait_timeout` |
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
