//! The meter with the embedded database: reported units, and units computed from item sizes.
#![allow(missing_docs)]

use std::num::NonZeroU32;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use bench::decider::{ControllerDecider, Decider, StoreDecider};
use bench::pools::{Occupancy, Pools, SLOTS};
use bench::server::Server;
use bench::subject::{BareCount, BareUpdate, Operation, Subject};
use bench::table::{KEY, Table};
use rds_admission::pool::{LeaseId, PoolName, PoolSize};
use rds_admission::store::{PoolAdmin as _, SlotStore as _};
use support::capacity::{Meter, Used, item_bytes, write_units};

struct World {
    table: Table,
    meter: Meter,
    _server: Server,
}

impl World {
    async fn new() -> Self {
        let server = Server::start(Path::new(env!("CARGO_BIN_EXE_bench"))).await.expect("a server");
        let (table, meter) = Table::metered(server.endpoint(), "slots");
        table.create().await.expect("a table");
        Self { table, meter, _server: server }
    }

    /// Defines a pool of one item.
    async fn pool(&self, slots: u32) -> PoolName {
        let pool: PoolName = "Prod_MySQL".parse().expect("a name");
        let size = PoolSize::new(NonZeroU32::new(slots).expect("not 0"), 0).expect("a size");
        self.table.store().define(&pool, size, Some(NonZeroU32::MIN)).await.expect("a pool");
        pool
    }
}

fn lease() -> LeaseId {
    LeaseId::random(&mut rand::rng())
}

fn used(requests: u32, writes: f64, refused: f64, reads: f64) -> Used {
    Used { requests, writes, refused, reads }
}

#[tokio::test]
async fn what_the_database_reports_is_what_the_items_size_says() {
    let world = World::new().await;
    // From far below a kilobyte to above it.
    for (slots, leases) in [(10, 3), (62, 62), (80, 80)] {
        let pool = world.pool(slots).await;
        let decider = StoreDecider::new(&world.table);
        let free = leases - world.table.store().read(&pool).await.expect("a pool").in_use();
        for _ in 0..free {
            decider.acquire(&pool, lease()).await.expect("a decision").expect("a slot");
        }
        let bytes = item_bytes(&world.table.item(pool.as_str()).await.expect("an item"));
        let before = world.meter.used();
        let key = AttributeValue::S(pool.to_string());
        let update = world.table.client.update_item().table_name(&world.table.name).key(KEY, key);
        update.update_expression("SET InUse = InUse").send().await.expect("an update");
        let reported = world.meter.used() - before;
        assert_eq!(reported, used(1, write_units(bytes), 0.0, 0.0), "{bytes} bytes");
        let size = PoolSize::new(NonZeroU32::new(slots).expect("not 0"), 0).expect("a size");
        assert!(bytes <= size.item_bytes(&pool), "{bytes} bytes");
    }
}

#[tokio::test]
async fn a_decision_is_one_write_and_so_is_a_refusal() {
    let world = World::new().await;
    let pools = Pools::fill(&world.table, Occupancy::FULL, 1).await.expect("a pool");
    let pool = pools.of(0);
    let plain = StoreDecider::new(&world.table);
    // The first acquire in a process learns how many shards there are.
    assert_eq!(plain.acquire(pool, lease()).await.expect("a decision"), None);
    let before = world.meter.used();
    assert_eq!(plain.acquire(pool, lease()).await.expect("a decision"), None);
    assert_eq!(world.meter.used() - before, used(1, 0.0, 1.0, 0.0));
    let count = BareCount::new(world.table.clone(), pools.clone(), Operation::Rejection);
    let before = world.meter.used();
    count.once(0).await.expect("a refusal");
    assert_eq!(world.meter.used() - before, used(1, 0.0, 1.0, 0.0));
    let floor = BareUpdate::new(world.table.clone(), pools, Operation::Pair);
    let before = world.meter.used();
    floor.once(0).await.expect("two updates");
    assert_eq!(world.meter.used() - before, used(2, 2.0, 0.0, 0.0));
}

#[tokio::test]
async fn an_admitted_caller_uses_two_write_units_and_a_remembered_refusal_hardly_any() {
    let world = World::new().await;
    let pool = world.pool(SLOTS).await;
    let controller = ControllerDecider::new(&world.table);
    let before = world.meter.used();
    let mut slots = Vec::new();
    for _ in 0..SLOTS {
        slots.push(controller.acquire(&pool, lease()).await.expect("a decision").expect("a slot"));
    }
    assert_eq!(world.meter.used() - before, used(SLOTS, f64::from(SLOTS), 0.0, 0.0));
    let before = world.meter.used();
    for _ in 0..200 {
        assert_eq!(controller.acquire(&pool, lease()).await.expect("a decision"), None);
    }
    let refusals = world.meter.used() - before;
    assert!(refusals.wasted() / 200.0 <= 0.6, "{refusals:?}");
    let before = world.meter.used();
    for slot in slots {
        assert!(controller.release(&pool, slot).await.expect("a release"));
    }
    assert_eq!(world.meter.used() - before, used(SLOTS, f64::from(SLOTS), 0.0, 0.0));
}

#[tokio::test]
async fn an_items_twin_is_as_large_as_the_pool_with_its_callers_half_of_the_time() {
    let world = World::new().await;
    let pools = Pools::fill(&world.table, Occupancy::NEARLY_FULL, 5).await.expect("a pool");
    let pool = item_bytes(&world.table.item(pools.of(0).as_str()).await.expect("an item"));
    let twin = item_bytes(&world.table.item(&pools.twin_of(0)).await.expect("an item"));
    // Two leases more: an id, six bytes of digits at the most, and one for the entry.
    assert!((pool + 1..=pool + 2 * 15).contains(&twin), "{pool}, {twin}");
    assert!(twin <= 1_024, "{twin}");
}
