//! Check of the pool's size against the server's.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use rds_admission::pool::PoolSize;

use super::report::Finding;
use crate::output::plural;

/// How the server's connections are meant to be divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Connections to divide; `None`: all that the server accepts.
    pub(super) sized_for: Option<NonZeroU32>,
    /// Connections outside the pool.
    pub(super) reserved: u32,
    /// Slots for class priority only.
    pub(super) priority: u32,
}

/// Compares the pool's size with the plan, for a server that accepts `accepted` connections.
pub(super) fn sizing(actual: PoolSize, accepted: u32, plan: Plan) -> Option<Finding> {
    const CHECK: &str = "sizing";
    let Plan { sized_for, reserved, priority } = plan;
    let all = sized_for.map_or(accepted, |all| all.get().min(accepted));
    let expected = match PoolSize::divide(all, reserved, priority) {
        Ok(expected) if expected == actual => return None,
        Ok(expected) => expected,
        Err(error) => {
            let message = format!(
                "The server accepts {accepted} connections, and {all} make no pool: {error}."
            );
            let advice =
                "raise the server's max_connections, or correct --reserved and --priority-slots.";
            return Some(Finding::problem(CHECK, message, advice));
        }
    };
    let (slots, fit, priority_now) =
        (actual.max_connections(), expected.max_connections(), priority_only(actual));
    let effect = if slots > accepted {
        "The server can be exhausted"
    } else if slots > fit {
        "Operators and RDS itself may be locked out"
    } else if slots < fit {
        "Callers are rejected that the server could serve"
    } else if priority_now < priority {
        "Rotation and repair may find no slot"
    } else {
        "Class standard has fewer slots than planned"
    };
    let resize = format!("slots resize {fit} --priority {priority}");
    let advice = match slots.cmp(&fit) {
        Ordering::Greater => format!("{resize}; or raise the server's max_connections."),
        Ordering::Equal => {
            format!("{resize}. If this is intended: --priority-slots {priority_now}.")
        }
        // A larger pool does harm if the plan is wrong.
        Ordering::Less => format!(
            "if this is intended: --max-connections, as the template's ExistingMaxConnections, or --reserved {} \
             --priority-slots {priority_now}. If not: {resize}.",
            all.saturating_sub(slots)
        ),
    };
    let message = format!(
        "The pool has {}. Expected are {}: {all} of the {accepted} connections that the server accepts, less \
         {reserved} reserved. {effect}.",
        describe(actual),
        describe(expected)
    );
    Some(Finding::problem(CHECK, message, advice))
}

fn priority_only(size: PoolSize) -> u32 {
    size.max_connections() - size.standard_limit()
}

fn describe(size: PoolSize) -> String {
    let slots = plural(size.max_connections(), "slot", "slots");
    format!("{slots}, {} of them for class priority only", priority_only(size))
}

#[cfg(test)]
mod tests {
    use super::super::report::Severity;
    use super::*;

    const PLAN: Plan = Plan { sized_for: None, reserved: 4, priority: 2 };

    /// Checks a pool on a server that accepts 66 connections.
    fn sized(slots: u32, priority: u32, plan: Plan) -> Option<Finding> {
        let size = PoolSize::divide(slots, 0, priority).expect("a size");
        sizing(size, 66, plan)
    }

    #[test]
    fn a_pool_that_differs_from_the_plan_is_found() {
        assert_eq!(sized(62, 2, PLAN), None);
        for (slots, priority, effect) in [
            (67, 2, "can be exhausted"),
            (63, 2, "locked out"),
            (61, 2, "Callers are rejected"),
            (40, 2, "Callers are rejected"),
            (62, 0, "Rotation and repair"),
            (62, 3, "Class standard has fewer"),
        ] {
            let found = sized(slots, priority, PLAN).expect("a finding");
            assert_eq!((found.check, found.severity), ("sizing", Severity::Problem));
            let has = format!("The pool has {slots} slots, {priority} of them");
            let expected = "Expected are 62 slots, 2 of them";
            for part in [has.as_str(), expected, effect] {
                assert!(found.message.contains(part), "{}", found.message);
            }
            let advice = found.advice.expect("an advice");
            assert!(advice.contains("slots resize 62 --priority 2"), "{advice}");
            assert_eq!(advice.starts_with("if this is intended"), slots < 62, "{advice}");
        }
    }

    #[test]
    fn the_advice_for_an_intended_smaller_pool_works() {
        let advice = sized(40, 1, PLAN).and_then(|found| found.advice).expect("an advice");
        assert!(advice.contains("--reserved 26 --priority-slots 1."), "{advice}");
        assert_eq!(sized(40, 1, Plan { reserved: 26, priority: 1, ..PLAN }), None);
    }

    #[test]
    fn a_pool_may_be_sized_for_a_part_of_the_server_only() {
        let sized_for = |all| Plan { sized_for: NonZeroU32::new(all), ..PLAN };
        assert_eq!(sized(40, 2, sized_for(44)), None);
        let found = sized(40, 2, sized_for(50)).expect("a finding");
        assert!(
            found.message.contains("50 of the 66 connections that the server accepts, less 4"),
            "{found:?}"
        );
        assert!(found.advice.is_some_and(|advice| advice.contains("slots resize 46 --priority 2")));
        assert_eq!(sized(62, 2, sized_for(100)), None);
        assert!(
            sized(96, 2, sized_for(100)).is_some_and(|found| found.message.contains("exhausted"))
        );
    }

    #[test]
    fn a_server_that_is_too_small_for_any_pool_is_found() {
        for plan in [Plan { reserved: 66, ..PLAN }, Plan { priority: 62, ..PLAN }] {
            assert_eq!(sized(62, 2, plan).map(|found| found.check), Some("sizing"));
        }
    }
}
