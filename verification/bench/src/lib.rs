//! The cost of an admission decision, in time and in capacity units: compared with bare writes of the same
//! item, with the bare count of the article's sample, and under overload.
//!
//! `make bench` measures all of it and writes the tables into `docs/performance.md`.
//!
//! | module | concept |
//! |---|---|
//! | [`server`] | an embedded DynamoDB over HTTP, in a process of its own |
//! | [`subject`] | what is measured: bare writes, the bare count, the store, the handler, the deployed counter |
//! | [`decider`] | the store alone, or behind a controller |
//! | [`rounds`] | interleaved rounds, each compared with the bare writes of the same turn |
//! | [`machine`] | processor time, which is meaningful on a busy machine too |
//! | [`pools`] | pools of a given occupancy, each with an item of the same size for bare writes |
//! | [`rush`] | ten times the demand that a pool can admit |
//! | [`sections`] | the tables |

pub mod decider;
pub mod latencies;
pub mod machine;
pub mod pools;
pub mod rounds;
pub mod rush;
pub mod sections;
pub mod server;
pub mod subject;
pub mod table;
