//! A simulation of admission by discrete events: what a decision costs, how full a pool is and who waits,
//! at ten and a hundred times the load, with thousands of containers and pools of thousands of slots.
//!
//! `cargo run --package sim` prints the tables of `docs/simulation.md`, and with `--write` puts them there.
//!
//! # What is in it
//!
//! A [`Scenario`](scenario::Scenario) is run from an empty pool until its last holder is gone, by a list of
//! what happens next. Its random generator is seeded: the same scenario has the same outcome each time. (Not on each
//! platform to the last digit: logarithms differ.)
//!
//! The rules are not copied. What a caller does next is
//! [`rejection`](rds_admission::pool::rejection)'s to say, and what a conditional write finds
//! [`Pool::plan_acquire`](rds_admission::pool::Pool::plan_acquire)'s; what is kept between two requests is
//! [`warm`](rds_admission::pool::warm)'s. What surrounds them is a
//! [`Cloud`](scenario::Cloud): latencies, the table's limits, how far replicas are behind. See
//! `docs/simulation.md` for what is assumed, and on what grounds.

mod acquire;
mod agenda;
mod arrivals;
mod caller;
mod chance;
mod cloud;
mod column;
pub mod constants;
mod decide;
mod deciders;
mod fleet;
mod holders;
mod holding;
mod measure;
mod outcome;
pub mod report;
pub mod scenario;
pub mod sections;
mod table;
mod tally;
mod warm;
mod world;

pub use chance::Latency;
pub use column::Column;
pub use outcome::{Outcome, Times};
pub use world::run;
