//! One lease less.

use rds_admission::pool::{LeaseId, Pool};
use rds_admission::time::UnixSeconds;
use serde::Serialize;

use crate::table::Table;
use crate::{Ending, Error, Voice};

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    pool: String,
    lease: String,
    /// Whether it was out, and is no longer.
    evicted: bool,
    /// When it would have been over, in seconds since the epoch.
    was_until: Option<UnixSeconds>,
    /// Whether it had expired.
    expired: bool,
    /// Leases out now.
    in_use: u32,
}

/// Takes `lease` away.
pub(super) async fn evict(table: &Table, voice: Voice, lease: LeaseId) -> Result<Ending, Error> {
    table.read().await?;
    let evicted = table.evict(lease).await?;
    let now = table.now();
    let answer = Answer {
        pool: table.pool().to_string(),
        lease: lease.to_string(),
        evicted: evicted.was_until.is_some(),
        was_until: evicted.was_until,
        expired: evicted.was_until.is_some_and(|until| Pool::has_expired(until, now)),
        in_use: evicted.in_use,
    };
    voice.answer(answer.words(now), &answer)?;
    Ok(if answer.evicted { Ending::Good } else { Ending::Bad })
}

impl Answer {
    fn words(&self, now: UnixSeconds) -> String {
        let Self { pool, lease, in_use, .. } = self;
        let fate = match self.was_until {
            None => "is not out: nothing was changed".to_owned(),
            Some(_) if self.expired => "had expired, and is evicted".to_owned(),
            Some(until) => format!(
                "had {} s left, and is evicted; if its holder is alive, it may still be connected",
                until.0.saturating_sub(now.0)
            ),
        };
        format!("{lease} {fate}\n{pool}: {in_use} in use")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(was_until: Option<u64>, expired: bool) -> String {
        let answer = Answer {
            pool: "Prod_MySQL".to_owned(),
            lease: "Zk3v9Qa1".to_owned(),
            evicted: was_until.is_some(),
            was_until: was_until.map(UnixSeconds),
            expired,
            in_use: 3,
        };
        answer.words(UnixSeconds(1_000))
    }

    #[test]
    fn it_is_said_what_the_lease_was() {
        assert!(words(Some(1_012), false).starts_with("Zk3v9Qa1 had 12 s left"));
        assert!(words(Some(900), true).starts_with("Zk3v9Qa1 had expired"));
        assert!(words(None, false).starts_with("Zk3v9Qa1 is not out"));
    }
}
