//! Deciders under overload.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::Table as Printed;
use rds_admission::pool::{PoolName, PoolSize};
use rds_admission::store::PoolAdmin as _;
use support::document;

use super::setting::{Options, metered};
use crate::decider::{ControllerDecider, Decider, StoreDecider};
use crate::pools::SLOTS;
use crate::rush::{Load, Outcome, Until, run};
use crate::table::Table;

/// The mean time that a slot is held.
const HOLD: Duration = Duration::from_secs(1);
/// All callers.
const CALLERS: u32 = 256;
/// Acquires per free slot.
const TIMES: f64 = 10.0;
/// Before the rush: half the pool is in use.
const QUIET: Load = Load { callers: SLOTS, hold: HOLD, pause: HOLD };
const QUIET_LENGTH: Duration = Duration::from_secs(15);
/// Far longer than a rush takes; ends one without rejections.
const LONGEST: Duration = Duration::from_secs(120);

/// Makes the decider of one process.
type Make = fn(&Table) -> Arc<dyn Decider>;

/// Deciders, each with its number of processes.
const RUNS: [(&str, u32, Make); 3] = [
    ("always the table", 1, |table| Arc::new(StoreDecider::new(table))),
    ("a controller", 1, |table| Arc::new(ControllerDecider::new(table))),
    ("a controller", 16, |table| Arc::new(ControllerDecider::new(table))),
];

pub(super) async fn table(options: &Options) -> Result<Printed> {
    let mut printed = document::table([
        "decider",
        "acquires/s",
        "admitted/s",
        "slots in use",
        "read units per rejection",
        "rejection p50, p99",
        "grant p50, p99",
        "release p50, p99",
        "quiet release p50, p99",
        "times quiet",
    ]);
    for (name, processes, make) in RUNS {
        let (quiet, rush) = measured(options, processes, make).await.context(name)?;
        let (release, before) = (rush.releases.quantiles(), quiet.releases.quantiles());
        printed.add_row([
            format!("{name}, {processes} × {} callers", CALLERS / processes),
            format!("{:.0}", rush.acquires_per_second()),
            format!("{:.1}", rush.granted_per_second()),
            format!("{:.1} %", 100.0 * rush.utilisation),
            format!("{:.2}", rush.units_per_rejection()),
            rush.rejections.quantiles().to_string(),
            rush.grants.quantiles().to_string(),
            release.to_string(),
            before.to_string(),
            format!(
                "{:.2}, {:.2}",
                release.p50.div_duration_f64(before.p50),
                release.p99.div_duration_f64(before.p99)
            ),
        ]);
    }
    Ok(printed)
}

/// Measures the same deciders in a quiet time and in a rush.
async fn measured(options: &Options, processes: u32, make: Make) -> Result<(Outcome, Outcome)> {
    let (_server, table, meter) = metered(options).await?;
    let pool: PoolName = "Prod_MySQL".parse()?;
    let slots = NonZeroU32::new(SLOTS).context("a pool without slots")?;
    table.store().define(&pool, PoolSize::new(slots, 0)?, None).await?;
    let deciders: Vec<_> = (0..processes).map(|_| make(&table)).collect();
    let until = Until { rejections: u64::MAX, length: QUIET_LENGTH };
    let quiet = run(&deciders, (&pool, SLOTS), QUIET, until, &meter).await?;
    let load = Load::rush(CALLERS, SLOTS, HOLD, TIMES);
    let until = Until { rejections: options.rejections, length: LONGEST };
    let rush = run(&deciders, (&pool, SLOTS), load, until, &meter).await?;
    Ok((quiet, rush))
}
