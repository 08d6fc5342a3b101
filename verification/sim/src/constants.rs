//! What becomes of cost and utilisation when a number of the rule is another.

use std::time::Duration;

use rds_admission::pool::frugal::Tuning;

use crate::column::{percent, time};
use crate::outcome::Outcome;
use crate::scenario::{Hold, Routing, Scenario, Via};
use crate::sections::ebbing;

/// The rule with one number changed.
#[derive(Debug, Clone)]
pub struct Variation {
    /// Which, and how.
    pub name: String,
    /// All of them.
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

/// The numbers as they are, and each of them halved and doubled.
#[must_use]
pub fn variations() -> Vec<Variation> {
    let as_is = Tuning::default();
    let mut variations = vec![Variation { name: "as it is".to_owned(), tuning: as_is }];
    let mut vary = |name: &str, change: &dyn Fn(Tuning, u32) -> Tuning| {
        for (half, word) in [(1, "half"), (4, "twice")] {
            let name = format!("`{name}`: {word}");
            variations.push(Variation { name, tuning: change(as_is, half) });
        }
    };
    // Changed to so many halves of what it is.
    let times = |value: f64, halves: u32| value * f64::from(halves) / 2.0;
    vary("looks", &|t, n| Tuning { looks: times(t.looks, n), ..t });
    vary("looks_of_few", &|t, n| Tuning { looks_of_few: times(t.looks_of_few, n), ..t });
    vary("memory", &|t, n| Tuning { memory: t.memory * n / 2, ..t });
    vary("calm", &|t, n| Tuning { calm: t.calm * n / 2, ..t });
    vary("tight", &|t, n| Tuning { tight: t.tight * n / 2, ..t });
    vary("ample", &|t, n| Tuning { ample: t.ample * n / 2, ..t });
    vary("rivals", &|t, n| Tuning { rivals: times(t.rivals, n), ..t });
    vary("lost", &|t, n| Tuning { lost: 1.0 + times(t.lost - 1.0, n), ..t });
    vary("won", &|t, n| Tuning { won: 1.0 - times(1.0 - t.won, n), ..t });
    vary("late", &|t, n| Tuning { late: t.late * n / 2, ..t });
    vary("tries", &|t, n| Tuning { tries: t.tries * n as usize / 2, ..t });
    vary("throttled", &|t, n| Tuning { throttled: (times(t.throttled, n)).min(0.9), ..t });
    vary("applied", &|t, n| Tuning { applied: 1.0 + times(t.applied - 1.0, n), ..t });
    vary("once", &|t, n| Tuning { once: t.once * n / 2, ..t });
    variations
}

/// Where it shows.
#[must_use]
pub fn probes() -> Vec<Probe> {
    let price = |outcome: &Outcome| {
        format!("{:.2}, {}", outcome.units_a_rejection(), percent(outcome.utilisation))
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
            name: "after a rush, any of 1,000 containers",
            scenario: ebbing(any),
            shown: |outcome| {
                let (rejected, looks) = (outcome.rejected_share(), outcome.looks_a_grant());
                format!("{} rejected, {looks:.2} looks", percent(rejected))
            },
        },
    ]
}
