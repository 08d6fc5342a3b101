//! Fault injection: floods a local stack, injects faults into all its parts, observes the database, and checks
//! the guarantees.
//!
//! | module | concept |
//! |---|---|
//! | [`flood`] | users, whose every answer must be one of the contract |
//! | [`faults`] | kills and freezes of instances in all phases; faults of DynamoDB, Secrets Manager and the database |
//! | [`server`] | samples of the server's connections: never more than slots |
//! | [`pool`] | samples of the pool's items: never more leases than slots, and each count correct |
//! | [`frozen`] | instances frozen beyond their lease: none may have a connection |
//! | [`aftermath`] | after the run: every slot can be acquired again |
//! | [`verdict`] | the failures |
//!
//! The local stack offers the faults over HTTP ([`control`]).

mod aftermath;
mod answer;
mod args;
mod control;
mod evidence;
mod faults;
mod flood;
mod frozen;
mod ledger;
mod logs;
mod pool;
mod report;
mod run;
mod run_context;
mod sampler;
mod server;
mod sockets;
mod verdict;

pub use args::Args;
pub use run::run;
pub use verdict::Verdict;
