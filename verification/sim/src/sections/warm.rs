//! Slots that are kept between requests: what it saves, what becomes of it in a surge, and what it costs.

use std::time::Duration;

use rds_admission::pool::GRACE;
use rds_admission::pool::warm::{Share, Warm};
use rds_admission::time::Seconds;

use crate::chance::Latency;
use crate::column::{Column, Section, words};
use crate::scenario::{Arrivals, Cloud, Hold, Query, Routing, Scenario, Via};

/// Seconds for which slots are kept; with 0 of them none are.
const KEEPS: [u32; 3] = [0, 10, 60];
/// Below which shares of the pool they are kept; 0 is none.
const SHARES: [f64; 5] = [0.0, 0.1, 0.3, 0.5, 0.7];
/// What a query may take: the template's default.
const DEADLINE: Duration = Duration::from_secs(20);
/// The mean pause of a caller that was answered.
const THINK: Duration = Duration::from_millis(100);
/// The mean time for which a slot is held where the pool has room, and where it has not.
const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_millis(200);
/// When the surge comes: after slots have been kept for some minutes.
const SURGE: u32 = 180;
/// The windows of a surge that are shown: from and to, in seconds after its begin.
const WINDOWS: [(u32, u32); 6] = [(0, 2), (2, 5), (5, 10), (10, 20), (20, 30), (30, 60)];

/// A pool with counters, whose query runs in instances that keep their slots like that.
fn pool(slots: u32, hold: Duration, warm: Option<Warm>, routing: Routing) -> Scenario {
    // A new connection to a server of RDS, with its handshakes.
    let cloud = Cloud { connect: Latency::millis(15, 40), ..Cloud::default() };
    let (query, lease) = (Some(Query { routing, warm }), DEADLINE + Duration::from(GRACE));
    let hold = Hold::Around(hold);
    Scenario { slots, hold, lease, query, cloud, ..Scenario::default() }
}

fn kept_for(keep: u32) -> Option<Warm> {
    Warm::new(Seconds(keep), Warm::BELOW).ok()
}

fn kept_below(share: f64) -> Option<Warm> {
    Share::new(share).ok().and_then(|below| Warm::new(Seconds(10), below).ok())
}

fn mode(warm: Option<Warm>) -> String {
    warm.map_or("strict".to_owned(), |warm| format!("W = {} s", warm.keep().0))
}

/// A number of callers that return.
fn light(callers: u32, slots: u32, warm: Option<Warm>) -> Scenario {
    let arrivals = Arrivals::Closed(callers, THINK);
    let (warm_up, length) = (Duration::from_secs(120), Duration::from_secs(420));
    Scenario { arrivals, warm_up, length, ..pool(slots, SHORT, warm, Routing::Recent) }
}

pub(super) fn steady() -> Section {
    let pools = [
        (20, 60, Scenario::default().via, ""),
        (20, 60, Via::Containers(Routing::Recent), ", no counter"),
        (300, 1_000, Scenario::default().via, ""),
    ];
    let rows = pools.into_iter().flat_map(|(callers, slots, via, how)| {
        KEEPS.map(kept_for).map(|warm| {
            let name = format!("{callers} callers, {slots} slots{how}, {}", mode(warm));
            Scenario { via, ..light(callers, slots, warm) }.named(name)
        })
    });
    let columns = vec![
        Column::NAME,
        Column::ANSWERS,
        Column::CONNECTS,
        Column::REQUESTS,
        Column::WRITE_UNITS,
        Column::ANSWER,
        Column::BESIDE_THE_WORK,
        Column::OUT,
        Column::KEPT,
        Column::MOST_KEPT,
    ];
    Section { name: "warm-steady", columns, rows: rows.collect() }
}

/// A surge: callers before it, and within a second those after it.
fn surging(slots: u32, callers: (u32, u32), warm: Option<Warm>, window: (u32, u32)) -> Scenario {
    let at = |second: u32| Duration::from_secs((SURGE + second).into());
    let (before, after) = callers;
    let arrivals = Arrivals::Surge { before, at: at(0), after, think: THINK };
    let (warm_up, length) = (at(window.0), at(window.1));
    Scenario { arrivals, warm_up, length, ..pool(slots, LONG, warm, Routing::Recent) }
}

pub(super) fn surge() -> Section {
    let pools = [(60, (20, 300)), (1_000, (300, 10_000))];
    let rows = pools.into_iter().flat_map(|(slots, callers)| {
        KEEPS.map(kept_for).into_iter().flat_map(move |warm| {
            WINDOWS.map(|window| {
                let (from, to) = window;
                let name = format!("{slots} slots, {}, {from} to {to} s", mode(warm));
                surging(slots, callers, warm, window).named(name)
            })
        })
    });
    let columns = vec![
        Column::NAME,
        Column::ARRIVED,
        Column::ANSWERS,
        Column::UTILISATION,
        Column::KEPT,
        Column::MOST_KEPT,
        Column::REJECTED,
        Column::BESIDE_KEPT,
    ];
    Section { name: "warm-surge", columns, rows: rows.collect() }
}

/// A number of instances with one request a minute each.
fn rare(instances: u32, hold: Duration, warm: Option<Warm>) -> Scenario {
    let arrivals = Arrivals::Open(f64::from(instances) / 60.0);
    let (warm_up, length) = (Duration::from_secs(120), Duration::from_secs(1_320));
    let routing = Routing::Any(instances as usize);
    Scenario { arrivals, warm_up, length, ..pool(60, hold, warm, routing) }
}

pub(super) fn sparse() -> Section {
    let runs = [(60, 50), (300, 50), (1_000, 50), (1_000, 1_000), (1_500, 1_000), (2_000, 1_000)];
    let rows = runs.into_iter().flat_map(|(instances, hold)| {
        KEEPS.map(kept_for).map(|warm| {
            let hold = Duration::from_millis(hold);
            let name = format!("{instances} instances, {}, {}", words(hold), mode(warm));
            rare(instances, hold, warm).named(name)
        })
    });
    let columns = vec![
        Column::NAME,
        Column::ANSWERS,
        Column::CONNECTS,
        Column::REQUESTS,
        Column::OUT,
        Column::KEPT,
        Column::MOST_KEPT,
        Column::CONNECTIONS,
        Column::REJECTED,
        Column::BESIDE_KEPT,
    ];
    Section { name: "warm-sparse", columns, rows: rows.collect() }
}

pub(super) fn shares() -> Section {
    let at = |what: &str, share: f64| {
        let how = if share > 0.0 { format!("B = {share}") } else { "strict".to_owned() };
        format!("{what}, {how}")
    };
    let rows = [
        SHARES.map(|share| light(20, 60, kept_below(share)).named(at("steady", share))),
        SHARES.map(|share| {
            let warm = kept_below(share);
            surging(1_000, (300, 10_000), warm, (2, 20)).named(at("surge, 2 to 20 s", share))
        }),
        SHARES.map(|share| {
            rare(2_000, Duration::from_secs(1), kept_below(share)).named(at("rare requests", share))
        }),
    ];
    let columns = vec![
        Column::NAME,
        Column::ANSWERS,
        Column::CONNECTS,
        Column::REQUESTS,
        Column::OUT,
        Column::KEPT,
        Column::MOST_KEPT,
        Column::REJECTED,
    ];
    Section { name: "warm-shares", columns, rows: rows.concat() }
}
