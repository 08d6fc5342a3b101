//! Slots that are kept between requests: what it saves, what becomes of it in a surge, and what it costs.

use std::time::Duration;

use rds_admission::pool::warm::Warm;
use rds_admission::time::Seconds;

use super::{Section, seconds, words};
use crate::chance::Latency;
use crate::column::Column;
use crate::scenario::{Arrivals, Cloud, Hold, Query, Routing, Scenario, Via};

/// Seconds for which slots are kept; 0 is strict.
const KEEPS: [u32; 3] = [0, 10, 60];
/// The mean pause of a caller that was answered.
const THINK: Duration = Duration::from_millis(100);
/// When the surge comes: when slots have been kept for long enough that all are settled.
const SURGE: u32 = 180;
/// What is shown of a surge: from and to so many seconds after it began.
const WINDOWS: [(u32, u32); 4] = [(0, 2), (2, 5), (5, 10), (10, 20)];

/// A pool with counters, whose query runs in instances that each serve one request at a time, and keep their
/// slots for so many seconds.
fn pool(slots: u32, hold: Duration, keep: u32, routing: Routing) -> Scenario {
    // A new connection to a server of RDS, with its handshakes.
    let cloud = Cloud { connect: Latency::millis(15, 40), ..Cloud::default() };
    let warm = Warm::new(Seconds(keep), Warm::BELOW).ok();
    let query = Some(Query { routing, warm });
    Scenario { slots, hold: Hold::Around(hold), cloud, query, ..Scenario::default() }
}

fn mode(keep: u32) -> String {
    if keep == 0 { "strict".to_owned() } else { format!("W = {keep} s") }
}

pub(super) fn steady() -> Section {
    let pools = [
        (20, 60, Scenario::default().via, ""),
        (20, 60, Via::Containers(Routing::Recent), ", no counter"),
        (300, 1_000, Scenario::default().via, ""),
    ];
    let rows = pools.into_iter().flat_map(|(callers, slots, via, how)| {
        KEEPS.map(|keep| {
            let name = format!("{callers} callers, {slots} slots{how}, {}", mode(keep));
            let pool = pool(slots, Duration::from_millis(50), keep, Routing::Recent);
            let arrivals = Arrivals::Closed(callers, THINK);
            let (warm_up, length) = (seconds(120), seconds(420));
            Scenario { via, arrivals, warm_up, length, ..pool }.named(name)
        })
    });
    let columns = vec![
        Column::Name,
        Column::Answers,
        Column::Connects,
        Column::Requests,
        Column::WriteUnits,
        Column::Answer,
        Column::BesideTheWork,
        Column::Out,
        Column::Kept,
        Column::MostKept,
    ];
    Section { name: "warm-steady", columns, rows: rows.collect() }
}

/// A surge: so many callers, and within a second so many.
fn surging(slots: u32, before: u32, after: u32, keep: u32, window: (u32, u32)) -> Scenario {
    let at = |second: u32| seconds((SURGE + second).into());
    let arrivals = Arrivals::Surge { before, at: at(0), after, think: THINK };
    let (from, to) = window;
    let name = format!("{slots} slots, {}, {from} to {to} s", mode(keep));
    let pool = pool(slots, Duration::from_millis(200), keep, Routing::Recent);
    Scenario { arrivals, warm_up: at(from), length: at(to), ..pool }.named(name)
}

pub(super) fn surge() -> Section {
    let pools = [(60, 20, 300), (1_000, 300, 10_000)];
    let rows = pools.into_iter().flat_map(|(slots, before, after)| {
        KEEPS
            .into_iter()
            .flat_map(move |keep| WINDOWS.map(|window| surging(slots, before, after, keep, window)))
    });
    let columns = vec![
        Column::Name,
        Column::Answers,
        Column::Utilisation,
        Column::Out,
        Column::Kept,
        Column::MostKept,
        Column::Connections,
        Column::Rejected,
        Column::BesideKept,
        Column::Answer,
    ];
    Section { name: "warm-surge", columns, rows: rows.collect() }
}

pub(super) fn sparse() -> Section {
    let runs = [(60, 50), (300, 50), (1_000, 50), (1_000, 1_000), (1_500, 1_000), (2_000, 1_000)];
    let rows = runs.into_iter().flat_map(|(instances, hold)| {
        KEEPS.map(|keep| {
            let hold = Duration::from_millis(hold);
            let name = format!("{instances} instances, {}, {}", words(hold), mode(keep));
            let routing = Routing::Any(instances as usize);
            let arrivals = Arrivals::Open(f64::from(instances) / 60.0);
            let (warm_up, length) = (seconds(120), seconds(1_320));
            Scenario { arrivals, warm_up, length, ..pool(60, hold, keep, routing) }.named(name)
        })
    });
    let columns = vec![
        Column::Name,
        Column::Answers,
        Column::Connects,
        Column::Requests,
        Column::Out,
        Column::Kept,
        Column::MostKept,
        Column::Connections,
        Column::Rejected,
        Column::BesideKept,
    ];
    Section { name: "warm-sparse", columns, rows: rows.collect() }
}
