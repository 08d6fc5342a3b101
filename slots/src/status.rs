//! How a pool stands, to be shown.

use std::fmt;
use std::num::NonZeroU32;

use rds_admission::pool::{Class, LeaseId, Pool, PoolName};
use rds_admission::time::UnixSeconds;
use serde::Serialize;

/// How a pool stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// Its name.
    pub(crate) pool: PoolName,
    /// Whether it drains.
    pub(crate) draining: bool,
    /// Leases out, expired ones included.
    pub(crate) in_use: u32,
    /// Its slots.
    pub(crate) max_connections: u32,
    /// Those that class standard may take.
    pub(crate) standard_limit: u32,
    /// Those kept for class priority.
    pub(crate) reserved_for_priority: u32,
    /// Leases out that have expired.
    pub(crate) expired: u32,
    /// Items that the pool is split over.
    pub(crate) shards: NonZeroU32,
    /// The leases, the one that is over first before the others.
    pub(crate) leases: Vec<Lease>,
}

/// A lease that is out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lease {
    /// Its id.
    #[serde(rename = "lease")]
    pub(crate) id: String,
    /// When it is over, in seconds since the epoch.
    pub(crate) expires_at: UnixSeconds,
    /// How long it lasts from now; negative when it is over.
    pub(crate) seconds_left: i64,
    /// Whether it has expired: the next who needs a slot takes it over.
    pub(crate) expired: bool,
    /// Whether its holder knows no lease: a caller of the article's protocol.
    pub(crate) anonymous: bool,
}

impl Status {
    /// How `pool` stands at `now`.
    pub(crate) fn of(name: &PoolName, pool: &Pool, now: UnixSeconds) -> Self {
        let mut leases: Vec<_> =
            pool.leases.iter().map(|(id, expiry)| Lease::of(*id, *expiry, now)).collect();
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

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let Self { pool, in_use, max_connections, standard_limit, expired, .. } = self;
        let draining = if self.draining { ", DRAINING" } else { "" };
        format!(
            "{pool}: {in_use} of {max_connections} slots in use ({standard_limit} standard), \
             {expired} expired{draining}"
        )
    }

    /// In full, but for the leases after the first `lines`.
    pub(crate) fn shortened(&self, lines: usize) -> String {
        let mut said = self.head();
        if !self.leases.is_empty() {
            said.push("leases, by the time left".to_owned());
        }
        said.extend(self.leases.iter().take(lines).map(|lease| format!("  {lease}")));
        let hidden = self.leases.len().saturating_sub(lines);
        if hidden > 0 {
            said.push(format!("  and {hidden} more"));
        }
        said.join("\n")
    }

    /// All but the leases, a line each.
    fn head(&self) -> Vec<String> {
        let Self { pool, in_use, max_connections, standard_limit, expired, .. } = self;
        let mut said = vec![
            pool.to_string(),
            format!("  in use     {in_use} of {max_connections} slots"),
            format!("  standard   {standard_limit}"),
            format!("  priority   {} more", self.reserved_for_priority),
            format!("  expired    {expired}"),
        ];
        if self.shards > NonZeroU32::MIN {
            said.push(format!("  items      {}", self.shards));
        }
        if self.draining {
            let rest = if *in_use == 0 { "nothing is out" } else { "what is out ends as ever" };
            said.push(format!("  DRAINING   nothing is granted; {rest}"));
        }
        if in_use > max_connections {
            let above = in_use - max_connections;
            said.push(format!("  TOO MANY   {above} must end before another is granted"));
        }
        said
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shortened(usize::MAX))
    }
}

impl Lease {
    fn of(id: LeaseId, expires_at: UnixSeconds, now: UnixSeconds) -> Self {
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
        Status::of(&"Prod_MySQL".parse().expect("a name"), &pool, UnixSeconds(1_000))
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
        assert!(status().shortened(1).ends_with("and 2 more"));
    }

    #[test]
    fn a_pool_that_drains_or_has_too_many_out_says_so() {
        let draining = Status { draining: true, ..status() };
        assert!(draining.to_string().contains("DRAINING"));
        assert!(draining.line().ends_with("DRAINING"));
        let above = Status { max_connections: 2, ..status() };
        assert!(above.to_string().contains("1 must end"));
    }

    #[test]
    fn json_has_the_words_of_the_protocol() {
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
