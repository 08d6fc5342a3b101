//! A session between two pieces of work: reset, and limited by the server to the time it is kept.

use mysql_async::Row;

use super::{Limits, Session, SessionError};
use crate::pool::GRACE;
use crate::pool::warm::Warm;
use crate::time::{Deadline, FreezeAwareInstant};

/// Where a session is: what a reset does not undo, as the server tells it.
#[derive(Debug, PartialEq)]
pub(super) struct SessionBaseline {
    database: Option<String>,
    /// By whom it logged in, as whom, and in which role.
    user: Vec<Option<String>>,
}

/// The driver's own names in the handshake, which a server may have forgotten after a reset.
const NAMES: &str = "NAMES utf8mb4 COLLATE utf8mb4_general_ci";

/// MySQL knows roles since 8.0, MariaDB since 10.0.5; how one text serves both is told at
/// [`Limits`](super::Limits).
const HOME: &str = "SELECT @@GLOBAL.init_connect, @@GLOBAL.wait_timeout, DATABASE(), USER(), CURRENT_USER()\
     /*M!100005 , CURRENT_ROLE() */ /*!80000 , CURRENT_ROLE() */";

impl Session {
    /// Learns where the session is at baseline, before anything is done in it that might be kept on.
    pub(crate) async fn capture_baseline(&mut self) -> Result<(), SessionError> {
        self.baseline = self.read_baseline().await?;
        Ok(())
    }

    /// Leaves nothing of what was done in the session, and has the server end it if it is not used in time:
    /// until then, and no longer. `None` when it can't be kept; then it is only good for being closed.
    ///
    /// A reset drops temporary tables, user variables, prepared statements, locks and the open transaction,
    /// and gives every setting its global value
    /// (<https://dev.mysql.com/doc/c-api/8.0/en/mysql-reset-connection.html>): the limits too. Until it is
    /// told how long it is kept, the session has the server's global `wait_timeout`, as it had between its
    /// login and its first limits. The database's own settings come back with its name.
    pub(crate) async fn reset_for_reuse(&mut self, warm: &Warm) -> Option<Deadline> {
        if self.is_abandoned()
            || self.baseline.is_none()
            || self.read_baseline().await.ok()? != self.baseline
        {
            return None;
        }
        // Before the reset, after which the session may live for longer, and before the word that follows:
        // what a frozen holder says late must not be good for longer than its lease is.
        warm.kept_for(self.slot.lease_left())?;
        let (conn, line) = self.open.as_mut()?;
        if !conn.reset().await.ok()? {
            return None;
        }
        line.undo().nothing();
        let database = self.baseline.as_ref().and_then(|baseline| baseline.database.as_deref());
        if let Some(database) = database.map(enter) {
            self.say(&database).await.ok()?;
        }
        let now = FreezeAwareInstant::now();
        let keep = warm.kept_for(self.slot.lease_left())?;
        self.say(&format!("SET SESSION wait_timeout = {}", keep.0)).await.ok()?;
        Some(Deadline::after(now, keep.into()))
    }

    /// The session is used again: from now on it has the limits of its slot. An error means that it can't be.
    pub(crate) async fn resume(&mut self) -> Result<(), SessionError> {
        self.limits = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        self.say(&format!("{}, {NAMES}", self.limits.sql())).await
    }

    /// `None` on a server whose sessions begin with commands of its own, which it does not run after a reset;
    /// and on one that would not end a session in time that has just been reset.
    async fn read_baseline(&mut self) -> Result<Option<SessionBaseline>, SessionError> {
        let row = self.query_first::<Row>(HOME).await?;
        Ok(row.and_then(at_home))
    }
}

fn at_home(mut row: Row) -> Option<SessionBaseline> {
    let commands: String = row.take(0)?;
    let wait_timeout: u32 = row.take(1)?;
    let database = row.take(2)?;
    let user = (3..row.len()).map(|column| row.take(column)).collect::<Option<_>>()?;
    let ends_in_time = wait_timeout <= GRACE.0;
    (commands.is_empty() && ends_in_time).then_some(SessionBaseline { database, user })
}

/// What brings a session back to its database, and its settings with it.
fn enter(database: &str) -> String {
    format!("USE `{}`", database.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_so_that_it_is_one_name() {
        assert_eq!(enter("demodb2"), "USE `demodb2`");
        assert_eq!(enter("a`b; c"), "USE `a``b; c`");
    }
}
