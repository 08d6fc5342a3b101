//! A session between two pieces of work: reset, and limited by the server to the time it is kept.

use mysql_async::{Row, Value};

use super::{Limits, Session, SessionError};
use crate::pool::warm::Warm;
use crate::time::{Deadline, Moment};

/// What of a session a reset does not undo, as the server tells it.
#[derive(Debug, PartialEq)]
pub(super) struct Home(Vec<Value>);

/// The database that is in use, and the role. A server may also have commands of its own for each session
/// that logs in (`init_connect`), which it does not run again after a reset.
///
/// MySQL knows roles since 8.0, MariaDB always here; how one text serves both is told at
/// [`Limits::sql`](super::Limits).
const HOME: &str = "SELECT @@GLOBAL.init_connect, DATABASE()\
     /*M!100005 , CURRENT_ROLE() */ /*!80000 , CURRENT_ROLE() */";

impl Session {
    /// Learns where the session is at home, before anything is done in it that might be kept on.
    pub(crate) async fn settle(&mut self) -> Result<(), SessionError> {
        self.home = self.whereabouts().await?;
        Ok(())
    }

    /// Leaves nothing of what was done in the session, and has the server end it if it is not used in time:
    /// until then, and no longer. `None` when it can't be kept; then it is only good for being closed.
    ///
    /// A reset drops temporary tables, user variables, prepared statements, locks and the open transaction,
    /// and gives every setting its global value
    /// (<https://dev.mysql.com/doc/c-api/8.0/en/mysql-reset-connection.html>): the limits too. Until it is
    /// told how long it is kept, the session has the server's global `wait_timeout`, as it had between its
    /// login and its first limits.
    pub(crate) async fn rest(&mut self, warm: &Warm) -> Option<Deadline> {
        if self.busy || self.home.is_none() || self.whereabouts().await.ok()? != self.home {
            return None;
        }
        let (conn, _) = self.open.as_mut()?;
        self.busy = true;
        let reset = conn.reset().await.ok()?;
        self.busy = false;
        // What a frozen holder says late must not be good for longer than its lease is.
        let now = Moment::now();
        let keep = warm.kept_for(self.slot.lease_left()).filter(|_| reset)?;
        self.say(&format!("SET SESSION wait_timeout = {}", keep.0)).await.ok()?;
        Some(Deadline::after(now, keep.into()))
    }

    /// The session is used again: from now on it has the limits of its slot. An error means that it can't be.
    pub(crate) async fn resume(&mut self) -> Result<(), SessionError> {
        self.limits = Limits::within(&self.slot, self.idle).ok_or(SessionError::LeaseOver)?;
        self.tell_limits().await
    }

    /// `None` on a server whose sessions begin with commands of its own.
    async fn whereabouts(&mut self) -> Result<Option<Home>, SessionError> {
        let row = self.query_first::<Row>(HOME).await?;
        let home = row.map(Row::unwrap).map(Home);
        Ok(home.filter(|Home(row)| row.first() == Some(&Value::Bytes(Vec::new()))))
    }
}
