//! Reading items.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{MalformedItem, Owner, Ownership};
use crate::pool::{LeaseId, Pool, PoolSize};
use crate::time::UnixSeconds;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The attribute that a pool has while it drains, whatever its value. Its name is short: the item of a full
/// pool of 62 slots has at most 1,024 bytes, which one write unit covers.
pub(crate) const DRAIN: &str = "Drain";

/// The number of shards, on every item of a pool that is split; an item without it is a whole pool.
pub(crate) const SHARDS: &str = "Shards";

/// The attributes of an owner's item: its stack, its resource there, and the pool that was handed over to.
pub(crate) const OWNER_STACK: &str = "OwnerStack";
pub(crate) const OWNER_RESOURCE: &str = "OwnerResource";
pub(crate) const HANDED_TO: &str = "HandedTo";

/// The pool, or shard of one, that an item holds.
pub(crate) fn pool(item: &Item) -> Result<Pool, MalformedItem> {
    let slots: NonZeroU32 = number(item, "MaxConnections")?;
    let standard: NonZeroU32 = number(item, "StandardLimit")?;
    let priority = slots.get().checked_sub(standard.get());
    let size = priority.and_then(|priority| PoolSize::new(slots, priority).ok());
    let size = size.ok_or(MalformedItem::Attribute("StandardLimit"))?;
    let shards = if item.contains_key(SHARDS) { number(item, SHARDS)? } else { NonZeroU32::MIN };
    let pool = Pool { size, leases: leases(item)?, draining: item.contains_key(DRAIN), shards };
    let in_use = number(item, "InUse")?;
    if in_use == pool.in_use() {
        Ok(pool)
    } else {
        Err(MalformedItem::Count { in_use, leases: pool.in_use() })
    }
}

/// The ownership that the item of an owner holds.
pub(crate) fn ownership(item: &Item) -> Result<Ownership, MalformedItem> {
    let text = |attribute: &'static str| match item.get(attribute).map(AttributeValue::as_s) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.clone())),
        Some(Err(_)) => Err(MalformedItem::Attribute(attribute)),
    };
    let owner = text(OWNER_STACK)?.zip(text(OWNER_RESOURCE)?);
    let handed_to = text(HANDED_TO)?.map(|name| name.parse()).transpose();
    Ok(Ownership {
        owner: owner.map(|(stack, resource)| Owner { stack, resource }),
        handed_to: handed_to.map_err(|_| MalformedItem::Attribute(HANDED_TO))?,
    })
}

fn number<N: FromStr>(item: &Item, attribute: &'static str) -> Result<N, MalformedItem> {
    let value = item.get(attribute).and_then(|value| value.as_n().ok());
    value.and_then(|n| n.parse().ok()).ok_or(MalformedItem::Attribute(attribute))
}

fn leases(item: &Item) -> Result<BTreeMap<LeaseId, UnixSeconds>, MalformedItem> {
    let leases = item.get("Leases").and_then(|value| value.as_m().ok());
    let leases = leases.ok_or(MalformedItem::Attribute("Leases"))?;
    leases
        .iter()
        .map(|(id, expiry)| {
            let expires_at = expiry.as_n().ok().and_then(|n| n.parse().ok()).map(UnixSeconds);
            let lease = LeaseId::from_stored(id).ok();
            lease.zip(expires_at).ok_or_else(|| MalformedItem::Lease(id.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(number: &str) -> AttributeValue {
        AttributeValue::N(number.to_owned())
    }

    fn item() -> Item {
        let leases = HashMap::from([("Zk3v9Qa1".to_owned(), n("35"))]);
        HashMap::from([
            ("RDBMSName".to_owned(), AttributeValue::S("Prod_MySQL".to_owned())),
            ("MaxConnections".to_owned(), n("62")),
            ("StandardLimit".to_owned(), n("60")),
            ("InUse".to_owned(), n("1")),
            ("Leases".to_owned(), AttributeValue::M(leases)),
        ])
    }

    #[test]
    fn an_item_is_read() {
        let pool = pool(&item()).expect("a pool");
        assert_eq!((pool.size.max_connections(), pool.size.standard_limit()), (62, 60));
        assert_eq!(pool.leases.values().copied().collect::<Vec<_>>(), [UnixSeconds(35)]);
    }

    #[test]
    fn a_pool_drains_while_its_item_says_so() {
        assert!(!pool(&item()).expect("a pool").draining);
        let mut drained = item();
        drained.insert(DRAIN.to_owned(), AttributeValue::Bool(true));
        assert!(pool(&drained).expect("a pool").draining);
    }

    #[test]
    fn an_item_of_a_split_pool_says_of_how_many() {
        assert_eq!(pool(&item()).expect("a pool").shards, NonZeroU32::MIN);
        let mut split = item();
        split.insert(SHARDS.to_owned(), n("17"));
        assert_eq!(pool(&split).expect("a pool").shards.get(), 17);
        split.insert(SHARDS.to_owned(), n("0"));
        assert_eq!(pool(&split), Err(MalformedItem::Attribute(SHARDS)));
    }

    #[test]
    fn what_is_damaged_is_named() {
        for attribute in ["MaxConnections", "StandardLimit", "InUse", "Leases"] {
            let mut damaged = item();
            damaged.remove(attribute);
            assert_eq!(pool(&damaged), Err(MalformedItem::Attribute(attribute)));
            damaged.insert(attribute.to_owned(), AttributeValue::S("x".to_owned()));
            assert_eq!(pool(&damaged), Err(MalformedItem::Attribute(attribute)));
        }
        let mut miscounted = item();
        miscounted.insert("InUse".to_owned(), n("2"));
        assert_eq!(pool(&miscounted), Err(MalformedItem::Count { in_use: 2, leases: 1 }));
        let mut nameless = item();
        nameless.insert(
            "Leases".to_owned(),
            AttributeValue::M(HashMap::from([("x".to_owned(), n("1"))])),
        );
        assert_eq!(pool(&nameless), Err(MalformedItem::Lease("x".to_owned())));
    }
}
