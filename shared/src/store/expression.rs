//! The conditional writes: one function for each transition of a pool.
//!
//! The condition is the guard that makes it safe under any interleaving; the update is what it does. Nothing
//! here reads or decides.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::num::NonZeroU32;

use aws_sdk_dynamodb::types::AttributeValue;

use super::Owner;
use super::item::{DRAIN, HANDED_TO, OWNER_RESOURCE, OWNER_STACK, SHARDS};
use crate::pool::split::Share;
use crate::pool::{Class, LeaseId, Pool, PoolName, PoolSize};
use crate::time::{SKEW_ALLOWANCE, UnixSeconds};

/// Without it, an update would create an item that is no pool.
const POOL_EXISTS: &str = "attribute_exists(RDBMSName)";

/// The item holds no lease, or is gone.
pub(crate) const IS_UNUSED: &str = "attribute_not_exists(RDBMSName) OR InUse = :zero";

/// The item holds no lease and grants none, or is gone.
pub(crate) const IS_UNUSED_AND_DRAINS: &str =
    "attribute_not_exists(RDBMSName) OR (InUse = :zero AND attribute_exists(Drain))";

/// The owner is `:resource` of `:stack`.
pub(crate) const IS_OWNER: &str = "OwnerStack = :stack AND OwnerResource = :resource";

/// A conditional write: both expressions, and the names and values of their placeholders.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Write {
    pub(crate) update: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Write {
    fn name(mut self, placeholder: &str, lease: LeaseId) -> Self {
        self.names.insert(placeholder.to_owned(), lease.to_string());
        self
    }

    fn number(self, placeholder: &str, number: impl Display) -> Self {
        self.value(placeholder, AttributeValue::N(number.to_string()))
    }

    fn text(self, placeholder: &str, text: &str) -> Self {
        self.value(placeholder, AttributeValue::S(text.to_owned()))
    }

    fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }
}

/// The attribute that holds the limit of a class.
fn limit_of(class: Class) -> &'static str {
    match class {
        Class::Standard => "StandardLimit",
        Class::Priority => "MaxConnections",
    }
}

/// Acquires a free slot, if the pool exists and does not drain, is below the class's limit, and does not hold
/// the lease.
pub(crate) fn add(lease: LeaseId, expires_at: UnixSeconds, class: Class) -> Write {
    let limit = limit_of(class);
    Write {
        update: "SET Leases.#lease = :expiry, InUse = InUse + :one".to_owned(),
        condition: Some(format!(
            "attribute_exists(RDBMSName) AND attribute_not_exists({DRAIN}) AND InUse < {limit} \
             AND attribute_not_exists(Leases.#lease)"
        )),
        ..Write::default()
    }
    .name("#lease", lease)
    .number(":expiry", expires_at)
    .number(":one", 1)
}

/// Replaces expired leases by a new one, if the pool does not drain, each of them still has exactly the
/// expiry that was read, and the pool without them is below the limit that was read.
///
/// The lease itself may be among the expired.
pub(crate) fn take_over(
    expired: &BTreeMap<LeaseId, UnixSeconds>,
    lease: LeaseId,
    expires_at: UnixSeconds,
    class: Class,
    size: PoolSize,
) -> Write {
    let (mut write, mut guards) = unchanged(expired);
    guards.push(format!("attribute_not_exists({DRAIN})"));
    if !expired.contains_key(&lease) {
        guards.push("attribute_not_exists(Leases.#lease)".to_owned());
    }
    let limit = limit_of(class);
    guards.push(format!("{limit} = :limit AND InUse < :bound"));
    let gone = i64::try_from(expired.len()).unwrap_or(i64::MAX);
    write = write
        .number(":limit", size.limit(class))
        .number(":bound", i64::from(size.limit(class)) + gone);
    let removed: Vec<_> = (0..)
        .zip(expired.keys())
        .filter(|(_, old)| **old != lease)
        .map(|(n, _): (u32, _)| format!("Leases.#x{n}"))
        .collect();
    let removal =
        if removed.is_empty() { String::new() } else { format!(" REMOVE {}", removed.join(", ")) };
    Write {
        update: format!("SET Leases.#lease = :expiry, InUse = InUse + :change{removal}"),
        condition: Some(guards.join(" AND ")),
        ..write
    }
    .name("#lease", lease)
    .number(":expiry", expires_at)
    .number(":change", 1 - gone)
}

/// Removes expired leases, if each of them still has exactly the expiry that was read.
pub(crate) fn sweep(expired: &BTreeMap<LeaseId, UnixSeconds>) -> Write {
    let (write, guards) = unchanged(expired);
    let removed: Vec<_> = (0..expired.len()).map(|n| format!("Leases.#x{n}")).collect();
    Write {
        update: format!("REMOVE {} SET InUse = InUse - :swept", removed.join(", ")),
        condition: Some(guards.join(" AND ")),
        ..write
    }
    .number(":swept", expired.len())
}

/// The names and values of leases that were read, and a guard for each that it is unchanged.
fn unchanged(seen: &BTreeMap<LeaseId, UnixSeconds>) -> (Write, Vec<String>) {
    let mut write = Write::default();
    let mut guards = Vec::with_capacity(seen.len() + 4);
    for (n, (lease, expires_at)) in seen.iter().enumerate() {
        write = write.name(&format!("#x{n}"), *lease).number(&format!(":x{n}"), *expires_at);
        guards.push(format!("Leases.#x{n} = :x{n}"));
    }
    (write, guards)
}

/// Releases a slot, if the lease is held.
pub(crate) fn remove(lease: LeaseId) -> Write {
    Write {
        update: "REMOVE Leases.#lease SET InUse = InUse - :one".to_owned(),
        condition: Some("attribute_exists(Leases.#lease)".to_owned()),
        ..Write::default()
    }
    .name("#lease", lease)
    .number(":one", 1)
}

/// Makes a lease last until `expires_at`, if it is held and does not last longer already, and by
/// [`Pool::may_renew`]: where it has expired at `now`, if the pool does not drain and holds no more leases than
/// it has slots. A comparison with a lease that is not held is false.
pub(crate) fn renew(lease: LeaseId, expires_at: UnixSeconds, now: UnixSeconds) -> Write {
    let dead = UnixSeconds(now.0.saturating_sub(SKEW_ALLOWANCE.0.into()));
    Write {
        update: "SET Leases.#lease = :expiry".to_owned(),
        condition: Some(format!(
            "Leases.#lease <= :expiry AND (Leases.#lease > :dead \
             OR (attribute_not_exists({DRAIN}) AND InUse <= MaxConnections))"
        )),
        ..Write::default()
    }
    .name("#lease", lease)
    .number(":expiry", expires_at)
    .number(":dead", dead)
}

/// What a shard is changed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) share: Share,
    pub(crate) draining: bool,
}

impl Target {
    /// Sets the share, and nothing that a lease changes.
    fn write(self) -> Write {
        let mut set = vec!["MaxConnections = :max", "StandardLimit = :standard"];
        let mut remove = Vec::new();
        let mut write = Write::default()
            .number(":max", self.share.size.max_connections())
            .number(":standard", self.share.size.standard_limit());
        let (of_many, drain) = (format!("{SHARDS} = :shards"), format!("{DRAIN} = :yes"));
        if self.share.shards == NonZeroU32::MIN {
            remove.push(SHARDS);
        } else {
            set.push(&of_many);
            write = write.number(":shards", self.share.shards.get());
        }
        if self.draining {
            set.push(&drain);
            write = write.value(":yes", AttributeValue::Bool(true));
        } else {
            remove.push(DRAIN);
        }
        let removal = if remove.is_empty() {
            String::new()
        } else {
            format!(" REMOVE {}", remove.join(", "))
        };
        write.update = format!("SET {}{removal}", set.join(", "));
        write
    }
}

/// Creates a shard that is not in use yet, or takes one over that an earlier attempt has left. Keeps the leases
/// that it holds.
pub(crate) fn create(target: Target) -> Write {
    let mut write = target.write().number(":zero", 0);
    write = write.value(":none", AttributeValue::M(HashMap::new()));
    let counts = "SET InUse = if_not_exists(InUse, :zero), Leases = if_not_exists(Leases, :none), ";
    write.update = write.update.replacen("SET ", counts, 1);
    write
}

/// Changes the share of a shard, if its size, its draining and its number of shards are as in `seen`; and, where
/// slots move between shards, if it is `empty`. Keeps the leases that it holds.
pub(crate) fn change(seen: &Pool, target: Target, empty: bool) -> Write {
    let drain = if seen.draining { "attribute_exists" } else { "attribute_not_exists" };
    let shards = if seen.shards == NonZeroU32::MIN {
        format!("attribute_not_exists({SHARDS})")
    } else {
        format!("{SHARDS} = :seenShards")
    };
    let mut write = target
        .write()
        .number(":seenMax", seen.size.max_connections())
        .number(":seenStandard", seen.size.standard_limit());
    if seen.shards != NonZeroU32::MIN {
        write = write.number(":seenShards", seen.shards.get());
    }
    let mut condition = format!(
        "MaxConnections = :seenMax AND StandardLimit = :seenStandard AND {drain}({DRAIN}) AND {shards}"
    );
    if empty {
        condition.push_str(" AND InUse = :zero");
        write = write.number(":zero", 0);
    }
    write.condition = Some(condition);
    write
}

/// Stops granting slots, if the pool exists.
pub(crate) fn drain() -> Write {
    Write {
        update: format!("SET {DRAIN} = :yes"),
        condition: Some(POOL_EXISTS.to_owned()),
        ..Write::default()
    }
    .value(":yes", AttributeValue::Bool(true))
}

/// Grants slots again, if the pool exists.
pub(crate) fn resume() -> Write {
    Write {
        update: format!("REMOVE {DRAIN}"),
        condition: Some(POOL_EXISTS.to_owned()),
        ..Write::default()
    }
}

/// Makes `owner` the owner, if there is no other one, and records where the slots are handed to.
pub(crate) fn claim(owner: &Owner, handed_to: Option<&PoolName>) -> Write {
    let set = format!("SET {OWNER_STACK} = :stack, {OWNER_RESOURCE} = :resource");
    let condition = Some(format!("attribute_not_exists({OWNER_STACK}) OR ({IS_OWNER})"));
    let write = match handed_to {
        Some(to) => Write { update: format!("{set}, {HANDED_TO} = :to"), ..Write::default() }
            .text(":to", to.as_str()),
        None => Write { update: format!("{set} REMOVE {HANDED_TO}"), ..Write::default() },
    };
    Write { condition, ..write }.text(":stack", &owner.stack).text(":resource", &owner.resource)
}

/// Ends the ownership, if it is that of `owner`.
pub(crate) fn disown(owner: &Owner) -> Write {
    Write {
        update: format!("REMOVE {OWNER_STACK}, {OWNER_RESOURCE}, {HANDED_TO}"),
        condition: Some(IS_OWNER.to_owned()),
        ..Write::default()
    }
    .text(":stack", &owner.stack)
    .text(":resource", &owner.resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(id: &str) -> LeaseId {
        id.parse().expect("an id")
    }

    #[test]
    fn a_free_slot_is_guarded_by_the_limit_of_the_class() {
        let standard = add(lease("Zk3v9Qa1"), UnixSeconds(35), Class::Standard);
        assert_eq!(
            standard.condition.as_deref(),
            Some(
                "attribute_exists(RDBMSName) AND attribute_not_exists(Drain) \
                 AND InUse < StandardLimit AND attribute_not_exists(Leases.#lease)"
            )
        );
        let priority = add(lease("Zk3v9Qa1"), UnixSeconds(35), Class::Priority);
        assert!(priority.condition.is_some_and(|c| c.contains("InUse < MaxConnections")));
    }

    #[test]
    fn a_takeover_names_every_expiry_that_was_read() {
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let expired = BTreeMap::from([
            (lease("aaaaaaaa"), UnixSeconds(10)),
            (lease("bbbbbbbb"), UnixSeconds(11)),
        ]);
        let write = take_over(&expired, lease("Zk3v9Qa1"), UnixSeconds(99), Class::Standard, size);
        assert_eq!(
            write.update,
            "SET Leases.#lease = :expiry, InUse = InUse + :change REMOVE Leases.#x0, Leases.#x1"
        );
        assert_eq!(
            write.condition.as_deref(),
            Some(
                "Leases.#x0 = :x0 AND Leases.#x1 = :x1 AND attribute_not_exists(Drain) \
                 AND attribute_not_exists(Leases.#lease) AND StandardLimit = :limit \
                 AND InUse < :bound"
            )
        );
        assert_eq!(write.values[":change"], AttributeValue::N("-1".to_owned()));
        assert_eq!(write.values[":bound"], AttributeValue::N("62".to_owned()));
    }

    #[test]
    fn a_lease_that_takes_itself_over_changes_no_count_and_stays_within_the_limit() {
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let own = lease("Zk3v9Qa1");
        let expired = BTreeMap::from([(own, UnixSeconds(10))]);
        let write = take_over(&expired, own, UnixSeconds(99), Class::Standard, size);
        assert_eq!(write.update, "SET Leases.#lease = :expiry, InUse = InUse + :change");
        let condition = "Leases.#x0 = :x0 AND attribute_not_exists(Drain) \
                         AND StandardLimit = :limit AND InUse < :bound";
        assert_eq!(write.condition.as_deref(), Some(condition));
        assert_eq!(write.values[":bound"], AttributeValue::N("61".to_owned()));
        assert_eq!(write.values[":change"], AttributeValue::N("0".to_owned()));
    }

    #[test]
    fn a_sweep_names_every_expiry_that_was_read_and_counts_them() {
        let expired = BTreeMap::from([
            (lease("aaaaaaaa"), UnixSeconds(10)),
            (lease("bbbbbbbb"), UnixSeconds(11)),
        ]);
        let write = sweep(&expired);
        assert_eq!(write.update, "REMOVE Leases.#x0, Leases.#x1 SET InUse = InUse - :swept");
        assert_eq!(write.condition.as_deref(), Some("Leases.#x0 = :x0 AND Leases.#x1 = :x1"));
        assert_eq!(write.values[":swept"], AttributeValue::N("2".to_owned()));
    }

    #[test]
    fn draining_and_resuming_create_no_pool() {
        for write in [drain(), resume()] {
            assert_eq!(write.condition.as_deref(), Some("attribute_exists(RDBMSName)"));
        }
    }

    #[test]
    fn a_share_is_changed_only_if_it_is_as_it_was_read() {
        let size = PoolSize::divide(66, 4, 2).expect("a size");
        let share = Share { size, shards: NonZeroU32::MIN };
        let whole = change(&Pool::new(size), Target { share, draining: false }, false);
        assert_eq!(
            whole.update,
            "SET MaxConnections = :max, StandardLimit = :standard REMOVE Shards, Drain"
        );
        assert_eq!(
            whole.condition.as_deref(),
            Some(
                "MaxConnections = :seenMax AND StandardLimit = :seenStandard \
                 AND attribute_not_exists(Drain) AND attribute_not_exists(Shards)"
            )
        );
        let three = NonZeroU32::new(3).expect("not 0");
        let seen = Pool { draining: true, shards: three, ..Pool::new(size) };
        let share = Share { shards: three, ..share };
        let split = change(&seen, Target { share, draining: true }, true);
        assert_eq!(
            split.update,
            "SET MaxConnections = :max, StandardLimit = :standard, Shards = :shards, Drain = :yes"
        );
        assert!(split.condition.is_some_and(|condition| {
            condition
                .ends_with("attribute_exists(Drain) AND Shards = :seenShards AND InUse = :zero")
        }));
    }
}
