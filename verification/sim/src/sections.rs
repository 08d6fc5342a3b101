//! What is simulated for `docs/simulation.md`: a section for each question.

mod warm;

use std::time::Duration;

use crate::column::{Column, Section, words};
use crate::scenario::{Algorithm, Arrivals, Cloud, Hold, Routing, Scenario, Via};

const LEAD: [Column; 4] = [Column::NAME, Column::GOODPUT, Column::UTILISATION, Column::UNITS];
const ALGORITHMS: [Algorithm; 3] = [Algorithm::BareCount, Algorithm::Plain, Algorithm::Cached];

/// Who may decide, from few that see much to many that see little.
pub(crate) const DECIDERS: [(&str, Via); 6] = [
    ("one process", Via::Processes(1)),
    ("20 processes", Via::Processes(20)),
    ("counters, last used first", Via::Counter(1_000, Routing::Recent)),
    ("counters, any of 300", Via::Counter(1_000, Routing::Any(300))),
    ("containers, last used first", Via::Containers(Routing::Recent)),
    ("containers, any of 1,000", Via::Containers(Routing::Any(1_000))),
];

/// All sections.
#[must_use]
pub fn all() -> Vec<Section> {
    vec![
        algorithms(),
        spike(),
        deciders(),
        overload(),
        sizes(),
        clients(),
        waiting(),
        ebb(),
        crashes(),
        retries(),
        staleness(),
        warm::steady(),
        warm::surge(),
        warm::sparse(),
        warm::shares(),
    ]
}

fn section(
    name: &'static str,
    more: &[Column],
    rows: impl IntoIterator<Item = Scenario>,
) -> Section {
    let columns = LEAD.iter().chain(more).copied().collect();
    Section { name, columns, rows: rows.into_iter().collect() }
}

fn held(hold: Duration) -> Scenario {
    Scenario { hold: Hold::Around(hold), ..Scenario::default() }.at(10.0)
}

fn algorithms() -> Section {
    let holds = [Duration::from_millis(50), Duration::from_secs(1), Duration::from_secs(5)];
    let rows = holds.into_iter().flat_map(|hold| {
        ALGORITHMS.map(|algorithm| {
            let name = format!("{}, {algorithm}", words(hold));
            Scenario { algorithm, ..held(hold) }.named(name)
        })
    });
    let more = [
        Column::PEEKS,
        Column::FAILED,
        Column::WRITES,
        Column::READS,
        Column::THROTTLED,
        Column::GRANT,
        Column::REFUSAL,
        Column::RELEASE,
    ];
    section("algorithms", &more, rows)
}

fn spike() -> Section {
    let rows = [Algorithm::Plain, Algorithm::Cached].map(|algorithm| {
        let scenario = Scenario {
            algorithm,
            hold: Hold::Exactly(Duration::from_secs(4)),
            ..Scenario::default()
        };
        let length = Duration::from_secs(60);
        let arrivals = Arrivals::Open(150.0);
        Scenario { arrivals, warm_up: Duration::from_secs(5), length, ..scenario }
            .named(algorithm.to_string())
    });
    section("spike", &[Column::FAILED, Column::REFUSAL, Column::RELEASE], rows)
}

fn deciders() -> Section {
    let pools = [(60, 1_000), (60, 5_000), (60, 50), (10, 1_000), (10, 5_000)];
    let rows = pools.into_iter().flat_map(|(slots, hold)| {
        DECIDERS.map(|(who, via)| {
            let hold = Duration::from_millis(hold);
            let name = format!("{slots} slots, {}, {who}", words(hold));
            let scenario = Scenario { slots, via, hold: Hold::Around(hold), ..Scenario::default() };
            settled(scenario.at(10.0)).named(name)
        })
    });
    section("deciders", &[Column::PEEKS, Column::FAILED, Column::THROTTLED, Column::RELEASE], rows)
}

/// The same, measured only when the instances have been there for half a minute.
fn settled(scenario: Scenario) -> Scenario {
    let measured = scenario.length.saturating_sub(scenario.warm_up);
    let warm_up = scenario.warm_up.max(Duration::from_secs(30));
    Scenario { warm_up, length: warm_up + measured, ..scenario }
}

fn overload() -> Section {
    let rows = [0.5, 0.8, 1.5, 3.0, 10.0, 100.0].into_iter().flat_map(|times| {
        [Algorithm::Plain, Algorithm::Cached].map(|algorithm| {
            let name = format!("{times} times, {algorithm}");
            Scenario { algorithm, ..Scenario::default() }.at(times).named(name)
        })
    });
    let more =
        [Column::REJECTED, Column::BESIDE_ROOM, Column::PEEKS, Column::FAILED, Column::PEAK_WRITES];
    section("overload", &more, rows)
}

fn sizes() -> Section {
    let sized = |slots, slots_per_item, algorithm: Algorithm| {
        let scenario = Scenario { slots, slots_per_item, algorithm, ..Scenario::default() };
        let items = scenario.items();
        let items = if items == 1 { "1 item".to_owned() } else { format!("{items} items") };
        scenario.at(10.0).named(format!("{slots}, {items}, {algorithm}"))
    };
    let rows = [
        sized(60, 60, Algorithm::Plain),
        sized(60, 60, Algorithm::Cached),
        sized(600, 60, Algorithm::Plain),
        sized(600, 60, Algorithm::Cached),
        sized(1_000, 1_000, Algorithm::BareCount),
        sized(1_000, 1_000, Algorithm::Plain),
        sized(1_000, 1_000, Algorithm::Cached),
        sized(1_000, 60, Algorithm::Plain),
        sized(1_000, 60, Algorithm::Cached),
        sized(5_000, 5_000, Algorithm::BareCount),
        sized(5_000, 60, Algorithm::Cached),
    ];
    let more = [
        Column::PEEKS,
        Column::FAILED,
        Column::WRITES,
        Column::PEAK_WRITES,
        Column::THROTTLED,
        Column::GRANT,
        Column::RELEASE,
    ];
    section("sizes", &more, rows)
}

fn clients() -> Section {
    let rows = [600, 10_000].into_iter().flat_map(|clients| {
        [Algorithm::Plain, Algorithm::Cached].map(|algorithm| {
            let name = format!("{clients} clients, {algorithm}");
            let arrivals = Arrivals::Closed(clients, Duration::from_secs(1));
            let (warm_up, length) = (Duration::from_secs(120), Duration::from_secs(720));
            Scenario { arrivals, algorithm, warm_up, length, ..Scenario::default() }.named(name)
        })
    });
    let more = [Column::ARRIVED, Column::BETWEEN, Column::MOST_REFUSED, Column::FAIRNESS];
    section("clients", &more, rows)
}

fn waiting() -> Section {
    let rows = [1.2, 3.0, 10.0].into_iter().flat_map(|times| {
        [0, 1, 5, 10].map(|wait| {
            let name = format!("{times} times, waits {wait} s");
            Scenario { wait: Duration::from_secs(wait), ..Scenario::default() }
                .at(times)
                .named(name)
        })
    });
    let more =
        [Column::REJECTED, Column::UNITS_A_REFUSAL, Column::WAITED, Column::WRITES, Column::READS];
    section("waiting", &more, rows)
}

/// A rush of a minute, and the minute after it with half the callers that the pool can admit.
pub(crate) fn ebbing(via: Via) -> Scenario {
    let scenario = Scenario { via, ..Scenario::default() };
    let capacity = scenario.capacity();
    let ends = Duration::from_secs(60);
    Scenario {
        arrivals: Arrivals::Ebb(capacity * 10.0, ends, capacity * 0.5),
        warm_up: ends,
        length: ends * 2,
        ..scenario
    }
}

fn ebb() -> Section {
    let counters = Via::Counter(1_000, Routing::Recent);
    let plain = Scenario { algorithm: Algorithm::Plain, ..ebbing(counters) };
    let cached = DECIDERS.map(|(who, via)| ebbing(via).named(format!("cached, {who}")));
    let rows = [plain.named("plain")].into_iter().chain(cached);
    section("ebb", &[Column::REJECTED, Column::BESIDE_ROOM, Column::PEEKS], rows)
}

fn crashes() -> Section {
    let rows = ALGORITHMS.map(|algorithm| {
        let scenario = Scenario { algorithm, crashes: 0.005, ..Scenario::default() };
        let (warm_up, length) = (Duration::from_secs(300), Duration::from_secs(900));
        Scenario { warm_up, length, ..scenario }.named(algorithm.to_string())
    });
    section("crashes", &[Column::LOST, Column::FAILED], rows)
}

fn retries() -> Section {
    let rows = [Algorithm::Plain, Algorithm::Cached].into_iter().flat_map(|algorithm| {
        let own = Scenario { algorithm, ..held(Duration::from_millis(50)) };
        let cloud = Cloud::default().with_the_sdks_retries();
        let sdks = Scenario { cloud, ..own.clone() };
        [
            sdks.named(format!("{algorithm}, SDK defaults")),
            own.named(format!("{algorithm}, as configured")),
        ]
    });
    let more = [Column::THROTTLED, Column::THROTTLED_RELEASES, Column::GRANT, Column::RELEASE];
    section("retries", &more, rows)
}

fn staleness() -> Section {
    let rows = [0, 20, 100, 500].map(|millis| {
        let staleness = Duration::from_millis(millis);
        let cloud = Cloud { staleness, ..Cloud::default() };
        let via = Via::Counter(1_000, Routing::Any(300));
        Scenario { via, cloud, ..Scenario::default() }.named(words(staleness))
    });
    section("staleness", &[Column::PEEKS, Column::FAILED], rows)
}
