//! Every subject decides as expected with concurrent callers, and a rush loses no slot.
#![allow(missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::decider::{ControllerDecider, StoreDecider};
use bench::machine::CpuClocks;
use bench::pools::{Occupancy, Pools};
use bench::rounds::{Plan, compare};
use bench::rush::{Load, Until, run};
use bench::server::Server;
use bench::subject::{BareCount, BareUpdate, Decided, Operation, Subject};
use bench::table::Table;
use rds_admission::store::SlotStore as _;

async fn database() -> (Server, Table) {
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_bench"))).await.expect("a server");
    let table = Table::at(server.endpoint(), "slots");
    table.create().await.expect("a table");
    (server, table)
}

#[tokio::test]
async fn no_caller_is_refused_where_there_is_room_and_each_where_there_is_none() {
    let (server, table) = database().await;
    // A round ends after the first decision of each caller.
    let plan = Plan { rounds: 1, length: Duration::from_nanos(1) };
    for (occupancy, operation) in
        [(Occupancy::NEARLY_FULL, Operation::Pair), (Occupancy::FULL, Operation::Rejection)]
    {
        let pools = Pools::fill(&table, occupancy, 12).await.expect("pools");
        let subjects: [Arc<dyn Subject>; 3] = [
            Arc::new(BareUpdate::new(table.clone(), pools.clone(), operation)),
            Arc::new(BareCount::new(table.clone(), pools.clone(), operation)),
            Arc::new(Decided::new(Arc::new(StoreDecider::new(&table)), pools.clone(), operation)),
        ];
        let summaries = compare(&subjects, 12, plan, server.id().map(CpuClocks::new))
            .await
            .expect("all decide");
        assert_eq!(summaries.len(), 3);
        table.client.delete_table().table_name(&table.name).send().await.expect("no table");
        table.create().await.expect("a table");
    }
}

#[tokio::test]
async fn a_rush_counts_every_rejection_and_gives_every_slot_back() {
    let (server, table) = database().await;
    let pools = Pools::fill(&table, Occupancy { standing: 50, ..Occupancy::QUIET }, 1).await;
    let pools = pools.expect("a pool");
    let (metered, meter) = Table::metered(server.endpoint(), &table.name);
    let load = Load::rush(40, 10, Duration::from_millis(50), 10.0);
    let until = Until { rejections: 50, length: Duration::from_secs(60) };
    let controller = Arc::new(ControllerDecider::new(&metered));
    let outcome = run(&[controller], (pools.of(0), 10), load, until, &meter).await.expect("a rush");
    assert!(outcome.rejections.count() >= 50, "{}", outcome.rejections.count());
    // Only the leases from before are held.
    assert_eq!(table.store().read(pools.of(0)).await.expect("a pool").in_use(), 50);
}
