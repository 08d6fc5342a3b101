//! The state of a pool, as shown to the user.

use std::fmt;
use std::num::NonZeroU32;

use rds_admission::pool::{Class, LeaseId, Pool, PoolName};
use rds_admission::time::UnixSeconds;
use serde::Serialize;

/// The state of a pool at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) pool: PoolName,
    pub(crate) draining: bool,
    /// Leases held, expired ones included.
    pub(crate) in_use: u32,
    pub(crate) max_connections: u32,
    pub(crate) standard_limit: u32,
    pub(crate) reserved_for_priority: u32,
    pub(crate) expired: u32,
    /// Items that the pool is split over.
    pub(crate) shards: NonZeroU32,
    /// Sorted by expiry, earliest first.
    pub(crate) leases: Vec<Lease>,
}

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lease {
    #[serde(rename = "lease")]
    pub(crate) id: String,
    pub(crate) expires_at: UnixSeconds,
    /// Negative after the end.
    pub(crate) seconds_left: i64,
    pub(crate) expired: bool,
    /// Whether the holder uses the article's protocol, which has no lease ids.
    pub(crate) anonymous: bool,
}

impl Status {
    pub(crate) fn new(name: &PoolName, pool: &Pool, now: UnixSeconds) -> Self {
        let leases = pool.leases.iter().map(|(id, expiry)| Lease::new(*id, *expiry, now));
        let mut leases: Vec<_> = leases.collect();
        leases.sort_by_key(|lease| lease.expires_at);
        let size = pool.size;
        Self {
            pool: name.clone(),
            draining: pool.draining,
            in_use: pool.in_use(),
            max_connections: size.max_connections(),
            standard_limit: size.standard_limit(),
            reserved_for_priority: size.limit(Class::Priority) - size.limit(Class::Standard),
            expired: u32::try_from(pool.expired(now).count()).unwrap_or(u32::MAX),
            shards: pool.shards,
            leases,
        }
    }

    /// Returns the state in one line.
    pub(crate) fn line(&self) -> String {
        let Self { pool, in_use, max_connections, standard_limit, expired, .. } = self;
        let draining = if self.draining { ", DRAINING" } else { "" };
        format!(
            "{pool}: {in_use} of {max_connections} slots in use ({standard_limit} standard), \
             {expired} expired{draining}"
        )
    }

    /// Returns the state with the first `max_leases` leases.
    pub(crate) fn text(&self, max_leases: usize) -> String {
        let Self { pool, in_use, max_connections, standard_limit, expired, leases, .. } = self;
        let mut lines = vec![
            pool.to_string(),
            format!("  in use     {in_use} of {max_connections} slots"),
            format!("  standard   {standard_limit}"),
            format!("  priority   {} more", self.reserved_for_priority),
            format!("  expired    {expired}"),
        ];
        if self.shards > NonZeroU32::MIN {
            lines.push(format!("  items      {}", self.shards));
        }
        if self.draining {
            let held = if *in_use == 0 { "none is held" } else { "held leases run to their end" };
            lines.push(format!("  DRAINING   no lease is granted; {held}"));
        }
        if in_use > max_connections {
            let above = in_use - max_connections;
            lines.push(format!("  TOO MANY   {above} must end before another is granted"));
        }
        if !leases.is_empty() {
            lines.push("leases, by time left".to_owned());
        }
        lines.extend(leases.iter().take(max_leases).map(|lease| format!("  {lease}")));
        let hidden = leases.len().saturating_sub(max_leases);
        if hidden > 0 {
            lines.push(format!("  and {hidden} more"));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(usize::MAX))
    }
}

impl Lease {
    fn new(id: LeaseId, expires_at: UnixSeconds, now: UnixSeconds) -> Self {
        let seconds = |at: UnixSeconds| i64::try_from(at.0).unwrap_or(i64::MAX);
        Self {
            id: id.to_string(),
            expires_at,
            seconds_left: seconds(expires_at) - seconds(now),
            expired: Pool::has_expired(expires_at, now),
            anonymous: id.is_anonymous(),
        }
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:>4} s", self.id, self.seconds_left)?;
        if self.expired {
            f.write_str("  expired")?;
        }
        if self.anonymous {
            f.write_str("  incrementCounter")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rds_admission::pool::PoolSize;
    use serde_json::json;

    use super::*;

    fn status() -> Status {
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let leases = [("Zk3v9Qa1", 1_012), ("~k3v9Qa1", 990), ("abcdefgh", 999)];
        let leases =
            leases.map(|(id, at)| (LeaseId::from_stored(id).expect("an id"), UnixSeconds(at)));
        let pool = Pool { leases: leases.into(), ..Pool::new(size) };
        Status::new(&"Prod_MySQL".parse().expect("a name"), &pool, UnixSeconds(1_000))
    }

    #[test]
    fn leases_are_shown_by_the_time_left() {
        let shown = status().to_string();
        let lines: Vec<_> = shown.lines().map(str::trim).collect();
        assert_eq!(lines[1], "in use     3 of 62 slots");
        assert_eq!(
            lines[6..],
            ["~k3v9Qa1   -10 s  expired  incrementCounter", "abcdefgh    -1 s", "Zk3v9Qa1    12 s"]
        );
        assert!(status().text(1).ends_with("and 2 more"));
    }

    #[test]
    fn draining_and_too_many_leases_are_shown() {
        let draining = Status { draining: true, ..status() };
        assert!(draining.to_string().contains("DRAINING"));
        assert!(draining.line().ends_with("DRAINING"));
        let above = Status { max_connections: 2, ..status() };
        assert!(above.to_string().contains("1 must end"));
    }

    #[test]
    fn json_uses_the_names_of_the_wire_protocol() {
        let shown = serde_json::to_value(status()).expect("JSON");
        assert_eq!(shown["pool"], "Prod_MySQL");
        assert_eq!(shown["inUse"], 3);
        assert_eq!(shown["reservedForPriority"], 2);
        let first = json!({
            "lease": "~k3v9Qa1", "expiresAt": 990, "secondsLeft": -10, "expired": true,
            "anonymous": true,
        });
        assert_eq!(shown["leases"][0], first);
    }
}
