//! What becomes of cost and utilisation when a number of the rule is another.

use std::time::Duration;

use rds_admission::pool::rejection::Tuning;

use crate::column::{percent, time};
use crate::outcome::Outcome;
use crate::scenario::{Arrivals, Hold, Routing, Scenario, Via};
use crate::sections::ebbing;

/// The rule with one constant changed.
#[derive(Debug, Clone)]
pub struct Variation {
    /// The constant, and its change.
    pub name: String,
    /// The constants.
    pub tuning: Tuning,
}

/// A place where it shows, and what is shown of it.
#[derive(Debug)]
pub struct Probe {
    /// What it is.
    pub name: &'static str,
    /// The run, with the numbers as they are.
    pub scenario: Scenario,
    /// What is shown.
    pub shown: fn(&Outcome) -> String,
}

/// The defaults, and each constant halved and doubled (integers rounded up).
#[must_use]
pub fn variations() -> Vec<Variation> {
    let default = Tuning::default();
    let mut variations = vec![Variation { name: "default".to_owned(), tuning: default }];
    let mut vary = |name: &str, change: &dyn Fn(Tuning, u32) -> Tuning| {
        for (halves, factor) in [(1, "half"), (4, "twice")] {
            let name = format!("`{name}`: {factor}");
            variations.push(Variation { name, tuning: change(default, halves) });
        }
    };
    let times = |value: f64, halves: u32| value * f64::from(halves) / 2.0;
    vary("peeks_per_slot", &|t, n| Tuning {
        peeks_per_slot: (t.peeks_per_slot * n).div_ceil(2),
        ..t
    });
    vary("cooldown", &|t, n| Tuning { cooldown: t.cooldown * n / 2, ..t });
    vary("full_threshold", &|t, n| Tuning { full_threshold: t.full_threshold * n / 2, ..t });
    vary("rivals", &|t, n| Tuning { rivals: times(t.rivals, n), ..t });
    vary("rival_step", &|t, n| Tuning { rival_step: times(t.rival_step, n), ..t });
    vary("replication_lag", &|t, n| Tuning { replication_lag: t.replication_lag * n / 2, ..t });
    vary("throttle_window", &|t, n| Tuning { throttle_window: t.throttle_window * n / 2, ..t });
    vary("throttle_recovery", &|t, n| Tuning {
        throttle_recovery: t.throttle_recovery * n / 2,
        ..t
    });
    vary("contention_window", &|t, n| Tuning {
        contention_window: times(t.contention_window, n),
        ..t
    });
    vary("max_retry_after", &|t, n| Tuning { max_retry_after: t.max_retry_after * n / 2, ..t });
    variations
}

/// Where it shows.
#[must_use]
pub fn probes() -> Vec<Probe> {
    let price = |outcome: &Outcome| {
        format!("{:.2}, {}", outcome.units_per_rejection(), percent(outcome.utilisation))
    };
    let any = Via::Containers(Routing::Any(1_000));
    let counters = Via::Counter(1_000, Routing::Any(300));
    let five = Hold::Around(Duration::from_secs(5));
    let short = Hold::Around(Duration::from_millis(50));
    let one = Via::Processes(1);
    let at = |scenario: Scenario, times| scenario.at(times);
    vec![
        Probe { name: "reference", scenario: Scenario::default(), shown: price },
        Probe {
            name: "any of 1,000 containers, 5 s",
            scenario: at(Scenario { via: any, hold: five, ..Scenario::default() }, 10.0),
            shown: price,
        },
        Probe {
            name: "10 slots, any of 300 counters",
            scenario: at(Scenario { slots: 10, via: counters, ..Scenario::default() }, 10.0),
            shown: price,
        },
        Probe {
            name: "one process, 100 times",
            scenario: at(Scenario { via: one, ..Scenario::default() }, 100.0),
            shown: price,
        },
        Probe {
            name: "1,000 slots, 0.95 times",
            scenario: at(Scenario { slots: 1_000, ..Scenario::default() }, 0.95),
            shown: |outcome| format!("{} rejected", percent(outcome.rejected_share())),
        },
        Probe {
            name: "600 slots, 50 ms, 20 processes",
            scenario: at(
                Scenario {
                    slots: 600,
                    via: Via::Processes(20),
                    hold: short,
                    ..Scenario::default()
                },
                10.0,
            ),
            shown: |outcome| {
                format!("{:.0}/s, release {}", outcome.goodput, time(outcome.release.p99))
            },
        },
        Probe {
            name: "10,000 clients that retry",
            scenario: Scenario {
                arrivals: Arrivals::Closed(10_000, Duration::from_secs(1)),
                warm_up: Duration::from_secs(60),
                length: Duration::from_secs(180),
                ..Scenario::default()
            },
            shown: |outcome| {
                format!("{:.2}, {} calls/s", outcome.units_per_rejection(), outcome.arrived / 120)
            },
        },
        Probe {
            name: "after an overload, any of 1,000 containers",
            scenario: ebbing(any),
            shown: |outcome| {
                let (rejected, peeks) = (outcome.rejected_share(), outcome.peeks_per_grant());
                format!("{} rejected, {peeks:.2} peeks", percent(rejected))
            },
        },
    ]
}
