//! What a decision costs, in time and in units: beside bare writes of the same item, beside a bare count as in
//! the article's sample, and in a rush.
//!
//! `make bench` measures all of it and puts the tables into `docs/performance.md`.
//!
//! | module | concept |
//! |---|---|
//! | [`server`] | an embedded DynamoDB over HTTP, in a process of its own |
//! | [`subject`] | what is measured: the floor, the bare count, the store's writes and the store, the handler, the deployed counter |
//! | [`decider`] | who decides: the store, or a controller with a memory |
//! | [`rounds`] | rounds in turn, and how one subject compares with the floor beside it |
//! | [`cpu`] | the processor time that this takes, on a machine that is not idle |
//! | [`pools`] | pools of a filling, each with a twin for the floor |
//! | [`meter`] | capacity units, as the database reports them, or by the [`size`] of an item |
//! | [`rush`] | ten times the callers that a pool can admit |
//! | [`sections`] | the tables |

pub mod cpu;
pub mod decider;
pub mod document;
pub mod latencies;
pub mod machine;
pub mod meter;
pub mod pools;
pub mod rounds;
pub mod rush;
pub mod sections;
pub mod server;
pub mod size;
pub mod subject;
pub mod table;
