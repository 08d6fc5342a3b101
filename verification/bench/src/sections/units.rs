//! Capacity units per decision.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use comfy_table::Table as Printed;
use rds_admission::pool::{LeaseId, PoolName, PoolSize};
use rds_admission::store::PoolAdmin as _;
use rds_admission::time::{Clock as _, SystemClock};
use support::capacity::{Meter, Used};
use support::document;

use super::setting::{Options, metered};
use crate::decider::{ControllerDecider, Decider as _, StoreDecider};
use crate::pools::{Occupancy, Pools, SLOTS};
use crate::subject::{BareCount, Decided, Operation, Subject};
use crate::table::number;

/// Repetitions of each decision.
const TIMES: u32 = 200;

/// Slots of the pools, and the leases held meanwhile.
const POOLS: [(u32, u32); 5] =
    [(SLOTS, 8), (SLOTS, 55), (1_000, 500), (1_000, 900), (5_000, 2_500)];

pub(super) async fn table(options: &Options) -> Result<Printed> {
    let heads = ["decision", "requests", "write units", "of these refused", "read units"];
    let mut printed = document::table(heads);
    let mut row = |name: &str, times: u32, used: Used| {
        let each = |units: f64| format!("{:.2}", units / f64::from(times));
        let writes = used.writes + used.refused;
        let cells = [f64::from(used.requests), writes, used.refused, used.reads].map(each);
        printed.add_row([name.to_owned()].into_iter().chain(cells));
    };
    for (slots, standing) in POOLS {
        let used = admitted(options, slots, standing).await?;
        row(&format!("acquire and release: {standing} of {slots} slots in use"), TIMES, used);
    }
    row("acquire that takes over an expired lease, and release", 1, takeover(options).await?);
    row("rejection by the table", TIMES, refused(options).await?);
    let [pair, refusal] = bare_count(options).await?;
    row("bare count: acquire and release", TIMES, pair);
    row("bare count: rejection", TIMES, refusal);
    Ok(printed)
}

/// The units that `subject` consumes, without its first decision.
async fn used(subject: &dyn Subject, meter: &Meter, times: u32) -> Result<Used> {
    subject.once(0).await?;
    let before = meter.used();
    for _ in 0..times {
        subject.once(0).await?;
    }
    Ok(meter.used() - before)
}

/// A pool of any size, split into the items that it needs, with `standing` leases held.
async fn admitted(options: &Options, slots: u32, standing: u32) -> Result<Used> {
    let (_server, table, meter) = metered(options).await?;
    let pool: PoolName = "Prod_MySQL".parse()?;
    let size = NonZeroU32::new(slots).context("a pool without slots")?;
    table.store().define(&pool, PoolSize::new(size, 0)?, None).await?;
    let controller = ControllerDecider::new(&table);
    for _ in 0..standing {
        let slot = controller.acquire(&pool, LeaseId::random(&mut rand::rng())).await?;
        ensure!(slot.is_some(), "the pool is full already");
    }
    let pools = Pools::one(pool);
    used(&Decided::new(Arc::new(controller), pools, Operation::Pair), &meter, TIMES).await
}

/// An acquire in a full pool whose leases have all expired.
async fn takeover(options: &Options) -> Result<Used> {
    let (_server, table, meter) = metered(options).await?;
    let pools = Pools::fill(&table, Occupancy::FULL, 1).await?;
    let pool = pools.of(0).as_str();
    let mut item = table.item(pool).await?;
    let Some(AttributeValue::M(leases)) = item.get_mut("Leases") else {
        bail!("an item without leases");
    };
    let long_ago = SystemClock.now().0 - 3_600;
    let expired = number(u32::try_from(long_ago).context("seconds since 1970")?);
    for expiry in leases.values_mut() {
        *expiry = expired.clone();
    }
    table.put(pool, item).await?;
    let before = meter.used();
    let decider = Arc::new(ControllerDecider::new(&table));
    Decided::new(decider, pools, Operation::Pair).once(0).await?;
    Ok(meter.used() - before)
}

/// A rejection by the table, in a full pool.
async fn refused(options: &Options) -> Result<Used> {
    let (_server, table, meter) = metered(options).await?;
    let pools = Pools::fill(&table, Occupancy::FULL, 1).await?;
    let decider = Arc::new(StoreDecider::new(&table));
    used(&Decided::new(decider, pools, Operation::Rejection), &meter, TIMES).await
}

/// The article's count, granted and rejected.
async fn bare_count(options: &Options) -> Result<[Used; 2]> {
    let mut both = [Used::default(); 2];
    let cases = [(Occupancy::QUIET, Operation::Pair), (Occupancy::FULL, Operation::Rejection)];
    for (of, (occupancy, operation)) in both.iter_mut().zip(cases) {
        let (_server, table, meter) = metered(options).await?;
        let pools = Pools::fill(&table, occupancy, 1).await?;
        *of = used(&BareCount::new(table, pools, operation), &meter, TIMES).await?;
    }
    Ok(both)
}
