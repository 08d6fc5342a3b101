//! The pool's size against what the server takes.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use rds_admission::pool::PoolSize;

use super::report::Finding;
use crate::words::counted;

/// How a server's connections are meant to be divided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Connections that are divided; `None`: all that the server takes.
    pub(crate) sized_for: Option<NonZeroU32>,
    /// Connections that stay outside the pool.
    pub(crate) reserved: u32,
    /// Slots that only class priority may take.
    pub(crate) priority: u32,
}

/// The pool against what the server takes, divided as is meant.
pub(super) fn sizing(found: PoolSize, takes: u32, plan: Plan) -> Option<Finding> {
    const CHECK: &str = "sizing";
    let Plan { sized_for, reserved, priority } = plan;
    let all = sized_for.map_or(takes, |all| all.get().min(takes));
    let expected = match PoolSize::divide(all, reserved, priority) {
        Ok(expected) if expected == found => return None,
        Ok(expected) => expected,
        Err(error) => {
            let says =
                format!("The server takes {takes} connections, and {all} make no pool: {error}.");
            let advice = "give the server more (max_connections), or --reserved and --priority-slots as they \
                          are meant.";
            return Some(Finding::problem(CHECK, says, advice));
        }
    };
    let (slots, fit) = (found.max_connections(), expected.max_connections());
    let why = if slots > takes {
        "the server can be exhausted"
    } else if slots > fit {
        "people and RDS itself may be locked out"
    } else if slots < fit {
        "callers are refused whom it could serve"
    } else if kept(found) < priority {
        "rotation and repair may be shut out"
    } else {
        "class standard is refused slots that are meant for it"
    };
    let resize = format!("slots resize {fit} --priority {priority}");
    let priority_now = kept(found);
    let advice = match slots.cmp(&fit) {
        Ordering::Greater => format!("{resize}; or give the server more (max_connections)."),
        Ordering::Equal => {
            format!("{resize}. If it is meant so, say it: --priority-slots {priority_now}.")
        }
        // To make it larger is what does harm where it is wrong.
        Ordering::Less => format!(
            "if it is meant so, say it: --max-connections, as the template's ExistingMaxConnections, or \
             --reserved {} --priority-slots {priority_now}. If not, {resize}.",
            all.saturating_sub(slots)
        ),
    };
    let says = format!(
        "The pool has {}. Meant are {}: of the {takes} connections that the server takes, {all} less \
         {reserved} that are reserved. So {why}.",
        in_words(found),
        in_words(expected)
    );
    Some(Finding::problem(CHECK, says, advice))
}

/// Slots that only class priority may take.
fn kept(size: PoolSize) -> u32 {
    size.max_connections() - size.standard_limit()
}

fn in_words(size: PoolSize) -> String {
    let slots = counted(size.max_connections(), "slot", "slots");
    format!("{slots}, {} of them for class priority alone", kept(size))
}

#[cfg(test)]
mod tests {
    use super::super::report::Severity;
    use super::*;

    const PLAN: Plan = Plan { sized_for: None, reserved: 4, priority: 2 };

    /// What is said of a pool of so many slots, so many of them for class priority, on a server that takes 66
    /// connections, 4 of them reserved.
    fn sized(slots: u32, priority: u32, plan: Plan) -> Option<Finding> {
        let size = PoolSize::divide(slots, 0, priority).expect("a size");
        sizing(size, 66, plan)
    }

    #[test]
    fn a_pool_of_another_size_or_division_than_is_meant_is_found() {
        assert_eq!(sized(62, 2, PLAN), None);
        for (slots, priority, why) in [
            (67, 2, "can be exhausted"),
            (63, 2, "locked out"),
            (61, 2, "callers are refused"),
            (40, 2, "callers are refused"),
            (62, 0, "rotation and repair"),
            (62, 3, "class standard is refused"),
        ] {
            let found = sized(slots, priority, PLAN).expect("a finding");
            assert_eq!((found.check, found.severity), ("sizing", Severity::Problem));
            let has = format!("The pool has {slots} slots, {priority} of them");
            let meant = "Meant are 62 slots, 2 of them";
            for part in [has.as_str(), meant, why] {
                assert!(found.says.contains(part), "{}", found.says);
            }
            let advice = found.advice.expect("an advice");
            assert!(advice.contains("slots resize 62 --priority 2"), "{advice}");
            assert_eq!(advice.starts_with("if it is meant so"), slots < 62, "{advice}");
        }
    }

    #[test]
    fn a_smaller_pool_that_is_meant_is_said_so_as_the_advice_has_it() {
        let advice = sized(40, 1, PLAN).and_then(|found| found.advice).expect("an advice");
        assert!(advice.contains("--reserved 26 --priority-slots 1."), "{advice}");
        assert_eq!(sized(40, 1, Plan { reserved: 26, priority: 1, ..PLAN }), None);
    }

    #[test]
    fn a_pool_may_be_sized_for_a_part_of_the_server_and_not_for_more() {
        let sized_for = |all| Plan { sized_for: NonZeroU32::new(all), ..PLAN };
        assert_eq!(sized(40, 2, sized_for(44)), None);
        let found = sized(40, 2, sized_for(50)).expect("a finding");
        assert!(
            found.says.contains("66 connections that the server takes, 50 less 4"),
            "{found:?}"
        );
        assert!(found.advice.is_some_and(|advice| advice.contains("slots resize 46 --priority 2")));
        assert_eq!(sized(62, 2, sized_for(100)), None);
        assert!(sized(96, 2, sized_for(100)).is_some_and(|found| found.says.contains("exhausted")));
    }

    #[test]
    fn a_server_that_is_too_small_for_any_pool_is_found() {
        for plan in [Plan { reserved: 66, ..PLAN }, Plan { priority: 62, ..PLAN }] {
            assert_eq!(sized(62, 2, plan).map(|found| found.check), Some("sizing"));
        }
    }
}
