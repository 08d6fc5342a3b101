//! The tables.

mod compared;
mod rush;
mod setting;
mod steps;
mod units;

use anyhow::{Result, bail, ensure};
use comfy_table::Table;

use crate::pools::Occupancy;
use crate::subject::Operation;
pub use setting::Options;

/// The table that needs a local stack.
pub const DEPLOYED: &str = "lambda";
const STORE: &str = "store";
const STEPS: &str = "steps";
const REFUSALS: &str = "refusals";
const HANDLER: &str = "handler";
const UNITS: &str = "units";
const RUSH: &str = "rush";

/// The tables of these names; without names, all that need no stack.
///
/// # Errors
/// When a name is unknown.
pub fn chosen(only: &[String]) -> Result<Vec<&'static str>> {
    let all = [STORE, STEPS, REFUSALS, HANDLER, UNITS, RUSH, DEPLOYED];
    for only in only {
        ensure!(all.contains(&only.as_str()), "no table {only:?}; there are {}", all.join(", "));
    }
    let is_chosen = |name: &&str| match only {
        [] => *name != DEPLOYED,
        _ => only.iter().any(|only| only == name),
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Measures one table.
///
/// # Errors
/// When a step fails, or a decision is not the expected one.
pub async fn measure(name: &str, options: &Options) -> Result<Table> {
    let with_room = [Occupancy::QUIET, Occupancy::NEARLY_FULL];
    match name {
        STORE => compared::store(options, &with_room, Operation::Pair).await,
        STEPS => steps::table(options).await,
        REFUSALS => compared::store(options, &[Occupancy::FULL], Operation::Rejection).await,
        HANDLER => compared::handler(options).await,
        UNITS => units::table(options).await,
        RUSH => rush::table(options).await,
        DEPLOYED => compared::deployed(options).await,
        _ => bail!("no table {name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_all_tables_are_chosen_that_need_no_stack() {
        let all = chosen(&[]).expect("there are some");
        assert!(all.contains(&STORE) && !all.contains(&DEPLOYED));
        assert_eq!(chosen(&[DEPLOYED.to_owned()]).expect("it is one"), [DEPLOYED]);
        assert!(chosen(&["none".to_owned()]).is_err());
    }
}
